#pragma once
// Sockets, epoll and clocks for the data plane's reactor: one thin inline function per system call,
// each returning a count or a negative errno, so that Swift never reads `errno`.
//
// `_GNU_SOURCE` would break the clang module, so such functions are
// declared here.

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int accept4(int, struct sockaddr *, socklen_t *, int);
int pthread_setname_np(pthread_t, const char *);

static inline int mesh_thread_name(pthread_t thread, const char *name) {
    return pthread_setname_np(thread, name);
}

// An address and port in host order; `low` holds an IPv4 address when `family` is 4.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint16_t port;
    uint8_t family;
} mesh_address;

static inline socklen_t mesh_address_encode(const mesh_address *from, struct sockaddr_storage *to) {
    memset(to, 0, sizeof(*to));
    if (from->family == 4) {
        struct sockaddr_in *four = (struct sockaddr_in *)to;
        four->sin_family = AF_INET;
        four->sin_port = htons(from->port);
        four->sin_addr.s_addr = htonl((uint32_t)from->low);
        return sizeof(*four);
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(from->port);
    for (int i = 0; i < 8; i++) {
        six->sin6_addr.s6_addr[i] = (uint8_t)(from->high >> (56 - 8 * i));
        six->sin6_addr.s6_addr[8 + i] = (uint8_t)(from->low >> (56 - 8 * i));
    }
    return sizeof(*six);
}

static inline void mesh_address_decode(const struct sockaddr_storage *from, mesh_address *to) {
    memset(to, 0, sizeof(*to));
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;
        to->family = 4;
        to->port = ntohs(four->sin_port);
        to->low = ntohl(four->sin_addr.s_addr);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        to->family = 6;
        to->port = ntohs(six->sin6_port);
        for (int i = 0; i < 8; i++) {
            to->high = (to->high << 8) | six->sin6_addr.s6_addr[i];
            to->low = (to->low << 8) | six->sin6_addr.s6_addr[8 + i];
        }
    }
}

