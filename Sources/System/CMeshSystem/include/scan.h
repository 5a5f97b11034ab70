#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Scans of HTTP/1 heads. Swift's SIMD types have no movemask, so finding the first matching byte
// costs them a second pass (measured: 118 ns against 83 ns for a typical head).
// Every function returns the index of the first byte that does not belong, or `count`.

static inline int mesh_is_field_byte(uint8_t byte) {
    return (byte >= 0x20 && byte != 0x7F) || byte == 0x09;
}

// Scalar twin of `mesh_scan_field_value`: the tail, other processors and the tests use it.
static inline size_t mesh_scan_field_value_slowly(const void *bytes, size_t from, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = from;
    while (i < count && mesh_is_field_byte(p[i])) {
        i++;
    }
    return i;
}

#if defined(__SSE2__)
// One bit per byte that is a control, DEL or not above `bound`; HTAB counts as one, too.
static inline unsigned mesh_refused_in_block(const uint8_t *block, uint8_t bound) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)block);
    __m128i limit = _mm_set1_epi8((char)bound);
    // Unsigned "not above" is "the smaller of both is the byte itself".
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, del));
}
#endif

// First byte that may not stand in a field value: a control other than HTAB, or DEL
// (RFC 9110 section 5.5; obs-text is let through).
static inline size_t mesh_scan_field_value(const void *bytes, size_t from, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = from;
#if defined(__SSE2__)
    // A negative bound tells that there is no whole block.
    const ptrdiff_t last_block = (ptrdiff_t)count - 16;
    while ((ptrdiff_t)i <= last_block) {
        unsigned mask = mesh_refused_in_block(p + i, 0x1F);
        while (mask != 0) {
            size_t stop = i + (size_t)__builtin_ctz(mask);
            if (p[stop] != 0x09) {
                return stop;
            }
            mask &= mask - 1;
        }
        i += 16;
    }
    if (i < count && count >= 16) {
        // The last block overlaps the one before; its first bytes were looked at.
        size_t last = count - 16;
        unsigned mask = mesh_refused_in_block(p + last, 0x1F) >> (i - last) << (i - last);
        while (mask != 0) {
            size_t stop = last + (size_t)__builtin_ctz(mask);
            if (p[stop] != 0x09) {
                return stop;
            }
            mask &= mask - 1;
        }
        return count;
    }
#else
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t highs = 0x8080808080808080ULL;
    while (i < count && count - i >= 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        // A word with any byte below 0x20 or equal to 0x7F is looked at byte by byte.
        uint64_t low = (word - ones * 0x20) & ~word & highs;
        uint64_t rest = word ^ (ones * 0x7F);
        uint64_t del = (rest - ones) & ~rest & highs;
        if ((low | del) != 0) {
            size_t stop = mesh_scan_field_value_slowly(bytes, i, i + 8);
            if (stop < i + 8) {
                return stop;
            }
        }
        i += 8;
    }
#endif
    return mesh_scan_field_value_slowly(bytes, i, count);
}

// The token characters of RFC 9110 section 5.6.2.
static inline int mesh_is_token_byte(uint8_t byte) {
    static const uint8_t tokens[256] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
        0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
    };
    return tokens[byte];
}

#if defined(__SSE2__)
// One bit per byte that is a letter, a digit, `-` or `also`.
static inline unsigned mesh_plain_in_block(const uint8_t *block, char also) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)block);
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i letter = _mm_and_si128(
        _mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
        _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
    __m128i digit = _mm_and_si128(
        _mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
        _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
    __m128i mark = _mm_or_si128(
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(also)));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), mark));
}
#endif

// First byte that is not a token character. Names are nearly always letters, digits and `-`, which
// are looked for sixteen at a time; any other byte is looked up.
static inline size_t mesh_scan_token(const void *bytes, size_t from, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = from;
#if defined(__SSE2__)
    const ptrdiff_t last_block = (ptrdiff_t)count - 16;
    while ((ptrdiff_t)i <= last_block) {
        unsigned other = ~mesh_plain_in_block(p + i, '-') & 0xFFFF;
        if (__builtin_expect(other == 0, 0)) {
            i += 16;
            continue;
        }
        i += (size_t)__builtin_ctz(other);
        // What ends nearly every name.
        if (__builtin_expect(p[i] == ':' || !mesh_is_token_byte(p[i]), 1)) {
            return i;
        }
        i++;
    }
#endif
    while (i < count && mesh_is_token_byte(p[i])) {
        i++;
    }
    return i;
}

