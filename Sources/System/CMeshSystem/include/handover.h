#pragma once
// Unix sockets that carry descriptors, and what a descriptor that was inherited is. Each function
// returns a count or a descriptor, or a negative errno.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "reactor.h"

// As <bits/socket.h> has it with `_GNU_SOURCE`.
typedef struct {
    int32_t process;
    uint32_t user;
    uint32_t group;
} mesh_peer;

#define MESH_DESCRIPTORS_PER_MESSAGE 128

// The address of a path; one that begins with `@` is an abstract name. 0 when it is too long.
static inline socklen_t mesh_unix_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address->sun_path)) return 0;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    if (path[0] == '@') {
        address->sun_path[0] = 0;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    return sizeof(*address);
}

// `packets` keeps messages apart (SOCK_SEQPACKET); otherwise a stream.
static inline int mesh_unix_socket(int packets) {
    int type = packets ? SOCK_SEQPACKET : SOCK_STREAM;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

// Listens at a path, with a mode from the start: nobody else can have opened it before.
static inline int mesh_unix_listen(const char *path, int packets, int backlog, uint32_t mode) {
    struct sockaddr_un address;
    socklen_t length = mesh_unix_address(path, &address);
    if (length == 0) return -ENAMETOOLONG;
    int fd = mesh_unix_socket(packets);
    if (fd < 0) return fd;
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, length) < 0
        || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    // The mask may have taken bits away.
    if (path[0] != '@') chmod(path, mode);
    return fd;
}

static inline int mesh_unix_connect(const char *path, int packets) {
    struct sockaddr_un address;
    socklen_t length = mesh_unix_address(path, &address);
    if (length == 0) return -ENAMETOOLONG;
    int fd = mesh_unix_socket(packets);
    if (fd < 0) return fd;
    if (connect(fd, (struct sockaddr *)&address, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// A datagram socket for messages to the one at `path`, as service managers have it.
static inline int mesh_unix_datagrams_to(const char *path) {
    struct sockaddr_un address;
    socklen_t length = mesh_unix_address(path, &address);
    if (length == 0) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static inline int mesh_unix_accept(int fd) {
    int accepted;
    do {
        accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    } while (accepted < 0 && errno == EINTR);
    return accepted < 0 ? -errno : accepted;
}

static inline int mesh_peer_of(int fd, mesh_peer *peer) {
    socklen_t length = sizeof(*peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &length) < 0 ? -errno : 0;
}

static inline int mesh_set_patience(int fd, int milliseconds) {
    struct timeval time = {milliseconds / 1000, (milliseconds % 1000) * 1000};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0
                || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0
            ? -errno : 0;
}

// Sends one message with at most MESH_DESCRIPTORS_PER_MESSAGE descriptors beside it.
static inline int mesh_send_descriptors(
    int fd, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    if (descriptor_count < 0 || descriptor_count > MESH_DESCRIPTORS_PER_MESSAGE) return -EINVAL;
    union {
        char room[CMSG_SPACE(sizeof(int) * MESH_DESCRIPTORS_PER_MESSAGE)];
        struct cmsghdr aligned;
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec part = {(void *)bytes, count};
    struct msghdr message;
    memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor_count > 0) {
        size_t size = sizeof(int) * (size_t)descriptor_count;
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : (int)sent;
}

// Receives one message; `descriptors` has room for MESH_DESCRIPTORS_PER_MESSAGE, which close on exec.
static inline int mesh_receive_descriptors(
    int fd, void *bytes, size_t capacity, int *descriptors, int *descriptor_count) {
    union {
        char room[CMSG_SPACE(sizeof(int) * MESH_DESCRIPTORS_PER_MESSAGE)];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {bytes, capacity};
    struct msghdr message;
    memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.room;
    message.msg_controllen = sizeof(control.room);
    *descriptor_count = 0;
    ssize_t received;
    do {
        received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (*descriptor_count < MESH_DESCRIPTORS_PER_MESSAGE) {
                descriptors[(*descriptor_count)++] = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    return (int)received;
}

static inline int mesh_socket_option(int fd, int option) {
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -errno : value;
}

// What a descriptor is: 1 a stream socket, 2 a datagram socket; else a negative errno.
static inline int mesh_socket_kind(int fd) {
    int type = mesh_socket_option(fd, SO_TYPE);
    if (type < 0) return type;
    return type == SOCK_STREAM ? 1 : type == SOCK_DGRAM ? 2 : -EPROTOTYPE;
}

static inline int mesh_socket_is_shared(int fd) {
    return mesh_socket_option(fd, SO_REUSEPORT) > 0;
}

// The path that a unix socket is bound to, with its end; negative for any other socket.
static inline int mesh_socket_path(int fd, char *path, size_t capacity) {
    struct sockaddr_un address;
    socklen_t length = sizeof(address);
    memset(&address, 0, sizeof(address));
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -errno;
    if (address.sun_family != AF_UNIX || address.sun_path[0] == 0) return -EAFNOSUPPORT;
    size_t count = strnlen(address.sun_path, sizeof(address.sun_path));
    if (count >= capacity) return -ENAMETOOLONG;
    memcpy(path, address.sun_path, count);
    path[count] = 0;
    return (int)count;
}

// A copy of a descriptor, or the descriptor itself made so, that closes on exec and never blocks.
static inline int mesh_copy_descriptor(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? -errno : copy;
}

static inline int mesh_adopt_descriptor(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

// Lets a signal pass without an effect, or waits for children without being asked.
static inline void mesh_ignore_signal(int number) { signal(number, SIG_IGN); }

// Real-time signals, which end a process by default, too.
static inline int mesh_first_real_time_signal(void) { return SIGRTMIN; }
static inline int mesh_last_real_time_signal(void) { return SIGRTMAX; }

// Starts a program that is nobody's child here: process 1, or whoever reaps orphans, is its parent. So a
// supervisor that is told of it can wait for its end. It begins with no signal blocked and USR2 ignored,
// since that is sent to a whole group of processes when it is this process's word to start it. Of the
// descriptors it has the first three only.
// Gives its process, or a negative errno when it could not be started.
int32_t mesh_start_orphan(const char *path, char *const arguments[], char *const environment[]);
