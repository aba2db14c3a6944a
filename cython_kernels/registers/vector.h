/* Vector registers: vec32 holds VEC32_LANES floats, vec64 holds VEC64_LANES doubles; a core has
 * VEC_REGISTERS of them.
 *
 * One section per instruction-set level, chosen by the flags this file is compiled with. The last
 * section, one lane wide, is plain C: the fallback of every other compiler and machine, and what
 * the others are tested against. load_* widens stored elements on their way into a register of
 * the type they are computed in as a rule, widen_* into one of doubles: a whole register where
 * count is 0, else the first count elements with zeros behind, and touches no byte beyond.
 */
#ifndef FUSEDLOGIT_VECTOR_H
#define FUSEDLOGIT_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(_M_X64)
#include <immintrin.h>
#endif

/* Where a function must not cost a call, nor its arguments a trip through memory. */
#if defined(_MSC_VER)
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/* What a Cython function returns that is to be compiled anew for the constants of each call. GCC
 * would make one for all of them where it finds that enough, and ask for each at run time. */
#if defined(_MSC_VER)
#define INLINED_VOID __forceinline void
#else
#define INLINED_VOID __attribute__((always_inline)) void
#endif

/* What a Cython function returns that is compiled once, however many call it, with whatever
 * constants: one that is long next to a call. */
#if defined(_MSC_VER)
#define APART_VOID __declspec(noinline) void
#elif defined(__clang__)
#define APART_VOID __attribute__((noinline)) void
#else
#define APART_VOID __attribute__((noinline, noclone)) void
#endif

#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

#include <immintrin.h>
#define VECTOR_LEVEL "avx512"
#define VEC_REGISTERS 32
#define VEC32_LANES 16
#define VEC64_LANES 8
typedef __m512 vec32;
typedef __m512d vec64;

static inline float widen_half(int16_t half) { return _cvtsh_ss((unsigned short)half); }
static inline vec32 set32(float a) { return _mm512_set1_ps(a); }
static inline vec64 set64(double a) { return _mm512_set1_pd(a); }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return _mm512_fmadd_pd(a, b, c); }
static inline vec32 add32(vec32 a, vec32 b) { return _mm512_add_ps(a, b); }
static inline vec64 add64(vec64 a, vec64 b) { return _mm512_add_pd(a, b); }
static inline __m256 halves32(vec32 a) {
    return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}
static inline __m256d halves64(vec64 a) {
    return _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
}
/* In each quarter of the result: the sums of that quarter of the four (or two) registers. */
INLINE vec32 quarter_sums32(const vec32 v[4]) {
    __m512d low = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1])));
    __m512d high = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3])));
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
}
INLINE vec64 quarter_sums64(const vec64 v[2]) {
    return _mm512_add_pd(_mm512_unpacklo_pd(v[0], v[1]), _mm512_unpackhi_pd(v[0], v[1]));
}
/* Neighbouring quarters added up, those of a in the low half, those of b in the high one. */
INLINE vec32 half_sums32(vec32 a, vec32 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
INLINE vec64 half_sums64(vec64 a, vec64 b) {
    return _mm512_add_pd(_mm512_shuffle_f64x2(a, b, 0x88), _mm512_shuffle_f64x2(a, b, 0xdd));
}
/* Numbers from out on: the sums of the lanes of as many registers as there are lanes. */
enum { SUMS32 = 16, SUMS64 = 8 };
INLINE void lane_sums32(const vec32 v[16], vec32 *out) {
    *out = half_sums32(half_sums32(quarter_sums32(v), quarter_sums32(v + 4)),
                       half_sums32(quarter_sums32(v + 8), quarter_sums32(v + 12)));
}
INLINE void lane_sums64(const vec64 v[8], vec64 *out) {
    *out = half_sums64(half_sums64(quarter_sums64(v), quarter_sums64(v + 2)),
                       half_sums64(quarter_sums64(v + 4), quarter_sums64(v + 6)));
}
#define FIRST(count) ((1u << (count)) - 1)
INLINE __m128i some_bytes(const void *x, ptrdiff_t count) {
    return count ? _mm_maskz_loadu_epi8((__mmask16)FIRST(count), x)
                 : _mm_loadu_si128((const __m128i *)x);
}
INLINE __m128i some_of_eight_bytes(const void *x, ptrdiff_t count) {
    return count ? some_bytes(x, count) : _mm_loadl_epi64((const __m128i *)x);
}
INLINE __m256i some_words(const void *x, ptrdiff_t count) {
    return count ? _mm256_maskz_loadu_epi16((__mmask16)FIRST(count), x)
                 : _mm256_loadu_si256((const __m256i *)x);
}
INLINE __m128i some_of_eight_words(const void *x, ptrdiff_t count) {
    return count ? _mm_maskz_loadu_epi16((__mmask8)FIRST(count), x)
                 : _mm_loadu_si128((const __m128i *)x);
}
INLINE vec32 load_float(const float *x, ptrdiff_t count) {
    return count ? _mm512_maskz_loadu_ps((__mmask16)FIRST(count), x) : _mm512_loadu_ps(x);
}
INLINE vec64 load_double(const double *x, ptrdiff_t count) {
    return count ? _mm512_maskz_loadu_pd((__mmask8)FIRST(count), x) : _mm512_loadu_pd(x);
}
INLINE vec32 load_uint8(const uint8_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(some_bytes(x, count)));
}
INLINE vec32 load_int8(const int8_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(some_bytes(x, count)));
}
INLINE vec32 load_uint16(const uint16_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(some_words(x, count)));
}
INLINE vec32 load_half(const int16_t *x, ptrdiff_t count) {
    return _mm512_cvtph_ps(some_words(x, count));
}
INLINE vec64 widen_float(const float *x, ptrdiff_t count) {
    return _mm512_cvtps_pd(count ? _mm256_maskz_loadu_ps((__mmask8)FIRST(count), x)
                                 : _mm256_loadu_ps(x));
}
INLINE vec64 widen_uint8(const uint8_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(some_of_eight_bytes(x, count)));
}
INLINE vec64 widen_int8(const int8_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_pd(_mm256_cvtepi8_epi32(some_of_eight_bytes(x, count)));
}
INLINE vec64 widen_uint16(const uint16_t *x, ptrdiff_t count) {
    return _mm512_cvtepi32_pd(_mm256_cvtepu16_epi32(some_of_eight_words(x, count)));
}
INLINE vec64 widen_halves(const int16_t *x, ptrdiff_t count) {
    return _mm512_cvtps_pd(_mm256_cvtph_ps(some_of_eight_words(x, count)));
}

