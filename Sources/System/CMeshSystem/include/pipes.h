#pragma once

#include <stddef.h>
#include <sys/types.h>

// Opens a pipe that never waits and holds `bytes`; 0 or a negative errno.
int mesh_pipe_open(int ends[2], int bytes);

// Moves bytes from a socket to a pipe or back without copying them, and never waits; how many, 0 at the
// end, or a negative errno.
ssize_t mesh_splice(int from, int to, size_t count);
