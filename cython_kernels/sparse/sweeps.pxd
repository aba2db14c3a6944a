"""Over rows of a sparse X: a forward sweep gathers coefficients, a backward one scatters sums.

What is gathered or scattered lies anywhere in d numbers; asking for it some entries ahead hides
most of the latency that bounds both. Several vectors lie interleaved, so that one index and one
line of cache serve all of them, padded to a width for which the loops are compiled: sums of a row
are registers. A vector's sums are computed in the same order whatever others there are.
"""

from libc.stdint cimport int64_t

from cython_kernels.registers.vector cimport (
    VEC64_LANES, muladd64, prefetch, set64, vec64,
)
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, value_at

cdef enum:
    AHEAD = 64          # entries
    AHEAD_MANY = 128    # of several vectors: more lines on their way
    MOST_WIDTH = 16     # vectors of a sweep; widths are the powers of two up to it
    LINE = 8            # numbers of a line of cache

cdef struct Sweep:
    Entries X
    Py_ssize_t n_coefs          # of this sweep: K
    Py_ssize_t width            # to which they are padded
    Py_ssize_t stride           # of the table, between rows
    const double* coef          # forward: (n_features, width), in whole lines
    const double* intercept     # (K,)
    const double* offset        # (n_samples,), or NULL
    double* table               # (n_samples, K): forward out
    const double* factor        # (n_samples, K): backward
    bint squared                # backward: of squared values
    double* sums                # (n_parts, n_features, width), in whole lines: backward out

ctypedef fused sum_t:
    double
    vec64


cdef inline sum_t same(double a, const sum_t* kind) noexcept nogil:
    """A register of this kind, all of whose lanes are a."""
    if sum_t is double:
        return a
    else:
        return set64(a)


cdef inline sum_t plus_product(sum_t a, sum_t b, sum_t c) noexcept nogil:
    """a b + c."""
    if sum_t is double:
        return a * b + c
    else:
        return muladd64(a, b, c)


cdef inline void ask_for(const double* place, Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t k
    for k in range((width + LINE - 1) // LINE):
        prefetch(place + k * LINE)


cdef inline Py_ssize_t ahead_of(const Sweep* sweep, Py_ssize_t i, Py_ssize_t ahead) noexcept nogil:
    """Entries from those of row i to those asked for meanwhile; none at the end of X."""
    return ahead if sweep.X.indptr[i + 1] + ahead <= sweep.X.n_entries else 0


cdef inline void gather_rows(
    const entry_t* values, const index_t* indices, const Sweep* sweep, const sum_t* kind,
    Py_ssize_t n_registers, Py_ssize_t width, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Decision values of some rows for the vectors that fill n_registers of a kind."""
    cdef const int64_t* indptr = sweep.X.indptr
    cdef const sum_t* coef = <const sum_t*>sweep.coef
    cdef sum_t z[MOST_WIDTH]
    cdef sum_t totals[MOST_WIDTH]
    cdef sum_t value
    cdef Py_ssize_t i, j, k, ahead, n_coefs = 1 if width == 1 else min(width, sweep.n_coefs)
    cdef double own
    for k in range(MOST_WIDTH):
        totals[k] = same(0.0, kind)
    for i in range(begin, end):
        ahead = ahead_of(sweep, i, AHEAD if width == 1 else AHEAD_MANY)
        for k in range(n_registers):
            z[k] = same(0.0, kind)
        for j in range(indptr[i], indptr[i + 1]):
            ask_for(sweep.coef + indices[j + ahead] * width, width)
            value = same(value_at(values, j), kind)
            for k in range(n_registers):
                z[k] = plus_product(value, coef[indices[j] * n_registers + k], z[k])
        for k in range(n_registers):
            totals[k] = z[k]
        for k in range(n_coefs):
            own = sweep.intercept[k]
            if sweep.offset != NULL:
                own += sweep.offset[i]
            sweep.table[i * sweep.stride + k] = own + (<double*>totals)[k]


cdef inline void scatter_rows(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    const sum_t* kind, Py_ssize_t n_registers, Py_ssize_t width, bint squared, Py_ssize_t begin,
    Py_ssize_t end
) noexcept nogil:
    """Add what some rows give to the sums of the vectors that fill n_registers of a kind."""
    cdef const int64_t* indptr = sweep.X.indptr
    cdef sum_t factors[MOST_WIDTH]
    cdef sum_t factor[MOST_WIDTH]
    cdef sum_t* place
    cdef sum_t value
    cdef Py_ssize_t i, j, k, ahead, n_coefs = 1 if width == 1 else min(width, sweep.n_coefs)
    cdef double number
    for k in range(MOST_WIDTH):
        factors[k] = same(0.0, kind)
    for i in range(begin, end):
        ahead = ahead_of(sweep, i, AHEAD if width == 1 else AHEAD_MANY)
        for k in range(n_coefs):
            (<double*>factors)[k] = sweep.factor[i * sweep.stride + k]
        for k in range(n_registers):
            factor[k] = factors[k]
        for j in range(indptr[i], indptr[i + 1]):
            ask_for(sums + indices[j + ahead] * width, width)
            number = value_at(values, j)
            value = same(number * number if squared else number, kind)
            place = <sum_t*>sums + indices[j] * n_registers
            for k in range(n_registers):
                place[k] = plus_product(value, factor[k], place[k])


cdef inline void sweep_width(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    Py_ssize_t width, bint squared, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Some rows, compiled for each width."""
    if sums == NULL and width < VEC64_LANES:
        gather_rows(values, indices, sweep, <const double*>NULL, width, width, begin, end)
    elif sums == NULL:
        gather_rows(values, indices, sweep, <const vec64*>NULL, width // VEC64_LANES, width,
                    begin, end)
    elif width < VEC64_LANES:
        scatter_rows(values, indices, sweep, sums, <const double*>NULL, width, width, squared,
                     begin, end)
    else:
        scatter_rows(values, indices, sweep, sums, <const vec64*>NULL, width // VEC64_LANES,
                     width, squared, begin, end)


cdef inline void sweep_rows(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Some rows forward, or backward where there are sums."""
    if sweep.width == 16:
        sweep_width(values, indices, sweep, sums, 16, False, begin, end)
    elif sweep.width == 8:
        sweep_width(values, indices, sweep, sums, 8, False, begin, end)
    elif sweep.width == 4:
        sweep_width(values, indices, sweep, sums, 4, False, begin, end)
    elif sweep.width == 2:
        sweep_width(values, indices, sweep, sums, 2, False, begin, end)
    elif sweep.squared:
        sweep_width(values, indices, sweep, sums, 1, True, begin, end)
    else:
        sweep_width(values, indices, sweep, sums, 1, False, begin, end)