#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))

#include <immintrin.h>
#define VECTOR_LEVEL "avx2"
#define VEC_REGISTERS 16
#define VEC32_LANES 8
#define VEC64_LANES 4
typedef __m256 vec32;
typedef __m256d vec64;

static inline float widen_half(int16_t half) { return _cvtsh_ss((unsigned short)half); }
static inline vec32 set32(float a) { return _mm256_set1_ps(a); }
static inline vec64 set64(double a) { return _mm256_set1_pd(a); }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return _mm256_fmadd_pd(a, b, c); }
static inline vec32 add32(vec32 a, vec32 b) { return _mm256_add_ps(a, b); }
static inline vec64 add64(vec64 a, vec64 b) { return _mm256_add_pd(a, b); }
static inline __m256 halves32(vec32 a) { return a; }
static inline __m256d halves64(vec64 a) { return a; }
/* 1 to 8 bytes, by two loads that may overlap. */
static inline int64_t bytes_first(const void *x, ptrdiff_t count) {
    const uint8_t *bytes = (const uint8_t *)x;
    if (count >= 4) {
        uint32_t low, high;
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + count - 4, 4);
        return (int64_t)(low | (uint64_t)high << 8 * (count - 4));
    }
    if (count >= 2) {
        uint16_t low, high;
        memcpy(&low, bytes, 2);
        memcpy(&high, bytes + count - 2, 2);
        return (int64_t)(low | (uint64_t)high << 8 * (count - 2));
    }
    return bytes[0];
}
INLINE __m128i some_of_eight_bytes(const void *x, ptrdiff_t count) {
    return count ? _mm_cvtsi64_si128(bytes_first(x, count)) : _mm_loadl_epi64((const __m128i *)x);
}
INLINE __m128i some_of_four_bytes(const void *x, ptrdiff_t count) {
    int bytes;
    if (count) return _mm_cvtsi64_si128(bytes_first(x, count));
    memcpy(&bytes, x, 4);
    return _mm_cvtsi32_si128(bytes);
}
INLINE __m128i some_words(const void *x, ptrdiff_t count) {
    if (!count) return _mm_loadu_si128((const __m128i *)x);
    if (count <= 4) return _mm_cvtsi64_si128(bytes_first(x, 2 * count));
    return _mm_unpacklo_epi64(
        _mm_loadl_epi64((const __m128i *)x),
        _mm_cvtsi64_si128(bytes_first((const uint8_t *)x + 8, 2 * count - 8)));
}
INLINE vec32 load_float(const float *x, ptrdiff_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    if (!count) return _mm256_loadu_ps(x);
    return _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane));
}
INLINE vec64 load_double(const double *x, ptrdiff_t count) {
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    if (!count) return _mm256_loadu_pd(x);
    return _mm256_maskload_pd(x, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), lane));
}
INLINE vec32 load_uint8(const uint8_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(some_of_eight_bytes(x, count)));
}
INLINE vec32 load_int8(const int8_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(some_of_eight_bytes(x, count)));
}
INLINE vec32 load_uint16(const uint16_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(some_words(x, count)));
}
INLINE vec32 load_half(const int16_t *x, ptrdiff_t count) {
    return _mm256_cvtph_ps(some_words(x, count));
}
INLINE vec64 widen_float(const float *x, ptrdiff_t count) {
    const __m128i lane = _mm_setr_epi32(0, 1, 2, 3);
    return _mm256_cvtps_pd(
        count ? _mm_maskload_ps(x, _mm_cmpgt_epi32(_mm_set1_epi32((int)count), lane))
              : _mm_loadu_ps(x));
}
INLINE vec64 widen_uint8(const uint8_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(some_of_four_bytes(x, count)));
}
INLINE vec64 widen_int8(const int8_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_pd(_mm_cvtepi8_epi32(some_of_four_bytes(x, count)));
}
INLINE vec64 widen_uint16(const uint16_t *x, ptrdiff_t count) {
    return _mm256_cvtepi32_pd(_mm_cvtepu16_epi32(some_of_eight_bytes(x, 2 * count)));
}
INLINE vec64 widen_halves(const int16_t *x, ptrdiff_t count) {
    return _mm256_cvtps_pd(_mm_cvtph_ps(some_of_eight_bytes(x, 2 * count)));
}

