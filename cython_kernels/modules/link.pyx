"""The link functions over arrays of decision values z."""

from cython_kernels.link.link cimport (
    curvature_at, decay, log_loss_at, real, residual_at, sigmoid_at,
)


def sigmoid(const real[::1] z, real[::1] out):
    """out[i] = 1 / (1 + exp(-z[i]))."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(z.shape[0]):
            out[i] = sigmoid_at(z[i], decay(z[i]))


def log_loss(const real[::1] z, const real[::1] y, real[::1] out):
    """out[i] = log(1 + exp(z[i])) - y[i] z[i]."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(z.shape[0]):
            out[i] = log_loss_at(z[i], decay(z[i]), y[i])


def residual(const real[::1] z, const real[::1] y, real[::1] out):
    """out[i] = sigmoid(z[i]) - y[i]."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(z.shape[0]):
            out[i] = residual_at(z[i], decay(z[i]), y[i])


def curvature(const real[::1] z, real[::1] out):
    """out[i] = sigmoid(z[i]) sigmoid(-z[i])."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(z.shape[0]):
            out[i] = curvature_at(decay(z[i]))
