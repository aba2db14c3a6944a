/* Blocks of short rows of uint8 by the integer arithmetic of slices.h.
 *
 * A row alone has too few products for each sum over lanes. So registers hold four rows at once.
 * With their dwords interleaved, a lane of 16 bytes has four columns of all four rows, and a
 * register adds up for each row by itself. The forward half leaves the rows in this order for the
 * backward half, which by one shuffle within lanes gets each column of the four rows together.
 *
 * Lane L of the p-th of four registers has columns 16 L + 4 p to 16 L + 4 p + 3: in the gradient,
 * columns stand where place_of says.
 */
#ifndef FUSEDLOGIT_BYTES_SHORT_ROWS_H
#define FUSEDLOGIT_BYTES_SHORT_ROWS_H

#include <math.h>

#include "slices.h"

enum { BYTE_ROWS = 256 }; /* of a block, whose tile has half the room of one of floats */

#if HAS_BYTE_KERNELS

enum {
    ROWS_AT_ONCE = 16,
    BLOCK_SLICES = 4 /* of a factor: one fixed point serves a block, not four rows */
};

/* Shuffles lanes as 4 x 4 bytes, swapping rows and columns. */
INLINE __m512i transpose_lanes(__m512i x) {
    return _mm512_shuffle_epi8(
        x, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
}

/* A row of at most MOST_COLUMNS. */
INLINE __m512i load_row(const uint8_t *x, ptrdiff_t n) {
    return n == MOST_COLUMNS ? _mm512_loadu_si512((const void *)x)
                             : _mm512_maskz_loadu_epi8((__mmask64)((1ull << n) - 1), x);
}

/* Four rows with their dwords interleaved. */
INLINE void load_four(const uint8_t **rows, ptrdiff_t n, __m512i out[4]) {
    __m512i a = load_row(rows[0], n), b = load_row(rows[1], n);
    __m512i c = load_row(rows[2], n), d = load_row(rows[3], n);
    __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
    __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
    out[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
    out[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
    out[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
    out[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
}

/* One slice of the coefficients, as load_four would leave four rows that all have it. */
INLINE void load_slice(const int8_t *slice, __m512i out[4]) {
    __m512i row = _mm512_loadu_si512((const void *)slice);
    out[0] = _mm512_shuffle_epi32(row, 0x00);
    out[1] = _mm512_shuffle_epi32(row, 0x55);
    out[2] = _mm512_shuffle_epi32(row, 0xaa);
    out[3] = _mm512_shuffle_epi32(row, 0xff);
}

/* Sums, still by lanes, of two slices that follow each other: 64 columns leave room for both. */
INLINE __m512i dot_two_slices(const __m512i x[4], const __m512i low[4], const __m512i high[4]) {
    __m512i sum = _mm512_setzero_si512();
    for (int p = 0; p < 4; p++) sum = _mm512_dpbusd_epi32(sum, x[p], high[p]);
    sum = _mm512_slli_epi32(sum, 8);
    for (int p = 0; p < 4; p++) sum = _mm512_dpbusd_epi32(sum, x[p], low[p]);
    return sum;
}

/* Lane i: the lanes of the i-th register, added up. */
INLINE vec32 sums_of_lanes(const __m512i v[4]) {
    __m512i ab = _mm512_add_epi32(_mm512_shuffle_i32x4(v[0], v[1], 0x88),
                                  _mm512_shuffle_i32x4(v[0], v[1], 0xdd));
    __m512i cd = _mm512_add_epi32(_mm512_shuffle_i32x4(v[2], v[3], 0x88),
                                  _mm512_shuffle_i32x4(v[2], v[3], 0xdd));
    return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88),
                                               _mm512_shuffle_i32x4(ab, cd, 0xdd)));
}

/* z of ROWS_AT_ONCE rows, and these into the tile; past `count` rows, the last one again. */
INLINE void dot_rows(const uint8_t *first, ptrdiff_t count, ptrdiff_t row_stride, ptrdiff_t n,
                     __m512i w[COEF_SLICES][4], vec32 unit, __m512i *tile,
                     float *z) {
    __m512i low[4], high[4];
    for (int g = 0; g < 4; g++) {
        __m512i *x = tile + 4 * g;
        const uint8_t *rows[4];
        for (int i = 0; i < 4; i++)
            rows[i] = first + (4 * g + i < count ? 4 * g + i : count - 1) * row_stride;
        load_four(rows, n, x);
        low[g] = dot_two_slices(x, w[0], w[1]);
        high[g] = dot_two_slices(x, w[2], w[3]);
    }
    vec32 sum = muladd32(sums_of_lanes(high), set32(65536), sums_of_lanes(low));
    _mm512_storeu_ps(z, _mm512_mul_ps(sum, unit));
}

/* z = block coef; the block into the tile, and both filled up to whole ROWS_AT_ONCE. */
static inline void forward_bytes(const uint8_t *block, ptrdiff_t n_rows,
                                        ptrdiff_t row_stride, ptrdiff_t n,
                                        const SlicedCoef *coef, void *tile, float *z) {
    __m512i w[COEF_SLICES][4];
    vec32 units = set32((float)coef->unit);
    ptrdiff_t whole = n_rows / ROWS_AT_ONCE * ROWS_AT_ONCE;
    for (int k = 0; k < COEF_SLICES; k++) load_slice(coef->slices[k], w[k]);
    for (ptrdiff_t i = 0; i < whole; i += ROWS_AT_ONCE)
        dot_rows(block + i * row_stride, ROWS_AT_ONCE, row_stride, n, w, units,
                 (__m512i *)tile + i, z + i);
    if (whole < n_rows)
        dot_rows(block + whole * row_stride, n_rows - whole, row_stride, n, w, units,
                 (__m512i *)tile + whole, z + whole);
}

/* Factors as bytes: slices[g][k] has the k-th of the g-th four; one unit is 2^-29 of the largest,
 * or less. What is lost of a factor stays in its place, if it is worth another round: more than
 * 2^-17 of it, and more than a factor that is too small for float32. Returns whether any does. */
INLINE int slice_factors(float *factor, ptrdiff_t n_rows, int32_t slices[][BLOCK_SLICES],
                         float *unit) {
    __m512i largest = _mm512_setzero_si512();
    __mmask16 lost = 0;
    float size;
    int32_t bits;
    for (ptrdiff_t i = 0; i < n_rows; i += ROWS_AT_ONCE) {
        vec32 sizes = _mm512_abs_ps(load_float(factor + i, 0));
        /* Their bits compare as they do themselves, but that NaN is the largest. */
        largest = _mm512_max_epi32(largest, _mm512_castps_si512(sizes));
    }
    bits = _mm512_reduce_max_epi32(largest);
    memcpy(&size, &bits, 4);
    *unit = ldexpf(1, bits >> 23 > 30 ? (bits >> 23) - 127 - 29 : -126);
    float scale = 1 / *unit;
    if (!isfinite(size)) *unit = size; /* and so is every product */
    for (ptrdiff_t i = 0; i < n_rows; i += ROWS_AT_ONCE) {
        vec32 f = load_float(factor + i, 0);
        __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(f, set32(scale)));
        vec32 rest = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(q), set32(*unit), f);
        vec32 bound = _mm512_mul_ps(_mm512_abs_ps(f), set32(0x1p-17f));
        __mmask16 again = _mm512_cmp_ps_mask(
            _mm512_abs_ps(rest), _mm512_max_ps(bound, set32(0x1p-101f)), _CMP_GT_OQ);
        _mm512_storeu_ps(factor + i, _mm512_maskz_mov_ps(again, rest));
        lost |= again;
        _mm512_storeu_si512((void *)slices[i / 4], transpose_lanes(signed_bytes(q)));
    }
    return lost != 0;
}