// First byte that may not stand in a request target: a control, space, `#` or DEL.
static inline size_t mesh_scan_target(const void *bytes, size_t from, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = from;
#if defined(__SSE2__)
    while (i < count && count - i >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i mark = _mm_cmpeq_epi8(block, _mm_set1_epi8('#'));
        unsigned mask = mesh_refused_in_block(p + i, 0x20) | (unsigned)_mm_movemask_epi8(mark);
        if (mask != 0) {
            return i + (size_t)__builtin_ctz(mask);
        }
        i += 16;
    }
#endif
    while (i < count && p[i] > 0x20 && p[i] != 0x23 && p[i] != 0x7F) {
        i++;
    }
    return i;
}

// First byte that is none of the letters, digits and `-._~` of a registered name.
static inline size_t mesh_scan_host_name(const void *bytes, size_t from, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    // One bit per byte value below 128.
    static const uint64_t allowed[2] = {0x03FF600000000000ULL, 0x47FFFFFE87FFFFFEULL};
    size_t i = from;
#if defined(__SSE2__)
    while (i < count && count - i >= 16 && mesh_plain_in_block(p + i, '.') == 0xFFFF) {
        i += 16;
    }
#endif
    while (i < count && p[i] < 0x80 && (allowed[p[i] >> 6] >> (p[i] & 63) & 1) != 0) {
        i++;
    }
    return i;
}

// Index of the first byte that equals `wanted`, or `count`.
static inline size_t mesh_find_byte(
    const void *bytes, size_t from, size_t count, uint8_t wanted) {
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = from;
#if defined(__SSE2__)
    while (i < count && count - i >= 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i found = _mm_cmpeq_epi8(block, _mm_set1_epi8((char)wanted));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask != 0) {
            return i + (size_t)__builtin_ctz(mask);
        }
        i += 16;
    }
#endif
    while (i < count && p[i] != wanted) {
        i++;
    }
    return i;
}

// Copies bytes, of which there are seldom many: up to 32 by two moves that may overlap, without a call.
// The ranges must not overlap.
static inline void mesh_copy_short(void *to, const void *from, size_t count) {
    const uint8_t *p = (const uint8_t *)from;
    uint8_t *out = (uint8_t *)to;
    if (count > 32) {
        memcpy(to, from, count);
    } else if (count > 16) {
        uint8_t first[16], last[16];
        memcpy(first, p, 16);
        memcpy(last, p + count - 16, 16);
        memcpy(out, first, 16);
        memcpy(out + count - 16, last, 16);
    } else if (count >= 8) {
        uint64_t first, last;
        memcpy(&first, p, 8);
        memcpy(&last, p + count - 8, 8);
        memcpy(out, &first, 8);
        memcpy(out + count - 8, &last, 8);
    } else if (count >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + count - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + count - 4, &last, 4);
    } else if (count > 0) {
        uint8_t first = p[0], middle = p[count / 2], last = p[count - 1];
        out[0] = first;
        out[count / 2] = middle;
        out[count - 1] = last;
    }
}

// Whether a path has letters, digits and `-._~/` only, no empty segment and none that begins with a dot:
// such a one is in normal form and needs no escape. May say no for others that are.
static inline int mesh_is_plain_path(const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
#if defined(__SSE2__)
    unsigned before = 0;
    for (size_t i = 0; i < count; i += 16) {
        uint8_t padded[16] = "aaaaaaaaaaaaaaa";
        const uint8_t *block = p + i;
        if (count - i < 16) {
            padded[15] = 'a';
            mesh_copy_short(padded, block, count - i);
            block = padded;
        }
        __m128i loaded = _mm_loadu_si128((const __m128i *)(const void *)block);
        unsigned slashes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(loaded, _mm_set1_epi8('/')));
        unsigned dots = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(loaded, _mm_set1_epi8('.')));
        __m128i marks = _mm_or_si128(
            _mm_cmpeq_epi8(loaded, _mm_set1_epi8('_')), _mm_cmpeq_epi8(loaded, _mm_set1_epi8('~')));
        unsigned plain = mesh_plain_in_block(block, '.') | slashes | (unsigned)_mm_movemask_epi8(marks);
        if (plain != 0xFFFF || ((slashes << 1 | before) & (slashes | dots)) != 0) {
            return 0;
        }
        before = slashes >> 15;
    }
    return count > 0 && p[0] == '/';
#else
    for (size_t i = 0; i < count; i++) {
        uint8_t lower = p[i] | 0x20;
        int is_word = (lower >= 'a' && lower <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-'
            || p[i] == '_' || p[i] == '~';
        if (!is_word && (i == 0 ? p[i] != '/' : (p[i] != '/' && p[i] != '.') || p[i - 1] == '/')) {
            return 0;
        }
    }
    return count > 0 && p[0] == '/';
#endif
}

