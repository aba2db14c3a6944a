/* uint8 by integer arithmetic, where the processor multiplies bytes (AVX-512 VNNI).
 *
 * Widening pixels to floats costs more than multiplying them. Here the other factor becomes bytes
 * instead: a coefficient is a fixed-point number of four signed bytes (32 bits), a factor of the
 * gradient one of three (22 bits), both relative to the largest of their kind. One instruction
 * then multiplies 64 pixels with 64 bytes and adds the products by fours, exactly.
 *
 * Columns go in tiles of 64. The four slices of a tile's coefficients lie together. Within a tile
 * of the gradient, columns stand in the order in which interleaving four rows leaves them.
 */
#ifndef FUSEDLOGIT_BYTES_H
#define FUSEDLOGIT_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "../registers/vector.h"

enum { BYTE_TILE = 64, COEF_SLICES = 4, FACTOR_SLICES = 3 };

#if VEC32_LANES == 16 && (defined(__AVX512VNNI__) || defined(_MSC_VER))

#define HAS_BYTE_KERNELS 1

/* So many columns do not overflow 32 bits, even with all lanes added: 255 * 128 a column. */
enum { COLUMNS_IN_SUM = 65536 };

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
    return count < 8 ? load_double_first(values, count) : load_double(values);
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

/* Coefficients as slices; returns the value of one unit of the fixed point. */
static inline double slice_coef(const double *coef, ptrdiff_t n, int8_t *slices) {
    const double units = 2139062143.0; /* 127 * (2^24 + 2^16 + 2^8 + 1) */
    double largest = largest_of(coef, n);
    double scale = largest > 0 ? units / largest : 0.0;
    memset(slices, 0, (size_t)((n + BYTE_TILE - 1) / BYTE_TILE * BYTE_TILE * COEF_SLICES));
    for (ptrdiff_t j = 0; j < n; j += 16) {
        __m512i q = signed_bytes(fixed_point(coef + j, n - j, scale));
        int8_t *out = slices + j / BYTE_TILE * BYTE_TILE * COEF_SLICES + j % BYTE_TILE;
        for (int k = 0; k < COEF_SLICES; k++)
            _mm_storeu_si128((__m128i *)(out + k * BYTE_TILE), bytes_of(q, k));
    }
    return largest / units;
}

/* A tile of a row; count is BYTE_TILE, known when this is compiled, or the rest of the row. */
INLINE __m512i load_tile(const uint8_t *x, ptrdiff_t count) {
    return count == BYTE_TILE ? _mm512_loadu_si512((const void *)x)
                              : _mm512_maskz_loadu_epi8((__mmask64)((1ull << count) - 1), x);
}

/* out[i] += rows[i] . coef in units of the fixed point, over columns first to last: whole tiles,
 * or (count < BYTE_TILE) the rest of one. */
INLINE void dot_tiles(const uint8_t **rows, ptrdiff_t first, ptrdiff_t last,
                             ptrdiff_t count, const int8_t *slices, double *out) {
    const uint8_t *lines[4] = {rows[0], rows[1], rows[2], rows[3]};
    __m512i sums[4 * COEF_SLICES];
    for (int i = 0; i < 4 * COEF_SLICES; i++) sums[i] = _mm512_setzero_si512();
    for (ptrdiff_t j = first; j < last; j += BYTE_TILE) {
        const int8_t *tile = slices + j * COEF_SLICES;
        __m512i w[COEF_SLICES];
        for (int k = 0; k < COEF_SLICES; k++)
            w[k] = _mm512_loadu_si512((const void *)(tile + k * BYTE_TILE));
        for (int i = 0; i < 4; i++) {
            __m512i x = load_tile(lines[i] + j, count);
            for (int k = 0; k < COEF_SLICES; k++)
                sums[i * COEF_SLICES + k] =
                    _mm512_dpbusd_epi32(sums[i * COEF_SLICES + k], x, w[k]);
        }
    }
    int32_t totals[4 * COEF_SLICES];
    for (int i = 0; i < 4 * COEF_SLICES; i++) totals[i] = _mm512_reduce_add_epi32(sums[i]);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < COEF_SLICES; k++)
            out[i] += (double)totals[i * COEF_SLICES + k] * (double)(1ll << 8 * k);
}

