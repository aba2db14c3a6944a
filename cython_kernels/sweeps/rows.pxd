"""Blocks of rows of a C-ordered X: the backward half of an old one, the forward half of a new.

Processors differ in how they want to be told of memory to come: into which cache and how far
ahead, short rows a group ahead, or not at all. Where rows are whole pages, new rows, old rows and
gradient share the same few places of the nearest cache, unless the old ones lag behind. None of
this changes the order of a sum, so that a pass may choose among the LEADS by time (trial.pxd).
"""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.sweeps.lines cimport (
    CACHE_LINE, FAR, GROUP, NEAR, NOWHERE, Fetch, groups_in, name_group, sweep_group,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t

cdef enum:
    STRETCH_REGISTERS = 256     # additions in a chain of float32, at most
    PAGE = 4096                 # bytes, after which places in the nearest cache repeat
    LAG_BYTES = 1024            # that old rows of whole pages may lag behind
    SHORT_ROW_BYTES = 16384     # memory is asked for a group ahead, up to these
    LEADS = 4

cdef struct Lead:
    Fetch fetch
    Py_ssize_t ahead            # bytes, of the new rows
    bint lagging                # old rows of whole pages are


cdef inline Lead lead_of(int index, Py_ssize_t row_bytes) noexcept nogil:
    """The index-th way to go ahead, of LEADS."""
    cdef Lead lead
    lead.fetch = FAR if index == 3 else NOWHERE if index == 2 else NEAR
    lead.ahead = 2048 if lead.fetch == FAR else 1024
    if index > 0 and row_bytes <= SHORT_ROW_BYTES:
        lead.ahead = GROUP * row_bytes
    lead.lagging = index > 0
    return lead


cdef inline void move_on(
    const storage_t** rows, Py_ssize_t n_elements, const storage_t** out
) noexcept nogil:
    """The same rows further on; that may lie outside of X, and is never read there."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        out[i] = <const storage_t*>(<uintptr_t>rows[i] + n_elements * sizeof(storage_t))


cdef inline void sweep_piece(
    const storage_t** old, const double* factor, vec_t* gradient,
    const storage_t** new, const vec_t* coef, double* z, Lead lead,
    Py_ssize_t added_at, Py_ssize_t dotted_at, Py_ssize_t n, bint backward, bint forward
) noexcept nogil:
    """n elements of four rows of each, from two places on; products are added up in float64."""
    cdef const storage_t* added[GROUP]
    cdef const storage_t* dotted[GROUP]
    cdef const storage_t* ahead[GROUP]
    cdef double products[GROUP]
    cdef Py_ssize_t width = lanes(coef)
    cdef Py_ssize_t i
    move_on(old, added_at, added)
    move_on(new, dotted_at, dotted)
    move_on(new if forward else old, lead.ahead // <Py_ssize_t>sizeof(storage_t)
            + (dotted_at if forward else added_at), ahead)
    memset(products, 0, sizeof(products))
    sweep_group(added, factor, gradient + added_at // width, dotted, coef + dotted_at // width,
                products, ahead, lead.fetch, n, backward, forward)
    if forward:
        for i in range(GROUP):
            z[i] += products[i]


cdef inline void sweep_row_group(
    const storage_t** old, const double* factor, vec_t* gradient,
    const storage_t** new, const vec_t* coef, double* z, Lead lead, bint of_pages,
    Py_ssize_t n_features, bint backward, bint forward
) noexcept nogil:
    """Four rows of each, cut into the same pieces whether the old ones lag or not."""
    cdef Py_ssize_t cut = LAG_BYTES // sizeof(storage_t) if of_pages else 0
    cdef Py_ssize_t lag = cut if lead.lagging else 0
    cdef Py_ssize_t most = STRETCH_REGISTERS * lanes(coef)
    cdef Py_ssize_t begin = 0, end
    if forward:
        memset(z, 0, GROUP * sizeof(double))
    while begin < n_features:
        end = min(n_features, cut if begin < cut else begin + most)
        sweep_piece(old, factor, gradient, new, coef, z, lead,
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


cdef inline void sweep_rows(
    const storage_t* old, Py_ssize_t n_old, const double* factor, vec_t* gradient,
    const storage_t* new, Py_ssize_t n_new, const vec_t* coef, double* z,
    Py_ssize_t row_stride, Py_ssize_t n_features, Lead lead
) noexcept nogil:
    """gradient += old^T factor and z = new coef, for two blocks of which either may be empty.

    factor is zero past the end of its block; z has room for a whole last group.
    """
    cdef const storage_t* old_rows[GROUP]
    cdef const storage_t* new_rows[GROUP]
    cdef Py_ssize_t old_groups = groups_in(n_old)
    cdef Py_ssize_t new_groups = groups_in(n_new)
    cdef bint of_pages = rows_of_pages(new, row_stride, n_features)
    cdef Py_ssize_t group
    memset(old_rows, 0, sizeof(old_rows))
    memset(new_rows, 0, sizeof(new_rows))
    for group in range(max(old_groups, new_groups)):
        if group < old_groups:
            name_group(old, row_stride, group, n_old, old_rows)
        if group < new_groups:
            name_group(new, row_stride, group, n_new, new_rows)
        sweep_row_group(
            old_rows, factor + group * GROUP, gradient, new_rows, coef, z + group * GROUP,
            lead, of_pages, n_features, group < old_groups, group < new_groups)
