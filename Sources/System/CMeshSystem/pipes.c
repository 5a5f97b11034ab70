// `splice`, `pipe2` and the sizes of pipes.
#define _GNU_SOURCE

#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int mesh_pipe_open(int ends[2], int bytes) {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
    // A smaller one, as a user gets who has many, is slower than copying.
    if (fcntl(ends[1], F_SETPIPE_SZ, bytes) >= 0) return 0;
    int error = errno;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return -error;
}

ssize_t mesh_splice(int from, int to, size_t count) {
    ssize_t moved = splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : moved;
}