// Copies bytes with ASCII letters in lower case, eight at a time; the ranges must not overlap.
static inline void mesh_copy_lowercased(void *to, const void *from, size_t count) {
    const uint8_t *p = (const uint8_t *)from;
    uint8_t *out = (uint8_t *)to;
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t highs = 0x8080808080808080ULL;
    size_t i = 0;
    while (i < count && count >= 8) {
        if (count - i < 8) {
            i = count - 8; // The last word overlaps the one before.
        }
        uint64_t word;
        memcpy(&word, p + i, 8);
        uint64_t low = word & ~highs;
        // The top bit of each byte says: at least 'A', above 'Z'. No byte carries into the next.
        uint64_t least = low + ones * (0x80 - 'A');
        uint64_t above = low + ones * (0x7F - 'Z');
        word |= (least & ~above & ~word & highs) >> 2;
        memcpy(out + i, &word, 8);
        i += 8;
    }
    for (; i < count; i++) {
        out[i] = p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i];
    }
}

// Whether a byte stands for itself in a quoted text of a log: printable ASCII but `"` and `\`.
static inline int mesh_is_plain_byte(uint8_t byte) {
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

#if defined(__SSE2__)
// One bit per byte that stands for itself.
static inline unsigned mesh_plain_bytes(__m128i bytes) {
    // Signed, bytes above 0x7F are below all others.
    __m128i printable = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1F));
    __m128i marks = _mm_or_si128(
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    __m128i refused = _mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(refused, printable));
}
#endif

// Copies bytes up to the first that does not stand for itself and returns how many those are;
// `to` has room for all of them, and what is behind the copied ones is left in any state.
static inline size_t mesh_copy_plain(void *to, const void *from, size_t count) {
    const uint8_t *p = (const uint8_t *)from;
    uint8_t *out = (uint8_t *)to;
    size_t i = 0;
#if defined(__SSE2__)
    while (count >= 16 && i < count) {
        if (count - i < 16) {
            i = count - 16; // The last block overlaps the one before.
        }
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        _mm_storeu_si128((__m128i *)(void *)(out + i), bytes);
        unsigned mask = mesh_plain_bytes(bytes);
        if (mask != 0xFFFF) {
            return i + (size_t)__builtin_ctz(~mask);
        }
        i += 16;
    }
    while (count >= 8 && i < count) {
        if (count - i < 8) {
            i = count - 8;
        }
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(p + i));
        _mm_storel_epi64((__m128i *)(void *)(out + i), bytes);
        unsigned mask = mesh_plain_bytes(bytes) & 0xFF;
        if (mask != 0xFF) {
            return i + (size_t)__builtin_ctz(~mask);
        }
        i += 8;
    }
#endif
    while (i < count && mesh_is_plain_byte(p[i])) {
        out[i] = p[i];
        i++;
    }
    return i;
}

static inline uint64_t mesh_load_word(const void *bytes, size_t from) {
    uint64_t word;
    memcpy(&word, (const uint8_t *)bytes + from, 8);
    return word;
}

// Whether the bytes equal `name`, ignoring ASCII case. `name` has lower-case letters and bytes from
// 0x20 to 0x3F only, and the bytes no controls: then setting one bit folds the case of eight at a
// time. With a constant name, inlining leaves one comparison per eight bytes.
static inline int mesh_token_equals(
    const void *bytes, size_t from, const void *name, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes + from;
    const uint8_t *n = (const uint8_t *)name;
    const uint64_t fold = 0x2020202020202020ULL;
    if (count >= 8) {
        uint64_t left, right;
        for (size_t i = 0; count - i > 8; i += 8) {
            memcpy(&left, p + i, 8);
            memcpy(&right, n + i, 8);
            if ((left | fold) != right) {
                return 0;
            }
        }
        memcpy(&left, p + count - 8, 8);
        memcpy(&right, n + count - 8, 8);
        return (left | fold) == right;
    }
    if (count >= 4) {
        uint32_t left, right, left_end, right_end;
        memcpy(&left, p, 4);
        memcpy(&right, n, 4);
        memcpy(&left_end, p + count - 4, 4);
        memcpy(&right_end, n + count - 4, 4);
        return ((left | (uint32_t)fold) ^ right | ((left_end | (uint32_t)fold) ^ right_end)) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if ((p[i] | 0x20) != n[i]) {
            return 0;
        }
    }
    return 1;
}
