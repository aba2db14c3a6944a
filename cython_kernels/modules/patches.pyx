"""Patches of a map gathered into rows, and the responses of filters to them activated and pooled.

A map is kept in two parts: a mirror leaves the even part as it is (but for the place) and turns
the sign of the odd part. A photograph is all even. Two columns (a, b) of a patch that mirror each
other become (a + b) / sqrt 2 and (a - b) / sqrt 2, an orthonormal change of basis: the response
of a filter to a patch is the sum of its responses to the even and the odd part, the response of
the mirrored filter their difference. One product with half the patch serves both filters.
"""

from libc.math cimport fabsf, sqrt
from libc.string cimport memset

from cython_kernels.link.link cimport decay, log_loss_at, sigmoid_at

cdef enum Activation:
    TWO_SIDED
    RELU
    ABS
    TANH
    SIGMOID
    SOFTPLUS

#: The activations in the order of their numbers, with the outputs that each filter has.
ACTIVATIONS = {"two-sided": 2, "relu": 1, "abs": 1, "tanh": 1, "sigmoid": 1, "softplus": 1}

cdef enum:
    LANES = 8
    BLOCK = 128


cdef inline const float* first_of(const float[:, :, ::1] part) noexcept nogil:
    return &part[0, 0, 0] if part.shape[0] and part.shape[1] and part.shape[2] else NULL


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


def gather(
    const float[:, :, ::1] even_map,
    const float[:, :, ::1] odd_map,
    Py_ssize_t size,
    Py_ssize_t stride,
    Py_ssize_t first_row,
    bint centred,
    float floor,
    float[:, :, ::1] even,
    float[:, :, ::1] odd,
):
    """Fold the patches of some rows of a map, divided by their contrast.

    Row i of the outputs holds the patches whose upper edge is (first_row + i) * stride, one every
    `stride` columns. The contrast is sqrt(variance + floor) if `centred`, else
    sqrt(mean square + floor). even: (rows, patches in a row, n_even); odd: the same with n_odd.
    """
    cdef Py_ssize_t width = even_map.shape[1]
    cdef Py_ssize_t n_even = even_map.shape[2], n_odd = odd_map.shape[2]
    cdef Py_ssize_t half = size // 2, rest = size - half
    cdef const float* even_pixels = first_of(even_map)
    cdef const float* odd_pixels = first_of(odd_map)
    cdef Py_ssize_t i, j, k, place
    cdef double count = size * size * (n_even + n_odd)
    cdef double total, squares
    cdef float gain
    cdef float* to_even
    cdef float* to_odd
    with nogil:
        for i in range(even.shape[0]):
            for j in range(even.shape[1]):
                place = (first_row + i) * stride * width + j * stride
                total = squares = 0
                for k in range(size):
                    add_sums(even_pixels + (place + k * width) * n_even, size * n_even,
                             &total, &squares)
                    if n_odd:
                        add_sums(odd_pixels + (place + k * width) * n_odd, size * n_odd,
                                 &total, &squares)
                total = total / count if centred else 0
                gain = <float>(1 / sqrt(max(squares / count - total * total, 0) + floor))
                to_even = &even[i, j, 0]
                to_odd = &odd[i, j, 0]
                for k in range(size):
                    fold(even_pixels + (place + k * width) * n_even, size, n_even, gain,
                         to_even, to_odd)
                    to_even += rest * n_even
                    to_odd += half * n_even
                    if n_odd:
                        # A sum of odd columns is odd, their difference even.
                        fold(odd_pixels + (place + k * width) * n_odd, size, n_odd, gain,
                             to_odd, to_even)
                        to_even += half * n_odd
                        to_odd += rest * n_odd


cdef inline float positive(float z) noexcept nogil:
    return z if z > 0 else <float>0


