"""Over rows of a sparse X: a forward sweep gathers coefficients, a backward one scatters sums.

What is gathered or scattered lies anywhere in d numbers; asking for it some entries ahead hides
most of the latency that bounds both. K vectors lie interleaved, so that one index serves all of
them.
"""

from libc.stdint cimport int64_t

from cython_kernels.registers.vector cimport prefetch
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, value_at

cdef enum:
    AHEAD = 64      # entries

cdef struct Sweep:
    Entries X
    Py_ssize_t n_coefs
    int n_parts
    Py_ssize_t n_steps
    const double* coef          # forward: (n_features, K)
    const double* intercept     # (K,)
    const double* offset        # (n_samples,), or NULL
    double* table               # (n_samples, K): forward out
    const double* factor        # (n_samples, K): backward
    bint squared                # backward: of squared values
    double* sums                # (n_parts, n_features, K): backward out


cdef inline Py_ssize_t prefetched_end(const Entries* X) noexcept nogil:
    """Entries before which there are AHEAD more."""
    return X.n_entries - AHEAD


cdef inline void gather_one(
    const entry_t* values, const index_t* indices, const Sweep* sweep, Py_ssize_t begin,
    Py_ssize_t end
) noexcept nogil:
    """Decision values of some rows for the one vector."""
    cdef const int64_t* indptr = sweep.X.indptr
    cdef const double* coef = sweep.coef
    cdef Py_ssize_t i, j, safe = prefetched_end(&sweep.X)
    cdef double z, other
    for i in range(begin, end):
        z = sweep.intercept[0]
        if sweep.offset != NULL:
            z += sweep.offset[i]
        other = 0
        if indptr[i + 1] <= safe:
            for j in range(indptr[i], indptr[i + 1]):
                prefetch(coef + indices[j + AHEAD])
                other += value_at(values, j) * coef[indices[j]]
        else:
            for j in range(indptr[i], indptr[i + 1]):
                other += value_at(values, j) * coef[indices[j]]
        sweep.table[i] = z + other


cdef inline void gather_many(
    const entry_t* values, const index_t* indices, const Sweep* sweep, Py_ssize_t begin,
    Py_ssize_t end
) noexcept nogil:
    """Decision values of some rows for K vectors."""
    cdef Py_ssize_t n_coefs = sweep.n_coefs
    cdef Py_ssize_t i, j, k, safe = prefetched_end(&sweep.X)
    cdef const double* coef
    cdef double* z
    cdef double value
    for i in range(begin, end):
        z = sweep.table + i * n_coefs
        for k in range(n_coefs):
            z[k] = sweep.intercept[k]
        if sweep.offset != NULL:
            for k in range(n_coefs):
                z[k] += sweep.offset[i]
        for j in range(sweep.X.indptr[i], sweep.X.indptr[i + 1]):
            if j < safe:
                coef = sweep.coef + indices[j + AHEAD // 4] * n_coefs
                for k in range(0, n_coefs, 8):
                    prefetch(coef + k)
            coef = sweep.coef + indices[j] * n_coefs
            value = value_at(values, j)
            for k in range(n_coefs):
                z[k] += value * coef[k]


cdef inline double powered(double value, bint squared) noexcept nogil:
    return value * value if squared else value


cdef inline void scatter_one(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    Py_ssize_t begin, Py_ssize_t end, bint squared
) noexcept nogil:
    """Add what some rows give to the sums of the one vector."""
    cdef const int64_t* indptr = sweep.X.indptr
    cdef Py_ssize_t i, j, safe = prefetched_end(&sweep.X)
    cdef double factor
    for i in range(begin, end):
        factor = sweep.factor[i]
        if indptr[i + 1] <= safe:
            for j in range(indptr[i], indptr[i + 1]):
                prefetch(sums + indices[j + AHEAD])
                sums[indices[j]] += factor * powered(value_at(values, j), squared)
        else:
            for j in range(indptr[i], indptr[i + 1]):
                sums[indices[j]] += factor * powered(value_at(values, j), squared)


cdef inline void scatter_many(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Add what some rows give to the sums of K vectors."""
    cdef Py_ssize_t n_coefs = sweep.n_coefs
    cdef Py_ssize_t i, j, k, safe = prefetched_end(&sweep.X)
    cdef const double* factor
    cdef double* place
    cdef double value
    for i in range(begin, end):
        factor = sweep.factor + i * n_coefs
        for j in range(sweep.X.indptr[i], sweep.X.indptr[i + 1]):
            if j < safe:
                place = sums + indices[j + AHEAD // 4] * n_coefs
                for k in range(0, n_coefs, 8):
                    prefetch(place + k)
            place = sums + indices[j] * n_coefs
            value = value_at(values, j)
            for k in range(n_coefs):
                place[k] += value * factor[k]


cdef inline void sweep_rows(
    const entry_t* values, const index_t* indices, const Sweep* sweep, double* sums,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Some rows forward, or backward where there are sums."""
    if sums == NULL:
        if sweep.n_coefs == 1:
            gather_one(values, indices, sweep, begin, end)
        else:
            gather_many(values, indices, sweep, begin, end)
    elif sweep.n_coefs > 1:
        scatter_many(values, indices, sweep, sums, begin, end)
    elif sweep.squared:
        scatter_one(values, indices, sweep, sums, begin, end, True)
    else:
        scatter_one(values, indices, sweep, sums, begin, end, False)
