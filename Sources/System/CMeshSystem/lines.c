#include "lines.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

// One bit per byte of 32 that is no token character (RFC 9110 section 5.6.2).
//
// The first table has, by a byte's low half, one bit per high half with which it is such a character;
// the second one the bit of each high half. Bytes above 127 find nothing in the first.
__attribute__((target("avx2"))) static inline uint32_t other_than_token(__m256i bytes) {
    const __m256i low_halves = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0x3A, 0x3F, 0x3E, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3E, 0x3E, 0x3D, 0x15, 0x34, 0x15, 0x3D, 0x1C));
    const __m256i high_halves = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0));
    __m256i halves = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    __m256i both = _mm256_and_si256(
        _mm256_shuffle_epi8(low_halves, bytes), _mm256_shuffle_epi8(high_halves, halves));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

// One bit per byte of 32 that is a control character or DEL.
__attribute__((target("avx2"))) static inline uint64_t controls(__m256i bytes) {
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
    __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7F));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, del));
}

__attribute__((target("avx2"))) static inline __m256i load(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

// Two bytes as a number.
static inline unsigned pair(const uint8_t *bytes) {
    uint16_t both;
    memcpy(&both, bytes, 2);
    return both;
}

// What two bytes are as a number.
static inline unsigned pair_of(const char *text) { return pair((const uint8_t *)text); }

__attribute__((target("avx2,bmi,bmi2"))) static struct mesh_lines_end read_lines(
    const uint8_t *p, size_t at, size_t count, size_t limit, struct mesh_field_line *lines, size_t room) {
    // The last 64 bytes and as many zeros, which end every name and value.
    uint8_t tail[128];
    // What may be looked at, where it stands in the head, and where the last line may end.
    size_t readable = count, origin = 0, last = count < UINT16_MAX ? count : UINT16_MAX, done = 0;
    uint64_t known = 0;
    while (done < room) {
        if (at + 64 > readable) {
            if (readable > count || count < 64 || at >= count) break;
            origin = count - 64;
            memcpy(tail, p + origin, 64);
            memset(tail + 64, 0, 64);
            p = tail;
            at -= origin;
            last = last > origin ? last - origin : 0;
            count = 64;
            readable = 128;
        }
        __m256i first = load(p + at);
        uint32_t marks = other_than_token(first);
        size_t name = _tzcnt_u32(marks);
        // The name begins with neither, so this is no empty one, and one of 32 bytes and more has no mark.
        if (name == 0 || name == 32 || pair(p + at + name) != pair_of(": ")) break;
        size_t value = at + name + 2, block = at;
        uint64_t stops = controls(first) | controls(load(p + at + 32)) << 32;
        while (__builtin_expect(stops == 0, 0)) {
            if (block + 64 >= readable) break;
            block += 64;
            // The last block overlaps the one before.
            size_t start = block + 64 <= readable ? block : readable - 64;
            stops = controls(load(p + start)) | controls(load(p + start + 32)) << 32;
            stops = stops >> (block - start);
        }
        // Nothing found is 64 bytes farther, where nothing is, or what does not end a line.
        size_t stop = block + _tzcnt_u64(stops);
        if (stop + 2 > last || pair(p + stop) != pair_of("\r\n")) break;
        if (p[value] <= ' ' || p[stop - 1] <= ' ') break;
        if (__builtin_expect(block != at, 0) && stop + 2 - at > limit) break;
        lines[done] = (struct mesh_field_line){
            .name = (uint16_t)(origin + at),
            .name_count = (uint16_t)name,
            .value = (uint16_t)(origin + value),
            .value_count = (uint16_t)(stop - value),
            .end = (uint16_t)(origin + stop + 2),
        };
        known |= (uint64_t)mesh_may_be_known(p[at], name) << done;
        done++;
        at = stop + 2;
    }
    return (struct mesh_lines_end){origin + at, done, known};
}

struct mesh_lines_end mesh_read_lines(
    const void *bytes, size_t from, size_t count, size_t limit, void *lines, size_t room) {
    // One bit per line is kept of what they may mean.
    if (limit > 64 + 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2")) {
        return read_lines(bytes, from, count, limit, lines, room < 64 ? room : 64);
    }
    return (struct mesh_lines_end){from, 0, 0};
}
#else
struct mesh_lines_end mesh_read_lines(
    const void *bytes, size_t from, size_t count, size_t limit, void *lines, size_t room) {
    (void)bytes, (void)count, (void)limit, (void)lines, (void)room;
    return (struct mesh_lines_end){from, 0, 0};
}
#endif
