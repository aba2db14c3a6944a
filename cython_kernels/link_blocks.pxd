"""The link on a block of decision values."""

from cython_kernels.link cimport decay, log_loss_at, real, residual_at
from cython_kernels.vector cimport add, fill, lanes, load, sums_of_four, vec64


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


cdef inline void link_block(
    double* z, const double* y, Py_ssize_t n, double* losses, real kind
) noexcept nogil:
    """Log losses, and residuals in place of z, computed in the type of `kind`."""
    cdef real z_i, t
    cdef Py_ssize_t i
    for i in range(n):
        z_i = <real>z[i]
        t = decay(z_i)
        losses[i] = log_loss_at(z_i, t, <real>y[i])
        z[i] = residual_at(z_i, t, <real>y[i])


cdef inline double loss_of_block(
    double* z, const double* y, const double* sample_weight, Py_ssize_t n, double* losses,
    bint single
) noexcept nogil:
    """The weighted log losses of a block, summed; z becomes the weighted residuals.

    In single precision where z is no better, and the link would else take most of the time.
    """
    if single:
        link_block(z, y, n, losses, <float>0)
    else:
        link_block(z, y, n, losses, <double>0)
    weigh(losses, sample_weight, n)
    weigh(z, sample_weight, n)
    return sum_of(losses, n)
