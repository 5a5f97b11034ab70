#pragma once
#include <malloc.h>

// Gives free memory back to the system; what is in use stays where it is.
static inline void mesh_trim_memory(void) { malloc_trim(0); }
