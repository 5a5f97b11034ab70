#pragma once
#include <malloc.h>

// Lets every thread's memory grow by much at once. A thread's own memory otherwise grows by a page at a
// time, each with a call of the system, which is a tenth of what loading a large configuration costs.
static inline void mesh_grow_memory_fast(void) {
    mallopt(M_TOP_PAD, 64 << 20);
    // Setting one of these stops the adapting of the others: large buffers come and go while a
    // configuration is read, and need no mapping each.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

// Gives free memory back to the system; what is in use stays where it is.
static inline void mesh_trim_memory(void) { malloc_trim(0); }