cdef inline float activated(float z, float threshold, Activation activation) noexcept nogil:
    if activation == RELU:
        return positive(z - threshold)
    if activation == ABS:
        return positive(fabsf(z) - threshold)
    if activation == TANH:
        return 2 * sigmoid_at(2 * z, decay(2 * z)) - 1
    if activation == SIGMOID:
        return sigmoid_at(z, decay(z))
    return log_loss_at(z, decay(z), <float>0)


cdef inline void sum_two_sided(
    const float* even, const float* odd, const float* offset, Py_ssize_t n, float threshold,
    float* sums
) noexcept nogil:
    cdef float middle, z, mirrored
    cdef Py_ssize_t k
    for k in range(n):
        middle = even[k] - offset[k]
        z = middle + odd[k]
        mirrored = middle - odd[k]
        sums[k] += positive(z - threshold)
        sums[BLOCK + k] += positive(mirrored - threshold)
        sums[2 * BLOCK + k] += positive(-z - threshold)
        sums[3 * BLOCK + k] += positive(-mirrored - threshold)


cdef inline void sum_one_sided(
    const float* even, const float* odd, const float* offset, Py_ssize_t n, float threshold,
    Activation activation, float* sums
) noexcept nogil:
    cdef float middle
    cdef Py_ssize_t k
    for k in range(n):
        middle = even[k] - offset[k]
        sums[k] += activated(middle + odd[k], threshold, activation)
        sums[BLOCK + k] += activated(middle - odd[k], threshold, activation)


cdef inline void pool_block(
    const float* even, const float* odd, const float* offset, Py_ssize_t n_rows,
    Py_ssize_t n_filters, Py_ssize_t n, float threshold, int activation, float* pooled
) noexcept nogil:
    """Pool n <= BLOCK filters over patches of one cell; the sums stay close at hand."""
    cdef float sums[4 * BLOCK]
    cdef Py_ssize_t n_outputs = 4 if activation == TWO_SIDED else 2
    cdef Py_ssize_t _row, j, k
    memset(sums, 0, sizeof(sums))
    for _row in range(n_rows):
        if activation == TWO_SIDED:
            sum_two_sided(even, odd, offset, n, threshold, sums)
        elif activation == RELU:
            sum_one_sided(even, odd, offset, n, threshold, RELU, sums)
        elif activation == ABS:
            sum_one_sided(even, odd, offset, n, threshold, ABS, sums)
        elif activation == TANH:
            sum_one_sided(even, odd, offset, n, threshold, TANH, sums)
        elif activation == SIGMOID:
            sum_one_sided(even, odd, offset, n, threshold, SIGMOID, sums)
        else:
            sum_one_sided(even, odd, offset, n, threshold, SOFTPLUS, sums)
        even += n_filters
        odd += n_filters
    for j in range(n_outputs):
        for k in range(n):
            pooled[j * n_filters + k] += sums[j * BLOCK + k]


def pool(
    const float[:, ::1] even,
    const float[:, ::1] odd,
    const float[::1] offset,
    float threshold,
    int activation,
    const Py_ssize_t[::1] cell,
    float[:, :, :, ::1] pooled,
):
    """Add the activated responses of filters and mirrored filters to the sums of their cells.

    even, odd: (n_patches, n_filters), responses to both parts; offset: (n_filters,), taken from
    the even ones; cell: (n_patches,); pooled: (n_cells, outputs of a filter, 2, n_filters), where
    the third axis tells the filter from its mirror image.
    """
    cdef Py_ssize_t n_filters = even.shape[1], n_patches = even.shape[0]
    cdef Py_ssize_t first = 0, last, k
    if n_filters == 0:
        return
    with nogil:
        while first < n_patches:
            last = first + 1
            while last < n_patches and cell[last] == cell[first]:
                last += 1
            k = 0
            while k < n_filters:
                pool_block(
                    &even[first, k], &odd[first, k], &offset[k], last - first, n_filters,
                    min(<Py_ssize_t>BLOCK, n_filters - k), threshold, activation,
                    &pooled[cell[first], 0, 0, k])
                k += BLOCK
            first = last
