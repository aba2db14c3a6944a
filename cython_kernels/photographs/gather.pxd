"""Patches of a map folded at their middle column, divided by their contrast.

A map is kept in two parts: a mirror leaves the even part as it is (but for the place) and turns
the sign of the odd part. A photograph is all even. Two columns (a, b) of a patch that mirror each
other become (a + b) / sqrt 2 and (a - b) / sqrt 2, an orthonormal change of basis: the response
of a filter to a patch is the sum of its responses to the even and the odd part, the response of
the mirrored filter their difference. One product with half the patch serves both filters.
"""

from libc.math cimport sqrt

cdef enum:
    LANES = 8

cdef struct Map:
    const float* even
    const float* odd
    Py_ssize_t width
    Py_ssize_t n_even
    Py_ssize_t n_odd


cdef inline void add_sums(
    const float* values, Py_ssize_t n, double* total, double* squares
) noexcept nogil:
    """Add up n numbers and their squares, in parallel lanes."""
    cdef float lane_total[LANES]
    cdef float lane_squares[LANES]
    cdef Py_ssize_t blocks = n // LANES
    cdef Py_ssize_t i, k
    for k in range(LANES):
        lane_total[k] = 0
        lane_squares[k] = 0
    for i in range(blocks):
        for k in range(LANES):
            lane_total[k] += values[i * LANES + k]
            lane_squares[k] += values[i * LANES + k] * values[i * LANES + k]
    for k in range(n - blocks * LANES):
        lane_total[k] += values[blocks * LANES + k]
        lane_squares[k] += values[blocks * LANES + k] * values[blocks * LANES + k]
    for k in range(LANES):
        total[0] += lane_total[k]
        squares[0] += lane_squares[k]


cdef inline void fold(
    const float* row, Py_ssize_t size, Py_ssize_t n_channels, float gain, float* sums,
    float* differences
) noexcept nogil:
    """Fold one row of a patch at its middle, times the gain; a middle column goes to `sums`."""
    cdef float half = gain * <float>0.70710678118654752
    cdef const float* left = row
    cdef const float* right = row + (size - 1) * n_channels
    cdef Py_ssize_t _pair, c
    for _pair in range(size // 2):
        for c in range(n_channels):
            sums[c] = half * (left[c] + right[c])
            differences[c] = half * (left[c] - right[c])
        left += n_channels
        right -= n_channels
        sums += n_channels
        differences += n_channels
    if size % 2:
        for c in range(n_channels):
            sums[c] = gain * left[c]


cdef inline float gain_of(
    const Map* pixels, Py_ssize_t place, Py_ssize_t size, bint centred, float floor
) noexcept nogil:
    """1 / contrast of the patch whose upper left corner is pixel number `place`."""
    cdef double count = size * size * (pixels.n_even + pixels.n_odd)
    cdef double total = 0, squares = 0
    cdef Py_ssize_t _row
    for _row in range(size):
        add_sums(pixels.even + place * pixels.n_even, size * pixels.n_even, &total, &squares)
        if pixels.n_odd:
            add_sums(pixels.odd + place * pixels.n_odd, size * pixels.n_odd, &total, &squares)
        place += pixels.width
    total = total / count if centred else 0
    return <float>(1 / sqrt(max(squares / count - total * total, 0) + floor))


cdef inline void gather_patch(
    const Map* pixels, Py_ssize_t place, Py_ssize_t size, float gain, float* even, float* odd
) noexcept nogil:
    cdef Py_ssize_t half = size // 2, rest = size - half
    cdef Py_ssize_t _row
    for _row in range(size):
        fold(pixels.even + place * pixels.n_even, size, pixels.n_even, gain, even, odd)
        even += rest * pixels.n_even
        odd += half * pixels.n_even
        if pixels.n_odd:
            # A sum of odd columns is odd, their difference even.
            fold(pixels.odd + place * pixels.n_odd, size, pixels.n_odd, gain, odd, even)
            even += half * pixels.n_odd
            odd += rest * pixels.n_odd
        place += pixels.width
