// `_Fork`, which may be called between fork and exec, and `close_range`.
#define _GNU_SOURCE

#include "CMeshSystem.h"

#include <sys/resource.h>
#include <sys/wait.h>

// Lets the program have none of this process's descriptors but the first three: connections that are
// accepted elsewhere than in our reactor would otherwise live on there, read by nobody.
static void keep_descriptors(void) {
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1 << 20 ? (int)limit.rlim_cur : 1 << 20;
    for (int descriptor = 3; descriptor < end; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

// The grandchild: tells who it is and becomes the program; when it cannot, it tells why.
static void become(int reports, const char *path, char *const arguments[], char *const environment[]) {
    int32_t self = getpid();
    if (write(reports, &self, sizeof(self)) != sizeof(self)) _exit(127);
    signal(SIGUSR2, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    keep_descriptors();
    execve(path, arguments, environment);
    int32_t reason = -errno;
    if (write(reports, &reason, sizeof(reason)) < 0) _exit(126);
    _exit(127);
}

int32_t mesh_start_orphan(const char *path, char *const arguments[], char *const environment[]) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t between = fork();
    if (between == 0) {
        pid_t process = _Fork();
        if (process == 0) become(ends[1], path, arguments, environment);
        int32_t reason = -errno;
        if (process < 0 && write(ends[1], &reason, sizeof(reason)) < 0) _exit(126);
        _exit(0);
    }
    int32_t failure = between < 0 ? -errno : 0;
    close(ends[1]);
    // The process, then nothing more, unless it could not become the program.
    int32_t result = -ECHILD, word;
    ssize_t count;
    while (failure == 0) {
        count = read(ends[0], &word, sizeof(word));
        if (count < 0 && errno == EINTR) continue;
        if (count != sizeof(word)) break;
        result = word;
        if (word < 0) break;
    }
    close(ends[0]);
    // Where ends of children are not waited for, there is nothing to wait for.
    if (between > 0) while (waitpid(between, NULL, 0) < 0 && errno == EINTR) {}
    return failure < 0 ? failure : result;
}