/* gradient += block^T factor in units, for the half of a tile from its first register on (0 or 2),
 * whose sums fit the processor's registers; asking for the memory of half as many rows at ahead. */
INLINE void add_sliced(const __m512i *tile, ptrdiff_t n_rows, int32_t slices[][BLOCK_SLICES],
                       float unit, int first, float *gradient, const uint8_t *ahead,
                       ptrdiff_t row_stride) {
    __m512i sums[2][BLOCK_SLICES];
    for (int p = 0; p < 2; p++)
        for (int k = 0; k < BLOCK_SLICES; k++) sums[p][k] = _mm512_setzero_si512();
    for (ptrdiff_t i = 0; i < n_rows; i += ROWS_AT_ONCE) /* unrolled: GCC copies sums at each end */
        for (int g = 0; g < ROWS_AT_ONCE / 4; g++)
            for (int p = 0; p < 2; p++) {
                __m512i columns = transpose_lanes(tile[i + 4 * g + first + p]);
                prefetch_far(ahead + (i / 2 + 2 * g + p) * row_stride);
                for (int k = 0; k < BLOCK_SLICES; k++)
                    sums[p][k] = _mm512_dpbusd_epi32(sums[p][k], columns,
                                                     _mm512_set1_epi32(slices[i / 4 + g][k]));
            }
    for (int p = 0; p < 2; p++) {
        float *out = gradient + 16 * (first + p);
        vec32 sum = _mm512_cvtepi32_ps(sums[p][BLOCK_SLICES - 1]);
        for (int k = BLOCK_SLICES - 1; k-- > 0;)
            sum = muladd32(sum, set32(256), _mm512_cvtepi32_ps(sums[p][k]));
        _mm512_store_ps(out, muladd32(sum, set32(unit), _mm512_load_ps(out)));
    }
}

/* gradient += block^T factor; where factors differ so much that one fixed point would not keep the
 * digits of all, in several rounds, each of what the last one lost. factor is used up. */
static inline void backward_bytes(const void *tile, ptrdiff_t n_rows, float *factor,
                                         float *gradient, const uint8_t *ahead,
                                         ptrdiff_t row_stride) {
    int32_t slices[BYTE_ROWS / 4][BLOCK_SLICES];
    float unit;
    int again;
    for (ptrdiff_t i = n_rows; i % ROWS_AT_ONCE; i++) factor[i] = 0;
    do {
        again = slice_factors(factor, n_rows, slices, &unit);
        add_sliced((const __m512i *)tile, n_rows, slices, unit, 0, gradient, ahead, row_stride);
        add_sliced((const __m512i *)tile, n_rows, slices, unit, 2, gradient,
                   ahead + n_rows / 2 * row_stride, row_stride);
    } while (again);
}

#else

/* Not used at this level: floats do it (narrow.pxd). */
#define forward_bytes(block, n_rows, row_stride, n, coef, tile, z) ((void)0)
#define backward_bytes(tile, n_rows, factor, gradient, ahead, row_stride) ((void)(ahead))

#endif

#endif