#else

/* A half from its bits. Shifted into a float's place its exponent is 112 too small, also for
 * subnormals; infinity and NaN get the float's largest exponent. */
static inline float widen_half(int16_t half) {
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float value;
    memcpy(&value, &bits, 4);
    value *= 5.192296858534828e33f; /* 2^112 */
    memcpy(&bits, &value, 4);
    if ((half & 0x7c00) == 0x7c00) bits |= 0x7f800000u;
    bits |= (uint32_t)(uint16_t)half >> 15 << 31;
    memcpy(&value, &bits, 4);
    return value;
}

#if defined(__GNUC__) && !defined(FUSEDLOGIT_SCALAR)

/* 16-byte vectors of GCC and Clang: SSE2 on x86-64, NEON on ARM. */
#define VECTOR_LEVEL "baseline"
#if defined(__aarch64__)
#define VEC_REGISTERS 32
#else
#define VEC_REGISTERS 16
#endif
#define VEC32_LANES 4
#define VEC64_LANES 2
typedef float vec32 __attribute__((vector_size(16), may_alias));
typedef double vec64 __attribute__((vector_size(16), may_alias));

static inline vec32 set32(float a) { vec32 v = {a, a, a, a}; return v; }
static inline vec64 set64(double a) { vec64 v = {a, a}; return v; }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return a * b + c; }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return a * b + c; }
static inline vec32 add32(vec32 a, vec32 b) { return a + b; }
static inline vec64 add64(vec64 a, vec64 b) { return a + b; }
static inline void sums32(const vec32 v[4], double out[4]) {
    for (int i = 0; i < 4; i++) out[i] = (v[i][0] + v[i][1]) + (v[i][2] + v[i][3]);
}
static inline void sums64(const vec64 v[4], double out[4]) {
    for (int i = 0; i < 4; i++) out[i] = v[i][0] + v[i][1];
}

#else

#define VECTOR_LEVEL "scalar"
#define VEC_REGISTERS 16
#define VEC32_LANES 1
#define VEC64_LANES 1
typedef struct { float lane; } vec32;
typedef struct { double lane; } vec64;

static inline vec32 set32(float a) { vec32 v; v.lane = a; return v; }
static inline vec64 set64(double a) { vec64 v; v.lane = a; return v; }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return set32(a.lane * b.lane + c.lane); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return set64(a.lane * b.lane + c.lane); }
static inline vec32 add32(vec32 a, vec32 b) { return set32(a.lane + b.lane); }
static inline vec64 add64(vec64 a, vec64 b) { return set64(a.lane + b.lane); }
static inline void sums32(const vec32 v[4], double out[4]) {
    for (int i = 0; i < 4; i++) out[i] = v[i].lane;
}
static inline void sums64(const vec64 v[4], double out[4]) {
    for (int i = 0; i < 4; i++) out[i] = v[i].lane;
}

#endif

/* By way of a padded copy: compilers make one load of a whole one. */
#define LOAD(name, vec, type, number, lanes, value)                          \
    INLINE vec name(const type *x, ptrdiff_t count) {                        \
        number padded[lanes] = {0};                                          \
        vec v;                                                               \
        for (ptrdiff_t i = 0; i < (count ? count : lanes); i++) padded[i] = value; \
        memcpy(&v, padded, sizeof v);                                        \
        return v;                                                            \
    }
