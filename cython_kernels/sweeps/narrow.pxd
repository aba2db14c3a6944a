"""Blocks of short rows: coefficients and gradient stay in registers, the rows in the nearest cache.

Rows of at most NARROW_REGISTERS registers leave too little work between the loads and stores of
the gradient, whose chain of additions would then set the pace; the backward half therefore has
several gradients, added up at the end of the block. Rows of narrower types are widened once, in
the forward half, into a tile of whole registers from which the backward half takes them.
"""

from cython_kernels.sweeps.lines cimport CACHE_LINE
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    SUMS32, add, fill, lanes, load_some, muladd, prefetch_far, sums_at_once, sums_of_many, vec32,
    vec_t,
)

cdef enum:
    NARROW_REGISTERS = 8
    NARROW_ROWS = 64          # of a block
    CHAINS = 2
    AHEAD_BYTES = 8192        # that memory is asked for ahead of the row in work, at least


cdef inline void load_row(
    const storage_t* row, Py_ssize_t n_registers, Py_ssize_t rest, vec_t* out
) noexcept nogil:
    """A row in n_registers registers, the last of which holds `rest` elements (0: is whole)."""
    cdef Py_ssize_t j
    for j in range(n_registers - 1):
        load_some(row + j * lanes(out), 0, &out[j])
    if rest:        # told apart here, a compiler takes the question out of the loop over rows
        load_some(row + (n_registers - 1) * lanes(out), rest, &out[n_registers - 1])
    else:
        load_some(row + (n_registers - 1) * lanes(out), 0, &out[n_registers - 1])


cdef inline bint is_widened(const storage_t* row) noexcept nogil:
    """Whether a tile spares the backward half work: not where it would be a mere copy."""
    return storage_t is not float and storage_t is not double


cdef inline void dot_group(
    const storage_t* row, Py_ssize_t count, Py_ssize_t row_stride, Py_ssize_t n_registers,
    Py_ssize_t rest, const vec_t* coef, vec_t* tile, vec_t* z
) noexcept nogil:
    """z = rows . coef for a group of rows; past `count` rows, the last one again."""
    cdef vec_t x[NARROW_REGISTERS]
    cdef vec_t sums[SUMS32]
    cdef Py_ssize_t i, j
    for i in range(sums_at_once(coef)):
        load_row(row + min(i, count - 1) * row_stride, n_registers, rest, x)
        fill(0.0, &sums[i])
        for j in range(n_registers):
            if is_widened(row):
                tile[i * n_registers + j] = x[j]
            sums[i] = muladd(x[j], coef[j], sums[i])
    sums_of_many(sums, z)


