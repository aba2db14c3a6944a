/* Coefficients as bytes, for integer arithmetic where the processor multiplies bytes (AVX-512 VNNI).
 *
 * Widening short rows of pixels to floats costs more than multiplying them. Here the other factor
 * becomes bytes instead: a coefficient is a fixed-point number of four signed bytes (32 bits),
 * relative to the largest. One instruction then multiplies 64 pixels with 64 bytes and adds the
 * products by fours, exactly.
 *
 * In the gradient, columns stand in the order in which interleaving four rows leaves them.
 */
#ifndef FUSEDLOGIT_SLICES_H
#define FUSEDLOGIT_SLICES_H

#include <stddef.h>
#include <stdint.h>

#include "../registers/vector.h"

enum { MOST_COLUMNS = 64, COEF_SLICES = 4 };

/* The coefficients of a row: slices[k] has the k-th bytes, in units of `unit`. */
typedef struct {
    int8_t slices[COEF_SLICES][MOST_COLUMNS];
    double unit;
} SlicedCoef;

#if VEC32_LANES == 16 && (defined(__AVX512VNNI__) || defined(_MSC_VER))

#define HAS_BYTE_KERNELS 1

/* The four bytes of each number as signed ones, the lowest first: q = sum_k bytes[k] 256^k. Adding
 * 128 to each carries over from those that become negative. */
INLINE __m512i signed_bytes(__m512i q) {
    const __m512i halves = _mm512_set1_epi32((int)0x80808080);
    return _mm512_xor_si512(_mm512_add_epi32(q, halves), halves);
}

/* The k-th byte of each of sixteen numbers. */
INLINE __m128i bytes_of(__m512i q, int k) {
    return _mm512_cvtepi32_epi8(_mm512_srli_epi32(q, (unsigned)(8 * k)));
}

/* Eight numbers, or the rest of them and zeros. */
INLINE vec64 load_eight(const double *values, ptrdiff_t count) {
    if (count <= 0) return _mm512_setzero_pd();
    return load_double(values, count < 8 ? count : 0);
}

/* Sixteen numbers, or the rest of them and zeros, in units of a fixed point. */
INLINE __m512i fixed_point(const double *values, ptrdiff_t count, double scale) {
    vec64 low = _mm512_mul_pd(load_eight(values, count), set64(scale));
    vec64 high = _mm512_mul_pd(load_eight(values + 8, count - 8), set64(scale));
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(low)),
                              _mm512_cvtpd_epi32(high), 1);
}

/* The largest absolute value; NaN if there is one. */
static inline double largest_of(const double *values, ptrdiff_t n) {
    __m512i largest = _mm512_setzero_si512();
    int64_t bits;
    double size;
    for (ptrdiff_t i = 0; i < n; i += 8) {
        /* Bits of absolute values compare as these do, but that NaN is the largest. */
        vec64 sizes = _mm512_abs_pd(load_eight(values + i, n - i));
        largest = _mm512_max_epi64(largest, _mm512_castpd_si512(sizes));
    }
    bits = _mm512_reduce_max_epi64(largest);
    memcpy(&size, &bits, sizeof size);
    return size;
}

/* Whether one fixed point serves all coefficients: none is so much larger than the others that
 * these would keep fewer digits than as floats. The mean root is a measure that a few large ones
 * do not move; zeros, which need no digits, do not count. */
static inline int slices_suit(const double *coef, ptrdiff_t n) {
    double largest = largest_of(coef, n), root;
    vec64 roots = _mm512_setzero_pd(), counted = roots;
    for (ptrdiff_t j = 0; j < n; j += 8) {
        vec64 sizes = _mm512_abs_pd(load_eight(coef + j, n - j));
        __mmask8 counts = _mm512_cmp_pd_mask(sizes, _mm512_setzero_pd(), _CMP_NEQ_UQ);
        roots = add64(roots, _mm512_sqrt_pd(sizes));
        counted = _mm512_mask_add_pd(counted, counts, counted, set64(1));
    }
    if (largest == 0) return 1;
    root = _mm512_reduce_add_pd(roots) / _mm512_reduce_add_pd(counted);
    return largest > 1e-280 && largest < 1e280 && largest < 1024 * root * root;
}

/* Coefficients as slices. */
static inline void slice_coef(const double *coef, ptrdiff_t n, SlicedCoef *out) {
    const double units = 2139062143.0; /* 127 * (2^24 + 2^16 + 2^8 + 1) */
    double largest = largest_of(coef, n);
    double scale = largest > 0 ? units / largest : 0.0;
    memset(out->slices, 0, sizeof out->slices);
    for (ptrdiff_t j = 0; j < n; j += 16) {
        __m512i q = signed_bytes(fixed_point(coef + j, n - j, scale));
        for (int k = 0; k < COEF_SLICES; k++)
            _mm_storeu_si128((__m128i *)(out->slices[k] + j), bytes_of(q, k));
    }
    out->unit = largest / units;
}

/* Where column j stands in the gradient: interleaving works in lanes of 16 bytes. */
static inline ptrdiff_t place_of(ptrdiff_t j) { return j % 16 / 4 * 16 + j / 16 * 4 + j % 4; }

/* Add the gradient to float64 sums in the order of the columns, and clear it. */
static inline void flush_bytes(float *gradient, ptrdiff_t n, double *out) {
    for (ptrdiff_t j = 0; j < n; j++) out[j] += gradient[place_of(j)];
    memset(gradient, 0, MOST_COLUMNS * sizeof(float));
}

#else

/* Not used at this level: floats do it (sweeps/narrow.pxd). */
#define HAS_BYTE_KERNELS 0
#define slices_suit(coef, n) ((void)(coef), 0)
#define slice_coef(coef, n, out) ((void)(out))
#define flush_bytes(gradient, n, out) ((void)0)

#endif

#endif
