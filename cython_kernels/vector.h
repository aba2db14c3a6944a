/* Vector registers for the kernels: vec32 holds VEC32_LANES floats, vec64 holds VEC64_LANES doubles.
 *
 * One section per instruction-set level, chosen by the flags this file is compiled with. The last
 * section, one lane wide, is plain C: the fallback of every other compiler and machine, and what
 * the others are tested against. load_* widens stored elements on their way into a register;
 * load_*_first takes the first count < lanes of them, zeros elsewhere, and touches no byte beyond.
 */
#ifndef FUSEDLOGIT_VECTOR_H
#define FUSEDLOGIT_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(_M_X64)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include <immintrin.h>
#define VECTOR_LEVEL "avx512"
#define VEC32_LANES 16
#define VEC64_LANES 8
typedef __m512 vec32;
typedef __m512d vec64;

static inline vec32 set32(float a) { return _mm512_set1_ps(a); }
static inline vec64 set64(double a) { return _mm512_set1_pd(a); }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return _mm512_fmadd_pd(a, b, c); }
static inline float sum32(vec32 a) { return _mm512_reduce_add_ps(a); }
static inline double sum64(vec64 a) { return _mm512_reduce_add_pd(a); }
static inline vec32 load_float(const float *x) { return _mm512_loadu_ps(x); }
static inline vec64 load_double(const double *x) { return _mm512_loadu_pd(x); }
static inline vec32 load_uint8(const uint8_t *x) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)x)));
}
static inline vec32 load_float_first(const float *x, ptrdiff_t count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x);
}
static inline vec64 load_double_first(const double *x, ptrdiff_t count) {
    return _mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), x);
}
static inline vec32 load_uint8_first(const uint8_t *x, ptrdiff_t count) {
    __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)((1u << count) - 1), x);
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

#elif defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))

#include <immintrin.h>
#define VECTOR_LEVEL "avx2"
#define VEC32_LANES 8
#define VEC64_LANES 4
typedef __m256 vec32;
typedef __m256d vec64;

static inline vec32 set32(float a) { return _mm256_set1_ps(a); }
static inline vec64 set64(double a) { return _mm256_set1_pd(a); }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return _mm256_fmadd_pd(a, b, c); }
static inline float sum32(vec32 a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline double sum64(vec64 a) {
    __m128d s = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}
static inline vec32 load_float(const float *x) { return _mm256_loadu_ps(x); }
static inline vec64 load_double(const double *x) { return _mm256_loadu_pd(x); }
static inline vec32 load_uint8(const uint8_t *x) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)x)));
}
static inline vec32 load_float_first(const float *x, ptrdiff_t count) {
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane));
}
static inline vec64 load_double_first(const double *x, ptrdiff_t count) {
    __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    return _mm256_maskload_pd(x, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), lane));
}

#elif defined(__GNUC__) && !defined(FUSEDLOGIT_SCALAR)

/* 16-byte vectors of GCC and Clang: SSE2 on x86-64, NEON on ARM. */
#define VECTOR_LEVEL "baseline"
#define VEC32_LANES 4
#define VEC64_LANES 2
typedef float vec32 __attribute__((vector_size(16), may_alias));
typedef double vec64 __attribute__((vector_size(16), may_alias));

static inline vec32 set32(float a) { vec32 v = {a, a, a, a}; return v; }
static inline vec64 set64(double a) { vec64 v = {a, a}; return v; }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return a * b + c; }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return a * b + c; }
static inline float sum32(vec32 a) { return (a[0] + a[1]) + (a[2] + a[3]); }
static inline double sum64(vec64 a) { return a[0] + a[1]; }
static inline vec32 load_float(const float *x) { vec32 v; memcpy(&v, x, 16); return v; }
static inline vec64 load_double(const double *x) { vec64 v; memcpy(&v, x, 16); return v; }
static inline vec32 load_uint8(const uint8_t *x) {
    vec32 v = {x[0], x[1], x[2], x[3]};
    return v;
}

#else

#define VECTOR_LEVEL "scalar"
#define VEC32_LANES 1
#define VEC64_LANES 1
typedef struct { float lane; } vec32;
typedef struct { double lane; } vec64;

static inline vec32 set32(float a) { vec32 v; v.lane = a; return v; }
static inline vec64 set64(double a) { vec64 v; v.lane = a; return v; }
static inline vec32 muladd32(vec32 a, vec32 b, vec32 c) { return set32(a.lane * b.lane + c.lane); }
static inline vec64 muladd64(vec64 a, vec64 b, vec64 c) { return set64(a.lane * b.lane + c.lane); }
static inline float sum32(vec32 a) { return a.lane; }
static inline double sum64(vec64 a) { return a.lane; }
static inline vec32 load_float(const float *x) { return set32(*x); }
static inline vec64 load_double(const double *x) { return set64(*x); }
static inline vec32 load_uint8(const uint8_t *x) { return set32(*x); }

#endif

#if VEC32_LANES < 16
static inline vec32 load_uint8_first(const uint8_t *x, ptrdiff_t count) {
    uint8_t padded[VEC32_LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) padded[i] = x[i];
    return load_uint8(padded);
}
#endif

#if VEC32_LANES < 8
static inline vec32 load_float_first(const float *x, ptrdiff_t count) {
    float padded[VEC32_LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) padded[i] = x[i];
    return load_float(padded);
}
static inline vec64 load_double_first(const double *x, ptrdiff_t count) {
    double padded[VEC64_LANES] = {0};
    for (ptrdiff_t i = 0; i < count; i++) padded[i] = x[i];
    return load_double(padded);
}
#endif

/* Ask for the cache line at x, which may lie outside of any array. */
static inline void prefetch(const void *x) {
#if defined(__GNUC__)
    __builtin_prefetch(x);
#elif defined(_M_X64)
    _mm_prefetch((const char *)x, _MM_HINT_T0);
#else
    (void)x;
#endif
}

#endif
