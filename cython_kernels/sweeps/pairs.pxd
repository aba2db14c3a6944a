"""Blocks of the shortest rows, which fill but half a register: two of them share one.

As narrow.pxd, with half the loads and multiplications. The rows of a block stay in the tile.
"""

from cython_kernels.sweeps.narrow cimport AHEAD_BYTES, CHAINS, NARROW_ROWS, ask_for_row
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    VEC32_LANES, add, fill, lanes, load, load_first, muladd, vec32, vec64, vec_t,
)

cdef extern from "pairs.h" nogil:
    enum:
        HAS_PAIRS
    vec32 pair32(vec32 low, vec32 high) noexcept
    vec64 pair64(vec64 low, vec64 high) noexcept
    vec32 spread32(const float* two) noexcept
    vec64 spread64(const double* two) noexcept
    vec32 fold32(vec32 a) noexcept
    vec64 fold64(vec64 a) noexcept
    void pair_sums32(const vec32* pairs, vec32* out) noexcept
    void pair_sums64(const vec64* pairs, vec64* out) noexcept

cdef enum:
    MOST_PAIRS = VEC32_LANES // 2 + 1       # in a register of z; at least one where unused


cdef inline bint rows_pair(Py_ssize_t n_features, const vec_t* kind) noexcept nogil:
    """Whether two rows fit one register; the second argument only names the type."""
    return HAS_PAIRS and n_features <= lanes(kind) // 2


cdef inline vec_t pair(vec_t low, vec_t high) noexcept nogil:
    """The low halves of two registers in one."""
    if vec_t is vec32:
        return pair32(low, high)
    else:
        return pair64(low, high)


cdef inline vec_t fold(vec_t a) noexcept nogil:
    """The sum of both halves in the low one, zeros in the high one."""
    if vec_t is vec32:
        return fold32(a)
    else:
        return fold64(a)


cdef inline void sums_of_pairs(const vec_t* pairs, vec_t* out) noexcept nogil:
    """The numbers of out = the sums of the halves of pairs."""
    if vec_t is vec32:
        pair_sums32(pairs, out)
    else:
        pair_sums64(pairs, out)


cdef inline vec_t spread(const vec_t* numbers, Py_ssize_t i) noexcept nogil:
    """Number i in each lane of the low half, number i + 1 in the high one."""
    if vec_t is vec32:
        return spread32(<const float*>numbers + i)
    else:
        return spread64(<const double*>numbers + i)


cdef inline void dot_pairs(
    const storage_t* row, Py_ssize_t count, Py_ssize_t row_stride, Py_ssize_t n_features,
    bint full, vec_t coef, vec_t* tile, vec_t* z
) noexcept nogil:
    """z = rows . coef for a register of rows; past `count` rows, the last one again.

    Full ones fill the register of a pair and follow each other without a gap.
    """
    cdef vec_t products[MOST_PAIRS]
    cdef vec_t low, high, zero
    cdef Py_ssize_t i
    fill(0.0, &zero)
    for i in range(lanes(z) // 2):
        if full:
            load(row + 2 * i * row_stride, &tile[i])
        else:
            load_first(row + min(2 * i, count - 1) * row_stride, n_features, &low)
            load_first(row + min(2 * i + 1, count - 1) * row_stride, n_features, &high)
            tile[i] = pair(low, high)
        products[i] = muladd(tile[i], coef, zero)
    sums_of_pairs(products, z)


cdef inline void forward_pairs(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_features,
    const vec_t* coef, vec_t* tile, vec_t* z
) noexcept nogil:
    """z = block coef, and the block into the tile."""
    cdef vec_t weights = pair(coef[0], coef[0])
    cdef bint full = row_stride == n_features == lanes(coef) // 2
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t whole = n_rows // width
    cdef Py_ssize_t i
    if full:
        for i in range(whole):
            dot_pairs(block + i * width * row_stride, width, row_stride, n_features, True,
                      weights, tile + i * (width // 2), z + i)
    else:
        for i in range(whole):
            dot_pairs(block + i * width * row_stride, width, row_stride, n_features, False,
                      weights, tile + i * (width // 2), z + i)
    if n_rows % width:
        dot_pairs(block + whole * width * row_stride, n_rows % width, row_stride, n_features,
                  False, weights, tile + whole * (width // 2), z + whole)


cdef inline void backward_pairs(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride,
    const vec_t* tile, const vec_t* factor, vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor, where factors past the last one are zero."""
    cdef vec_t sums[CHAINS]
    cdef Py_ssize_t ahead = max(
        NARROW_ROWS * row_stride, <Py_ssize_t>AHEAD_BYTES // <Py_ssize_t>sizeof(storage_t))
    cdef Py_ssize_t first = 0, i
    for i in range(CHAINS):
        fill(0.0, &sums[i])
    while 2 * first < n_rows:
        for i in range(CHAINS):
            ask_for_row(block + 2 * (first + i) * row_stride + ahead, 1, gradient)
            sums[i] = muladd(tile[first + i], spread(factor, 2 * (first + i)), sums[i])
        first += CHAINS
    for i in range(CHAINS):
        gradient[0] = add(gradient[0], fold(sums[i]))
