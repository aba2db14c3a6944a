/* Two rows in one register, each in a half of it: for rows that would leave the other half empty. */
#ifndef FUSEDLOGIT_PAIRS_H
#define FUSEDLOGIT_PAIRS_H

#include "../registers/vector.h"

#if VEC32_LANES == 16

#define HAS_PAIRS 1

INLINE vec32 pair32(vec32 low, vec32 high) {
    return _mm512_insertf32x8(low, _mm512_castps512_ps256(high), 1);
}
INLINE vec64 pair64(vec64 low, vec64 high) {
    return _mm512_insertf64x4(low, _mm512_castpd512_pd256(high), 1);
}
/* The first of two numbers in every lane of the low half, the second in the high one. */
INLINE vec32 spread32(const float *two) {
    return pair32(_mm512_set1_ps(two[0]), _mm512_set1_ps(two[1]));
}
INLINE vec64 spread64(const double *two) {
    return pair64(_mm512_set1_pd(two[0]), _mm512_set1_pd(two[1]));
}
/* The sum of both halves in the low one, zeros in the high one. */
INLINE vec32 fold32(vec32 a) { return _mm512_zextps256_ps512(halves32(a)); }
INLINE vec64 fold64(vec64 a) { return _mm512_zextpd256_pd512(halves64(a)); }
/* Numbers from out on: the sums of the halves of half as many registers as there are lanes. */
INLINE void pair_sums32(const vec32 v[8], vec32 *out) {
    const __m512i in_order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    *out = _mm512_permutexvar_ps(in_order, half_sums32(quarter_sums32(v), quarter_sums32(v + 4)));
}
INLINE void pair_sums64(const vec64 v[4], vec64 *out) {
    const __m512i in_order = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
    *out = _mm512_permutexvar_pd(in_order, half_sums64(quarter_sums64(v), quarter_sums64(v + 2)));
}

#else

/* Not used at this level: each row has a register of its own (narrow.pxd). */
#define HAS_PAIRS 0
#define pair32(low, high) ((void)(high), low)
#define pair64(low, high) ((void)(high), low)
#define spread32(two) set32(*(two))
#define spread64(two) set64(*(two))
#define fold32(a) (a)
#define fold64(a) (a)
#define pair_sums32(v, out) ((void)(v), (void)(out))
#define pair_sums64(v, out) ((void)(v), (void)(out))

#endif

#endif