/* out[i] = rows[i] . coef for four rows; unit as slice_coef gave it. */
static inline void dot_bytes(const uint8_t **rows, ptrdiff_t n, const int8_t *slices, double unit,
                             double *out) {
    ptrdiff_t whole = n / BYTE_TILE * BYTE_TILE;
    for (int i = 0; i < 4; i++) out[i] = 0;
    for (ptrdiff_t first = 0; first < whole; first += COLUMNS_IN_SUM) {
        ptrdiff_t last = first + COLUMNS_IN_SUM < whole ? first + COLUMNS_IN_SUM : whole;
        dot_tiles(rows, first, last, BYTE_TILE, slices, out);
    }
    if (whole < n) dot_tiles(rows, whole, n, n - whole, slices, out);
    for (int i = 0; i < 4; i++) out[i] *= unit;
}

/* One tile of add_bytes: each register of `columns` holds 16 columns of all four rows. */
INLINE void add_tile(const uint8_t **rows, ptrdiff_t j, ptrdiff_t count,
                            const __m512i weights[FACTOR_SLICES], float unit, float *gradient) {
    __m512i a = load_tile(rows[0] + j, count), b = load_tile(rows[1] + j, count);
    __m512i c = load_tile(rows[2] + j, count), d = load_tile(rows[3] + j, count);
    __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    __m512i columns[4] = {
        _mm512_unpacklo_epi16(ab_low, cd_low), _mm512_unpackhi_epi16(ab_low, cd_low),
        _mm512_unpacklo_epi16(ab_high, cd_high), _mm512_unpackhi_epi16(ab_high, cd_high)};
    for (int q = 0; q < 4; q++) {
        float *out = gradient + j + 16 * q;
        __m512i sum = _mm512_setzero_si512();
        for (int k = FACTOR_SLICES; k-- > 0;)
            sum = _mm512_dpbusd_epi32(_mm512_slli_epi32(sum, 8), columns[q], weights[k]);
        _mm512_store_ps(out, muladd32(_mm512_cvtepi32_ps(sum), set32(unit), _mm512_load_ps(out)));
    }
}

/* gradient += sum_i factor[i] rows[i] for four rows, asking for the memory at ahead on the way. */
static inline void add_bytes(const uint8_t **rows, const double *factor, ptrdiff_t n,
                             float *gradient, const uint8_t **ahead) {
    const double units = 2105000.0; /* times 4 * 255, still a 32-bit integer */
    double largest = largest_of(factor, 4);
    if (largest < 1e-30) largest = 0; /* too small for its unit to be a float */
    double scale = largest > 0 && largest < 1e290 ? units / largest : 0.0;
    float unit = (float)(largest / units);
    __m512i weights[FACTOR_SLICES];
    /* Copies, which stores to the gradient cannot change. */
    const uint8_t *lines[4] = {rows[0], rows[1], rows[2], rows[3]};
    const uint8_t *next[4] = {ahead[0], ahead[1], ahead[2], ahead[3]};
    ptrdiff_t j;
    __m512i q = signed_bytes(fixed_point(factor, 4, scale));
    for (int k = 0; k < FACTOR_SLICES; k++) weights[k] = _mm512_broadcastd_epi32(bytes_of(q, k));
    for (j = 0; j + BYTE_TILE <= n; j += BYTE_TILE) {
        for (int i = 0; i < 4; i++) prefetch_far(next[i] + j);
        add_tile(lines, j, BYTE_TILE, weights, unit, gradient);
    }
    if (j < n) add_tile(lines, j, n - j, weights, unit, gradient);
}

/* Where column j of a tile stands in the gradient: interleaving works in lanes of 16 bytes. */
static inline ptrdiff_t place_in_tile(ptrdiff_t j) { return j % 16 / 4 * 16 + j / 16 * 4 + j % 4; }

/* Add the gradient to float64 sums in the order of the columns, and clear it. */
static inline void flush_bytes(float *gradient, ptrdiff_t n, double *out) {
    for (ptrdiff_t tile = 0; tile < n; tile += BYTE_TILE) {
        ptrdiff_t count = n - tile < BYTE_TILE ? n - tile : BYTE_TILE;
        for (ptrdiff_t j = 0; j < count; j++) out[tile + j] += gradient[tile + place_in_tile(j)];
        memset(gradient + tile, 0, BYTE_TILE * sizeof(float));
    }
}

#else

/* Not used at this level: floats do it (lines.pxd). */
#define HAS_BYTE_KERNELS 0
#define slices_suit(coef, n) ((void)(coef), 0)
#define slice_coef(coef, n, slices) 0.0
#define dot_bytes(rows, n, slices, unit, out) ((void)0)
#define add_bytes(rows, factor, n, gradient, ahead) ((void)0)
#define flush_bytes(gradient, n, out) ((void)0)

#endif

#endif
