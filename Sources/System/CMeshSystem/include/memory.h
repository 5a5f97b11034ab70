#pragma once
#include <malloc.h>

// Lets every thread's memory grow by much at once, until it is trimmed.
static inline void mesh_grow_memory_fast(void) {
    mallopt(M_TOP_PAD, 64 << 20);
    // Setting an option stops glibc's own adapting of this one, which is where that ends with time.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

// Gives free memory back to the system; what is in use stays where it is. Memory grows as usual again.
static inline void mesh_trim_memory(void) {
    mallopt(M_TOP_PAD, 128 << 10);
    malloc_trim(0);
}
