"""The first NaN or infinity of X, in the order of its rows.

Lines (rows, or stretches of columns where these are adjacent) are added up in registers, times
zero: only a number that is finite leaves no trace. Elements are looked at one by one where a line
has one that is not.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.math cimport isfinite

from cython_kernels.passes.partition cimport Span, rows_in_step, rows_of_step, steps_in
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    fill, lanes, load_some, muladd, sums_of_four, value_of, vec32, vec64, vec_t,
)

cdef enum:
    CHAINS = 4
    LINE = 16384              # elements of rows without gaps that are looked at together
    BLOCK_ROWS = 1024         # whose columns are looked at one after the other
    NONE = -1

cdef struct Place:
    Py_ssize_t row
    Py_ssize_t column


cdef struct Search:
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t row_stride           # in elements
    Py_ssize_t column_stride
    Place* found                    # (n_parts,), of NONE at the start


cdef inline bint adjacent_are_finite(
    const storage_t* line, Py_ssize_t n, vec_t* sums
) noexcept nogil:
    """Whether n adjacent elements are finite; sums are CHAINS registers of scratch."""
    cdef double out[CHAINS]
    cdef vec_t x, zero
    cdef Py_ssize_t width = lanes(sums)
    cdef Py_ssize_t whole = n // width
    cdef Py_ssize_t i, j
    fill(0.0, &zero)
    for i in range(CHAINS):
        sums[i] = zero
    for j in range(whole // CHAINS):
        for i in range(CHAINS):
            load_some(line + (j * CHAINS + i) * width, 0, &x)
            sums[i] = muladd(x, zero, sums[i])
    for j in range(whole // CHAINS * CHAINS, whole):
        load_some(line + j * width, 0, &x)
        sums[0] = muladd(x, zero, sums[0])
    if n % width:
        load_some(line + whole * width, n % width, &x)
        sums[1] = muladd(x, zero, sums[1])
    sums_of_four(sums, out)
    return out[0] + out[1] + out[2] + out[3] == 0


cdef inline Py_ssize_t first_in_line(
    const storage_t* line, Py_ssize_t n, Py_ssize_t stride
) noexcept nogil:
    """Where the first of n elements that is not finite stands, or NONE."""
    cdef vec32 singles[CHAINS]
    cdef vec64 doubles[CHAINS]
    cdef Py_ssize_t i
    if stride == 1:
        if storage_t is double:
            if adjacent_are_finite(line, n, doubles):
                return NONE
        elif adjacent_are_finite(line, n, singles):
            return NONE
    for i in range(n):
        if not isfinite(value_of(line[i * stride])):
            return i
    return NONE


cdef inline Place first_by_rows(
    const storage_t* X, const Search* search, Span rows
) noexcept nogil:
    """The first place in these rows; some rows without gaps are one line."""
    cdef Py_ssize_t d = search.n_features
    cdef Py_ssize_t step = 1, row = rows.begin, at
    cdef Place place
    if search.column_stride == 1 and search.row_stride == d:
        step = max(1, LINE // d)
    while row < rows.end:
        at = first_in_line(
            X + row * search.row_stride, min(step, rows.end - row) * d, search.column_stride)
        if at != NONE:
            place.row, place.column = row + at // d, at % d
            return place
        row += step
    place.row = place.column = NONE
    return place


cdef inline Place first_by_columns(
    const storage_t* X, const Search* search, Span rows
) noexcept nogil:
    """Likewise, along stretches of columns: the topmost of a block, the leftmost of these."""
    cdef Py_ssize_t first = rows.begin, n_rows, j, at
    cdef Place place
    place.row = place.column = NONE
    while first < rows.end and place.row == NONE:
        n_rows = min(<Py_ssize_t>BLOCK_ROWS, rows.end - first)
        for j in range(search.n_features):
            at = first_in_line(
                X + first * search.row_stride + j * search.column_stride, n_rows,
                search.row_stride)
            if at != NONE:
                n_rows = at                     # only what stands above it comes first
                place.row, place.column = first + at, j
        first += BLOCK_ROWS
    return place


cdef inline void search_part(
    const storage_t* X, const Search* search, int index, Span rows
) noexcept nogil:
    """Some rows of a part, unless it has found something already."""
    if rows.begin >= rows.end or search.found[index].row != NONE:
        return
    if search.column_stride != 1 and search.row_stride == 1:
        search.found[index] = first_by_columns(X, search, rows)
    else:
        search.found[index] = first_by_rows(X, search, rows)


cdef inline int first_part(const Search* search) noexcept nogil:
    """The first part that has found something; if none has, the first."""
    cdef int index
    for index in range(search.n_parts):
        if search.found[index].row != NONE:
            return index
    return 0


cdef inline int run_search(const storage_t* X, const Search* search) except -1 nogil:
    """Fill in what each part finds."""
    cdef Py_ssize_t rows = rows_in_step(
        search.n_features * sizeof(storage_t), search.n_parts)
    cdef Py_ssize_t step
    cdef int index
    for step in range(steps_in(search.n_samples, search.n_parts, rows)):
        if search.found[0].row != NONE:
            break
        for index in prange(search.n_parts, schedule="static", chunksize=1,
                            num_threads=search.n_parts, use_threads_if=search.n_parts > 1):
            search_part(X, search, index, rows_of_step(
                search.n_samples, search.n_parts, index, step, rows))
        with gil:
            PyErr_CheckSignals()
    return 0