cdef inline void forward_groups(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_registers,
    Py_ssize_t rest, const vec_t* coef, vec_t* tile, vec_t* z
) noexcept nogil:
    """dot_group for whole groups."""
    cdef vec_t weights[NARROW_REGISTERS]
    cdef Py_ssize_t first = 0, j
    for j in range(n_registers):
        weights[j] = coef[j]
    while first < n_rows:
        dot_group(block + first * row_stride, sums_at_once(coef), row_stride, n_registers, rest,
                  weights, tile + first * n_registers, z + first // lanes(coef))
        first += sums_at_once(coef)


cdef inline void add_row(
    const storage_t* row, Py_ssize_t n_registers, Py_ssize_t rest, const vec_t* tile,
    const vec_t* factor, Py_ssize_t i, vec_t* sums
) noexcept nogil:
    """sums += factor[i] row, where factor holds numbers in the compute type."""
    cdef vec_t x[NARROW_REGISTERS]
    cdef vec_t weight
    cdef Py_ssize_t j
    if vec_t is vec32:
        fill((<const float*>factor)[i], &weight)
    else:
        fill((<const double*>factor)[i], &weight)
    if not is_widened(row):
        load_row(row, n_registers, rest, x)
    for j in range(n_registers):
        sums[j] = muladd(tile[j] if is_widened(row) else x[j], weight, sums[j])


cdef inline void ask_for_row(
    const storage_t* row, Py_ssize_t n_elements
) noexcept nogil:
    """Ask for the memory of a row to come, which may lie outside of X."""
    cdef Py_ssize_t in_cache_line = CACHE_LINE // sizeof(storage_t)
    cdef Py_ssize_t j = 0
    while j < n_elements:
        prefetch_far(row + j)
        j += in_cache_line


cdef inline void backward_groups(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_registers,
    Py_ssize_t rest, const vec_t* tile, const vec_t* factor, vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor, for whole groups of CHAINS rows."""
    cdef vec_t sums[CHAINS * NARROW_REGISTERS]
    cdef Py_ssize_t ahead = max(
        NARROW_ROWS * row_stride, <Py_ssize_t>AHEAD_BYTES // <Py_ssize_t>sizeof(storage_t))
    cdef Py_ssize_t first = 0, i, j
    for i in range(CHAINS * n_registers):
        fill(0.0, &sums[i])
    while first < n_rows:
        for i in range(CHAINS):
            ask_for_row(block + (first + i) * row_stride + ahead,
                        n_registers * lanes(gradient))
            add_row(block + (first + i) * row_stride, n_registers, rest,
                    tile + (first + i) * n_registers, factor, first + i, sums + i * n_registers)
        first += CHAINS
    for j in range(n_registers):
        for i in range(CHAINS):
            gradient[j] = add(gradient[j], sums[i * n_registers + j])


cdef inline void whole_groups(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_registers,
    Py_ssize_t rest, vec_t* tile, vec_t* z, const vec_t* coef, vec_t* gradient, bint backward
) noexcept nogil:
    """Either half of whole groups; z is what comes of the forward and goes into the backward."""
    if backward:
        backward_groups(block, n_rows, row_stride, n_registers, rest, tile, z, gradient)
    else:
        forward_groups(block, n_rows, row_stride, n_registers, rest, coef, tile, z)


cdef inline void by_registers(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n, Py_ssize_t rest,
    vec_t* tile, vec_t* z, const vec_t* coef, vec_t* gradient, bint backward
) noexcept nogil:
    """whole_groups, compiled for each number of registers, so that they are registers indeed."""
    if n == 1:
        whole_groups(block, n_rows, row_stride, 1, rest, tile, z, coef, gradient, backward)
    elif n == 2:
        whole_groups(block, n_rows, row_stride, 2, rest, tile, z, coef, gradient, backward)
    elif n == 3:
        whole_groups(block, n_rows, row_stride, 3, rest, tile, z, coef, gradient, backward)
    elif n == 4:
        whole_groups(block, n_rows, row_stride, 4, rest, tile, z, coef, gradient, backward)
    elif n == 5:
        whole_groups(block, n_rows, row_stride, 5, rest, tile, z, coef, gradient, backward)
    elif n == 6:
        whole_groups(block, n_rows, row_stride, 6, rest, tile, z, coef, gradient, backward)
    elif n == 7:
        whole_groups(block, n_rows, row_stride, 7, rest, tile, z, coef, gradient, backward)
    else:
        whole_groups(block, n_rows, row_stride, 8, rest, tile, z, coef, gradient, backward)


cdef inline void forward_narrow(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_features,
    const vec_t* coef, vec_t* tile, vec_t* z
) noexcept nogil:
    """z = block coef, and the block into the tile."""
    cdef Py_ssize_t n = (n_features + lanes(coef) - 1) // lanes(coef)
    cdef Py_ssize_t rest = n_features % lanes(coef)
    cdef Py_ssize_t whole = n_rows // sums_at_once(coef) * sums_at_once(coef)
    by_registers(block, whole, row_stride, n, rest, tile, z, coef, <vec_t*>NULL, False)
    if whole < n_rows:
        dot_group(block + whole * row_stride, n_rows - whole, row_stride, n, rest, coef,
                  tile + whole * n, z + whole // lanes(coef))


cdef inline void backward_narrow(
    const storage_t* block, Py_ssize_t n_rows, Py_ssize_t row_stride, Py_ssize_t n_features,
    vec_t* tile, vec_t* factor, vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor, likewise."""
    cdef Py_ssize_t n = (n_features + lanes(gradient) - 1) // lanes(gradient)
    cdef Py_ssize_t rest = n_features % lanes(gradient)
    cdef Py_ssize_t whole = n_rows // CHAINS * CHAINS
    cdef Py_ssize_t i
    by_registers(block, whole, row_stride, n, rest, tile, factor, <vec_t*>NULL, gradient, True)
    for i in range(whole, n_rows):
        add_row(block + i * row_stride, n, rest, tile + i * n, factor, i, gradient)
