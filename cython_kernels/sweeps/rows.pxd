"""Blocks of rows of a C-ordered X: the backward half of an old one, the forward half of a new.

The four rows of a group are as many streams to memory. Where rows are short they come from four
quarters of the block: streams on one page of memory confuse a prefetcher, and one stream alone gets
half of what four do (AMD Zen 3).

Processors differ in how they want to be told of memory to come: into which cache and how far
ahead, or not at all. Where rows are whole pages, new rows, old rows and gradient share the same few
places of the nearest cache, unless the old ones lag behind. A small second cache holds one block
better than two: there each block goes forward and then back, apart from others. None of this
changes the order of a sum, so that a pass may choose among the LEADS by time (trial.pxd).
"""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.sweeps.lines cimport (
    CACHE_LINE, FAR, GROUP, LARGE_GROUP, NEAR, NOWHERE, Fetch, groups_in, name_lines,
    sweep_group,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t

cdef enum:
    STRETCH_REGISTERS = 256     # additions in a chain of float32, at most
    PAGE = 4096                 # bytes, after which places in the nearest cache repeat
    LAG_BYTES = 1024            # that old rows of whole pages may lag behind
    LEADS = 5

cdef struct Lead:
    Fetch fetch
    Py_ssize_t ahead            # bytes, of the new rows
    bint lagging                # old rows of whole pages are
    bint apart                  # a block goes forward and back before the next begins
    bint spread                 # rows of a group come from all quarters of the block
    Py_ssize_t block_rows


cdef inline Lead lead_of(int index, Py_ssize_t row_bytes, Py_ssize_t block_rows) noexcept nogil:
    """The index-th way to go ahead, of LEADS, by blocks of block_rows."""
    cdef Lead lead
    lead.fetch = FAR if index >= 3 else NOWHERE if index == 2 else NEAR
    lead.ahead = 2048 if lead.fetch == FAR else 1024
    lead.lagging = 1 <= index <= 3
    lead.apart = index == 4
    lead.spread = block_rows > 2 * GROUP
    lead.block_rows = LARGE_GROUP if lead.apart and not lead.spread else block_rows
    if lead.apart or (lead.spread and index == 3):      # the next block
        lead.ahead = lead.block_rows * row_bytes
    return lead


cdef inline void move_on(
    const storage_t** rows, Py_ssize_t n_rows, Py_ssize_t n_elements, const storage_t** out
) noexcept nogil:
    """The same rows further on; that may lie outside of X, and is never read there."""
    cdef Py_ssize_t i
    for i in range(n_rows):
        out[i] = <const storage_t*>(<uintptr_t>rows[i] + n_elements * sizeof(storage_t))


cdef inline void sweep_piece(
    const storage_t** old, const double* factor, vec_t* gradient,
    const storage_t** new, const vec_t* coef, double* z, Py_ssize_t n_rows, Lead lead,
    Py_ssize_t added_at, Py_ssize_t dotted_at, Py_ssize_t n, bint backward, bint forward
) noexcept nogil:
    """n elements of n_rows rows of each, from two places on; products are added up in float64."""
    cdef const storage_t* added[LARGE_GROUP]
    cdef const storage_t* dotted[LARGE_GROUP]
    cdef const storage_t* ahead[LARGE_GROUP]
    cdef double products[2 * GROUP]
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t i
    cdef Fetch fetch = lead.fetch
    if lead.apart and (forward or added_at > 0):
        fetch = NOWHERE
    move_on(old, n_rows, added_at, added)
    move_on(new, n_rows, dotted_at, dotted)
    move_on(new if forward else old, n_rows, lead.ahead // <Py_ssize_t>sizeof(storage_t)
            + (dotted_at if forward else added_at), ahead)
    sweep_group(added, factor, gradient + added_at // width, dotted, coef + dotted_at // width,
                products, n_rows, ahead, fetch, n, backward, forward)
    if forward:
        for i in range(n_rows):
            z[i] += products[i]


cdef inline void sweep_row_group(
    const storage_t** old, const double* factor, vec_t* gradient,
    const storage_t** new, const vec_t* coef, double* z, Py_ssize_t n_rows, Lead lead,
    bint of_pages, Py_ssize_t n_features, bint backward, bint forward
) noexcept nogil:
    """A group of each, cut into the same pieces whether the old ones lag or not."""
    cdef Py_ssize_t cut = LAG_BYTES // sizeof(storage_t) if of_pages else 0
    cdef Py_ssize_t lag = cut if lead.lagging else 0
    cdef Py_ssize_t most = STRETCH_REGISTERS * lanes(coef)
    cdef Py_ssize_t begin = 0, end, i
    for i in range(n_rows):
        z[i] = 0
    while begin < n_features:
        end = min(n_features, cut if begin < cut else begin + most)
        sweep_piece(old, factor, gradient, new, coef, z, n_rows, lead,
                    begin - lag if begin >= lag else n_features - lag + begin, begin, end - begin,
                    backward, forward)
        begin = end


cdef inline bint rows_of_pages(
    const storage_t* row, Py_ssize_t row_stride, Py_ssize_t n_features
) noexcept nogil:
    """Whether every row begins at the same place of a page, and ends with a whole cache line."""
    return (row_stride * <Py_ssize_t>sizeof(storage_t) % PAGE == 0
            and n_features * <Py_ssize_t>sizeof(storage_t) % CACHE_LINE == 0
            and n_features * <Py_ssize_t>sizeof(storage_t) >= PAGE)


cdef inline Py_ssize_t rows_of_group(Py_ssize_t n_left, Lead lead) noexcept nogil:
    """Of the next group of a single half, where n_left rows are left."""
    if not lead.apart or lead.spread or n_left <= GROUP or n_left == 2 * GROUP:
        return GROUP
    return LARGE_GROUP


cdef inline void sweep_rows(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_features, Lead lead
) noexcept nogil:
    """gradient += old^T factor and z = new coef, for two blocks of which either may be empty.

    factor is zero past the end of its block; z has room for a whole last group.
    """
    cdef const storage_t* old_rows[LARGE_GROUP]
    cdef const storage_t* new_rows[LARGE_GROUP]
    cdef double factors[LARGE_GROUP]
    cdef double products[LARGE_GROUP]
    cdef bint of_pages = rows_of_pages(new, row_stride, n_features)
    cdef Py_ssize_t old_step = groups_in(n_old) if lead.spread else 1
    cdef Py_ssize_t new_step = groups_in(n_new) if lead.spread else 1
    cdef Py_ssize_t done = 0, n_rows = GROUP, first, i
    memset(old_rows, 0, sizeof(old_rows))
    memset(new_rows, 0, sizeof(new_rows))
    while done < max(n_old, n_new):
        if n_old == 0 or n_new == 0:
            n_rows = rows_of_group(max(n_old, n_new) - done, lead)
        first = done // GROUP if lead.spread else done
        if done < n_old:
            name_lines(old, row_stride, first, old_step, n_rows, n_old, old_rows)
            for i in range(n_rows):
                factors[i] = factor[first + i * old_step]
        if done < n_new:
            name_lines(new, row_stride, first, new_step, n_rows, n_new, new_rows)
        sweep_row_group(old_rows, factors, gradient, new_rows, coef, products, n_rows, lead,
                        of_pages, n_features, done < n_old, done < n_new)
        if done < n_new:
            for i in range(n_rows):
                z[first + i * new_step] = products[i]
        done += n_rows