// A listening socket of this thread alone: with `shared`, SO_REUSEPORT lets every thread bind the same
// address. Accepted sockets inherit TCP_NODELAY. With `dual`, `[::]` takes IPv4 too.
static inline int mesh_listen_as(
    const mesh_address *address, int backlog, int shared, int dual) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    int one = 1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int only = !dual;
    if (address->family == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    if (bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static inline int mesh_listen(const mesh_address *address, int backlog, int shared) {
    return mesh_listen_as(address, backlog, shared, 0);
}

static inline int mesh_local_address(int fd, mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    mesh_address_decode(&storage, address);
    return 0;
}

static inline int mesh_accept(int fd, mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    int accepted;
    do {
        accepted = accept4(fd, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (accepted < 0 && errno == EINTR);
    if (accepted < 0) return -errno;
    mesh_address_decode(&storage, address);
    return accepted;
}

// A socket whose connect has begun; a refusal known at once is a negative errno.
static inline int mesh_connect(const mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    int one = 1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static inline int mesh_datagrams_to_any(int family, const void *address, socklen_t length) {
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (const struct sockaddr *)address, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// A socket whose datagrams go to one address.
static inline int mesh_datagrams_to(const mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    return mesh_datagrams_to_any(storage.ss_family, &storage, length);
}

// The same to a socket of this machine, named by a path of at most 107 bytes.
static inline int mesh_datagrams_to_path(const char *path) {
    struct sockaddr_un named = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(named.sun_path)) return -ENAMETOOLONG;
    strcpy(named.sun_path, path);
    return mesh_datagrams_to_any(AF_UNIX, &named, sizeof(named));
}

// A file without a name in a folder, gone when it is closed.
static inline int mesh_nameless_file(const char *folder) {
    // O_TMPFILE, which the headers only tell with _GNU_SOURCE.
    int fd = open(folder, 020000000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd < 0 ? -errno : fd;
    }
    char name[4096];
    if (snprintf(name, sizeof(name), "%s/meshgate-XXXXXX", folder) >= (int)sizeof(name)) {
        return -ENAMETOOLONG;
    }
    fd = mkstemp(name);
    if (fd < 0) return -errno;
    unlink(name);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static inline ssize_t mesh_read_at(int fd, void *buffer, size_t count, int64_t offset) {
    ssize_t result;
    do { result = pread(fd, buffer, count, offset); } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

static inline ssize_t mesh_write_at(int fd, const void *buffer, size_t count, int64_t offset) {
    ssize_t result;
    do { result = pwrite(fd, buffer, count, offset); } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

static inline int mesh_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return errno;
    return error;
}

// Reading and sending go past the C library: its recv and send are cancellation points, which costs
// more instructions per call than the rest of the way to the kernel, and no thread is cancelled.
static inline ssize_t mesh_receive(int fd, void *buffer, size_t count) {
    ssize_t result;
    do {
        result = syscall(SYS_recvfrom, fd, buffer, count, 0, NULL, NULL);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

// As `mesh_receive`, but what is there stays.
static inline ssize_t mesh_peek(int fd, void *buffer, size_t count) {
    ssize_t result;
    do {
        result = syscall(SYS_recvfrom, fd, buffer, count, MSG_PEEK, NULL, NULL);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

static inline ssize_t mesh_send(int fd, const void *buffer, size_t count) {
    ssize_t result;
    do {
        result = syscall(SYS_sendto, fd, buffer, count, MSG_NOSIGNAL, NULL, 0);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

// Three ranges in one call, in order; empty ones are allowed.
static inline ssize_t mesh_send_three(
    int fd, const void *first, size_t first_count, const void *second, size_t second_count,
    const void *third, size_t third_count
) {
    struct iovec parts[3] = {
        {.iov_base = (void *)first, .iov_len = first_count},
        {.iov_base = (void *)second, .iov_len = second_count},
        {.iov_base = (void *)third, .iov_len = third_count},
    };
    struct msghdr message = {0};
    message.msg_iov = parts;
    message.msg_iovlen = 3;
    ssize_t result;
    do { result = sendmsg(fd, &message, MSG_NOSIGNAL); } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

// A socket for datagrams from anyone, which tells the address that each was sent to. Without `shared`
// nobody else may have the address; SO_REUSEADDR would share it, so it is not set here.
static inline int mesh_datagram_listen(const mesh_address *address, int shared) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    int one = 1;
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (address->family == 6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
    } else {
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
    }
    if (bind(fd, (struct sockaddr *)&storage, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// The same for one reader, which needs not know the address; `[::]` takes IPv4 too.
static inline int mesh_datagram_listen_alone(const mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    int off = 0;
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (address->family == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (struct sockaddr *)&storage, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// A socket for datagrams to and from one peer; a refusal known at once is a negative errno.
static inline int mesh_datagram_connect(const mesh_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = mesh_address_encode(address, &storage);
    int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&storage, length) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// `struct in_pktinfo` and `struct in6_pktinfo`, the second of which needs `_GNU_SOURCE`.
typedef struct {
    int interface;
    struct in_addr source;
    struct in_addr destination;
} mesh_packet_four;

typedef struct {
    struct in6_addr address;
    unsigned int interface;
} mesh_packet_six;

// Takes one datagram, who sent it, and the local address (without port) it was sent to.
static inline ssize_t mesh_datagram_receive(
    int fd, void *buffer, size_t count, mesh_address *from, mesh_address *to
) {
    struct sockaddr_storage storage;
    struct iovec part = {.iov_base = buffer, .iov_len = count};
    _Alignas(struct cmsghdr) char control[128];
    struct msghdr message = {0};
    message.msg_name = &storage;
    message.msg_namelen = sizeof(storage);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t result;
    do { result = syscall(SYS_recvmsg, fd, &message, 0); } while (result < 0 && errno == EINTR);
    if (result < 0) return -(ssize_t)errno;
    mesh_address_decode(&storage, from);
    memset(to, 0, sizeof(*to));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    for (; header != NULL; header = CMSG_NXTHDR(&message, header)) {
        struct sockaddr_storage local = {0};
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            mesh_packet_four packet;
            memcpy(&packet, CMSG_DATA(header), sizeof(packet));
            local.ss_family = AF_INET;
            ((struct sockaddr_in *)&local)->sin_addr = packet.destination;
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            mesh_packet_six packet;
            memcpy(&packet, CMSG_DATA(header), sizeof(packet));
            local.ss_family = AF_INET6;
            ((struct sockaddr_in6 *)&local)->sin6_addr = packet.address;
        } else {
            continue;
        }
        mesh_address_decode(&local, to);
    }
    return result;
}

// Sends one datagram to `to`, from the local address `from`, whose port is the socket's.
static inline ssize_t mesh_datagram_answer(
    int fd, const void *buffer, size_t count, const mesh_address *to, const mesh_address *from
) {
    struct sockaddr_storage storage, local;
    struct iovec part = {.iov_base = (void *)buffer, .iov_len = count};
    _Alignas(struct cmsghdr) char control[64] = {0};
    struct msghdr message = {0};
    message.msg_name = &storage;
    message.msg_namelen = mesh_address_encode(to, &storage);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    mesh_address_encode(from, &local);
    struct cmsghdr *header = (struct cmsghdr *)control;
    message.msg_control = control;
    if (from->family == 4) {
        mesh_packet_four packet = {.source = ((struct sockaddr_in *)&local)->sin_addr};
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(packet));
        memcpy(CMSG_DATA(header), &packet, sizeof(packet));
        message.msg_controllen = CMSG_SPACE(sizeof(packet));
    } else {
        mesh_packet_six packet = {.address = ((struct sockaddr_in6 *)&local)->sin6_addr};
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof(packet));
        memcpy(CMSG_DATA(header), &packet, sizeof(packet));
        message.msg_controllen = CMSG_SPACE(sizeof(packet));
    }
    ssize_t result;
    do {
        result = syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -(ssize_t)errno : result;
}

static inline int mesh_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

// Makes the coming close send a reset, so that the peer cannot take a cut answer for a whole one.
static inline void mesh_reset_on_close(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static inline int mesh_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

// Edge triggered in both directions, added once and never changed.
static inline int mesh_epoll_add_stream(int poller, int fd, uint64_t token) {
    struct epoll_event event;
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = token;
    return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

// Level triggered input, for listeners and mailboxes.
static inline int mesh_epoll_add_level(int poller, int fd, uint64_t token) {
    struct epoll_event event;
    event.events = EPOLLIN;
    event.data.u64 = token;
    return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static inline int mesh_epoll_remove(int poller, int fd) {
    struct epoll_event event = {0};
    return epoll_ctl(poller, EPOLL_CTL_DEL, fd, &event) < 0 ? -errno : 0;
}

// `events` points at room for `capacity` structs of `mesh_event_stride` bytes.
static inline size_t mesh_event_stride(void) { return sizeof(struct epoll_event); }

static inline int mesh_epoll_wait(int poller, void *events, int capacity, int milliseconds) {
    int count = epoll_wait(poller, (struct epoll_event *)events, capacity, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    return count;
}

static inline uint32_t mesh_event_flags(const void *events, int index) {
    return ((const struct epoll_event *)events)[index].events;
}

static inline uint64_t mesh_event_token(const void *events, int index) {
    return ((const struct epoll_event *)events)[index].data.u64;
}

static const uint32_t mesh_event_in = EPOLLIN;
static const uint32_t mesh_event_out = EPOLLOUT;
static const uint32_t mesh_event_peer_closed = EPOLLRDHUP;
static const uint32_t mesh_event_failed = EPOLLERR | EPOLLHUP;

static inline int mesh_eventfd(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static inline void mesh_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof(one));
    (void)ignored;
}

static inline void mesh_eventfd_clear(int fd) {
    uint64_t value;
    ssize_t ignored = read(fd, &value, sizeof(value));
    (void)ignored;
}

static inline int64_t mesh_clock_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t mesh_clock_wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Zeroed pages that cost memory only once they are touched; NULL when the system refuses.
static inline void *mesh_reserve(size_t bytes) {
    void *pages = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0
    );
    return pages == MAP_FAILED ? NULL : pages;
}

static inline void mesh_release(void *pages, size_t bytes) { munmap(pages, bytes); }

// Counters have one writer and any reader: plain loads and stores that cannot tear.
static inline void mesh_counter_add(uint64_t *counter, uint64_t amount) {
    uint64_t value = __atomic_load_n(counter, __ATOMIC_RELAXED);
    __atomic_store_n(counter, value + amount, __ATOMIC_RELAXED);
}

static inline void mesh_counter_subtract(uint64_t *counter, uint64_t amount) {
    uint64_t value = __atomic_load_n(counter, __ATOMIC_RELAXED);
    __atomic_store_n(counter, value - amount, __ATOMIC_RELAXED);
}

static inline uint64_t mesh_counter_read(const uint64_t *counter) {
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}
