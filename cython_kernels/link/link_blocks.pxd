"""The link on a block of decision values."""

from libc.math cimport NAN

from cython_kernels.link.link cimport decay, loss_and_residual_at, real

ctypedef fused link_t:
    float
    double

cdef enum:
    CHAINS = 32


cdef inline double sum_onto(double start, const real* values, Py_ssize_t n) noexcept nogil:
    """start + the sum of n numbers, in CHAINS chains that a compiler keeps in vector registers.

    Fewer than CHAINS are added one by one: then small blocks give the bits of other small blocks.
    """
    cdef double chains[CHAINS]
    cdef double result = start
    cdef Py_ssize_t whole = n // CHAINS
    cdef Py_ssize_t i, k
    for k in range(CHAINS):
        chains[k] = 0
    for i in range(whole):
        for k in range(CHAINS):
            chains[k] += values[i * CHAINS + k]
    for k in range(CHAINS // 2):
        chains[k] += chains[CHAINS // 2 + k]
    for k in range(CHAINS // 4):
        chains[k] += chains[CHAINS // 4 + k]
    result += ((chains[0] + chains[1]) + (chains[2] + chains[3])) + (
        (chains[4] + chains[5]) + (chains[6] + chains[7]))
    for i in range(whole * CHAINS, n):
        result += values[i]
    return result


cdef inline double sum_of(const real* values, Py_ssize_t n) noexcept nogil:
    return sum_onto(0, values, n)


cdef inline void weigh(real* values, const double* sample_weight, Py_ssize_t n) noexcept nogil:
    """values *= sample_weight, where there is one."""
    cdef Py_ssize_t i
    if sample_weight != NULL:
        for i in range(n):
            values[i] = <real>(values[i] * sample_weight[i])


cdef inline void link_block(
    real* z, const real* y, Py_ssize_t n, real* losses, link_t most
) noexcept nogil:
    """Log losses, and residuals in place of z, computed in the type of `most`.

    The loss of a target outside [0, most] is NaN: the caller finds out without a check of his own.
    """
    cdef link_t y_i, loss, residual
    cdef Py_ssize_t i
    for i in range(n):
        y_i = <link_t>y[i]
        loss = loss_and_residual_at(<link_t>z[i], decay(<link_t>z[i]), y_i, &residual)
        losses[i] = <real>loss if 0 <= y_i <= most else <real>NAN
        z[i] = <real>residual


cdef inline double add_losses(
    double start, real* z, const real* y, const double* sample_weight, Py_ssize_t n, real* losses,
    bint single
) noexcept nogil:
    """start + the weighted log losses of a block; z becomes the weighted residuals.

    In single precision where z is no better, and the link would else take most of the time.
    """
    if single or real is float:
        link_block(z, y, n, losses, <float>1)
    else:
        link_block(z, y, n, losses, <double>1)
    weigh(losses, sample_weight, n)
    weigh(z, sample_weight, n)
    return sum_onto(start, losses, n)
