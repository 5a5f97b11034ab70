#pragma once

#include <stddef.h>
#include <stdint.h>

// One field line of a head, as offsets from where the head's bytes start.
struct mesh_field_line {
    uint16_t name, name_count, value, value_count;
    // Just behind the line's CRLF.
    uint16_t end;
    // What the name means, which others say; 0 here.
    uint8_t kind;
};

// Where quick reading has ended.
struct mesh_lines_end {
    size_t at, lines;
    // One bit per line: whether first letter and length of its name are those of a known one.
    uint64_t known;
};

// Whether a known name can have this length, by its first letter's low five bits; bit 31 stands for 31
// and more. `X-Kong-` may be followed by anything.
static inline int mesh_may_be_known(uint8_t first, size_t length) {
    static const uint32_t lengths[32] = {
        [1] = 1u << 6,
        [3] = 1u << 6 | 1u << 10 | 1u << 12 | 1u << 14,
        [4] = 1u << 4,
        [5] = 1u << 6,
        [8] = 1u << 4,
        [11] = 1u << 10,
        [16] = 1u << 5 | 1u << 16 | 1u << 19,
        [19] = 1u << 6,
        [20] = 1u << 2 | 1u << 7 | 1u << 17,
        [21] = 1u << 7,
        [22] = 1u << 3,
        [24] = ~0u << 8,
    };
    return lengths[first & 31] >> (length < 31 ? length : 31) & 1;
}

// Reads field lines from `from` on as long as they are what nearly all lines are: a name of at most 31
// token characters, a colon, a space, a value that begins and ends with neither space nor tab and has
// no control character, CR, LF.
//
// Writes a `mesh_field_line` for each into `lines`, at most `room` and 64. Ends before the first other
// line, which may be the empty one or longer than `limit`, and where there is no room or this processor
// cannot do it; nothing is wrong then. Never reads beyond `count` bytes, and takes no line that ends
// beyond 65,535.
struct mesh_lines_end mesh_read_lines(
    const void *bytes, size_t from, size_t count, size_t limit, void *lines, size_t room);