LOAD(load_float, vec32, float, float, VEC32_LANES, x[i])
LOAD(load_double, vec64, double, double, VEC64_LANES, x[i])
LOAD(load_uint8, vec32, uint8_t, float, VEC32_LANES, x[i])
LOAD(load_int8, vec32, int8_t, float, VEC32_LANES, x[i])
LOAD(load_uint16, vec32, uint16_t, float, VEC32_LANES, x[i])
LOAD(load_half, vec32, int16_t, float, VEC32_LANES, widen_half(x[i]))
LOAD(widen_float, vec64, float, double, VEC64_LANES, x[i])
LOAD(widen_uint8, vec64, uint8_t, double, VEC64_LANES, x[i])
LOAD(widen_int8, vec64, int8_t, double, VEC64_LANES, x[i])
LOAD(widen_uint16, vec64, uint16_t, double, VEC64_LANES, x[i])
LOAD(widen_halves, vec64, int16_t, double, VEC64_LANES, widen_half(x[i]))

#endif

#if VEC32_LANES >= 8
/* The sums of the lanes of four registers, by adding neighbours across two registers at once. */
static inline void sums32(const vec32 v[4], double out[4]) {
    __m256 ab = _mm256_hadd_ps(halves32(v[0]), halves32(v[1]));
    __m256 cd = _mm256_hadd_ps(halves32(v[2]), halves32(v[3]));
    __m256 abcd = _mm256_hadd_ps(ab, cd);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
    _mm256_storeu_pd(out, _mm256_cvtps_pd(s));
}
static inline void sums64(const vec64 v[4], double out[4]) {
    __m256d ab = _mm256_hadd_pd(halves64(v[0]), halves64(v[1]));
    __m256d cd = _mm256_hadd_pd(halves64(v[2]), halves64(v[3]));
    __m256d low = _mm256_permute2f128_pd(ab, cd, 0x20);
    __m256d high = _mm256_permute2f128_pd(ab, cd, 0x31);
    _mm256_storeu_pd(out, _mm256_add_pd(low, high));
}
#endif

#if VEC32_LANES == 8
/* Numbers from out on: the sums of the lanes of as many registers as there are lanes. */
enum { SUMS32 = 8, SUMS64 = 4 };
INLINE void lane_sums32(const vec32 v[8], vec32 *out) {
    __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    *out = _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                         _mm256_permute2f128_ps(low, high, 0x31));
}
INLINE void lane_sums64(const vec64 v[4], vec64 *out) { sums64(v, (double *)out); }
#elif VEC32_LANES < 8
/* Numbers from out on: the sums of the lanes of four registers. */
enum { SUMS32 = 4, SUMS64 = 4 };
INLINE void lane_sums32(const vec32 v[4], vec32 *out) {
    double sums[4];
    float singles[4];
    sums32(v, sums);
    for (int i = 0; i < 4; i++) singles[i] = (float)sums[i];
    memcpy(out, singles, sizeof singles);
}
INLINE void lane_sums64(const vec64 *v, vec64 *out) {
    double sums[4];
    sums64(v, sums);
    memcpy(out, sums, sizeof sums);
}
#endif

/* a, in a register from now on: what is used twice, compilers would rather load twice. */
#if defined(__GNUC__) && !defined(FUSEDLOGIT_SCALAR) && defined(__x86_64__)
#define HOLD(a) __asm__("" : "+v"(a))
#elif defined(__GNUC__) && !defined(FUSEDLOGIT_SCALAR) && defined(__aarch64__)
#define HOLD(a) __asm__("" : "+w"(a))
#else
#define HOLD(a) ((void)0)
#endif
INLINE vec32 held32(vec32 a) { HOLD(a); return a; }
INLINE vec64 held64(vec64 a) { HOLD(a); return a; }

/* Ask for the cache line at x, which may lie outside of any array: into the nearest cache, or
 * (far) the second one. To GCC a function that does nothing else is pure, and its calls go, unless
 * there is an empty instruction beside. */
#if defined(__GNUC__)
#define PREFETCH(x, gnu, intel) __builtin_prefetch(x, 0, gnu); __asm__ volatile("")
#elif defined(_M_X64)
#define PREFETCH(x, gnu, intel) _mm_prefetch((const char *)(x), intel)
#else
#define PREFETCH(x, gnu, intel) ((void)(x))
#endif
INLINE void prefetch(const void *x) { PREFETCH(x, 3, _MM_HINT_T0); }
INLINE void prefetch_far(const void *x) { PREFETCH(x, 2, _MM_HINT_T1); }

#endif
