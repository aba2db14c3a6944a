"""The softmax of a block of decision values, one vector of them for each class.

With m the largest of a row, e_k = exp(z_k - m) lies in [0, 1], and one of them is 1:

    loss        = log sum_k exp(z_k) - z_y = (m - z_y) + log sum_k e_k
    residual    = e_k / sum e - [k = y]; for k = y by the others' sum, without its cancellation

Loops are over rows, within each class: a C compiler turns them into vector code.
"""

from libc.math cimport NAN

from cython_kernels.link.link cimport exp_negative, log_of_sum64
from cython_kernels.link.link_blocks cimport link_t

cdef enum:
    SOFTMAX_ROWS = 64       # of a block, at most


cdef inline void exponentials(
    double* z, Py_ssize_t stride, Py_ssize_t n_classes, const double* y, Py_ssize_t n,
    const double* largest, double* total, double* others, link_t one
) noexcept nogil:
    """z becomes e, computed in the type of `one`; its sums over all classes, and all but y."""
    cdef Py_ssize_t i, k
    cdef double e
    for i in range(n):
        total[i] = 0
        others[i] = 0
    for k in range(n_classes):
        for i in range(n):
            e = exp_negative(<link_t>(z[i] - largest[i]))
            z[i] = e
            total[i] += e
            others[i] += 0.0 if y[i] == k else e
        z += stride


cdef inline void softmax_block(
    double* z, Py_ssize_t stride, Py_ssize_t n_classes, const double* y, Py_ssize_t n,
    double* losses, link_t one
) noexcept nogil:
    """Log losses, and residuals in place of z, of n rows of classes y.

    The loss of a row whose y is no class is NaN.
    """
    cdef double largest[SOFTMAX_ROWS]
    cdef double total[SOFTMAX_ROWS]
    cdef double others[SOFTMAX_ROWS]
    cdef double excess
    cdef Py_ssize_t i, k
    for i in range(n):
        largest[i] = z[i]
        losses[i] = NAN
    for k in range(n_classes):
        for i in range(n):
            largest[i] = z[k * stride + i] if z[k * stride + i] > largest[i] else largest[i]
            losses[i] = z[k * stride + i] if y[i] == k else losses[i]
    exponentials(z, stride, n_classes, y, n, largest, total, others, one)
    for i in range(n):
        excess = others[i] if losses[i] == largest[i] else total[i] - 1
        losses[i] = (largest[i] - losses[i]) + log_of_sum64(1.0, excess)
        total[i] = 1 / total[i]
    for k in range(n_classes):
        for i in range(n):
            z[i] = (-others[i] if y[i] == k else z[i]) * total[i]
        z += stride
