"""The work on one block of rows: sweeps over its columns, and the link on its decision values."""

from libc.string cimport memset

from cython_kernels.link cimport decay, log_loss_at, residual_at
from cython_kernels.narrow cimport NARROW_REGISTERS, sweep_narrow_block
from cython_kernels.rows cimport GROUP, groups_in, sweep_group
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport add, fill, lanes, load, sums_of_four, vec64, vec_t


cdef inline void name_group(
    const storage_t* block, Py_ssize_t row_stride, Py_ssize_t group, Py_ssize_t n_rows,
    const storage_t** rows
) noexcept nogil:
    """Point at the rows of a group; past the end of the block, at its last row again."""
    cdef Py_ssize_t i
    for i in range(GROUP):
        rows[i] = block + min(group * GROUP + i, n_rows - 1) * row_stride


cdef inline void sweep_block(
    const storage_t* old, Py_ssize_t n_old, const double* factor,
    const storage_t* new, Py_ssize_t n_new, Py_ssize_t row_stride, Py_ssize_t n_features,
    const vec_t* coef, vec_t* gradient, double* z
) noexcept nogil:
    """gradient += old^T factor and z = new coef, for two blocks of which either may be empty.

    factor is zero past the end of its block; z has room for a whole last group.
    """
    cdef const storage_t* old_rows[GROUP]
    cdef const storage_t* new_rows[GROUP]
    cdef Py_ssize_t old_groups = groups_in(n_old)
    cdef Py_ssize_t new_groups = groups_in(n_new)
    cdef Py_ssize_t group
    if 1 <= n_features <= NARROW_REGISTERS * lanes(coef):
        sweep_narrow_block(old, n_old, factor, new, n_new, row_stride, n_features, coef, gradient,
                           z)
        return
    memset(old_rows, 0, sizeof(old_rows))
    memset(new_rows, 0, sizeof(new_rows))
    for group in range(max(old_groups, new_groups)):
        if group < old_groups:
            name_group(old, row_stride, group, n_old, old_rows)
        if group < new_groups:
            name_group(new, row_stride, group, n_new, new_rows)
        sweep_group(old_rows, factor + group * GROUP, new_rows, n_features, coef, gradient,
                    z + group * GROUP, group < old_groups, group < new_groups)


cdef inline double sum_of(const double* values, Py_ssize_t n) noexcept nogil:
    """The sum of n numbers, in four chains of registers."""
    cdef vec64 chains[4]
    cdef vec64 x
    cdef double sums[4]
    cdef double result
    cdef Py_ssize_t width = lanes(&x)
    cdef Py_ssize_t whole = n // (4 * width)
    cdef Py_ssize_t i, k
    for k in range(4):
        fill(0.0, &chains[k])
    for i in range(whole):
        for k in range(4):
            load(values + (4 * i + k) * width, &x)
            chains[k] = add(chains[k], x)
    sums_of_four(chains, sums)
    result = (sums[0] + sums[1]) + (sums[2] + sums[3])
    for i in range(4 * width * whole, n):
        result += values[i]
    return result


cdef inline void weigh(
    double* values, const double* sample_weight, Py_ssize_t n
) noexcept nogil:
    """values *= sample_weight, where there is one."""
    cdef Py_ssize_t i
    if sample_weight != NULL:
        for i in range(n):
            values[i] *= sample_weight[i]


cdef inline double loss_of_block(
    double* z, const double* y, const double* sample_weight, Py_ssize_t n, double* losses
) noexcept nogil:
    """The weighted log losses of a block, summed; z becomes the weighted residuals."""
    cdef double t
    cdef Py_ssize_t i
    for i in range(n):
        t = decay(z[i])
        losses[i] = log_loss_at(z[i], t, y[i])
        z[i] = residual_at(z[i], t, y[i])
    weigh(losses, sample_weight, n)
    weigh(z, sample_weight, n)
    return sum_of(losses, n)
