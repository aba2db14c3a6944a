"""What happens to a block between its two halves."""

from cython_kernels.link.link cimport real
from cython_kernels.link.link_blocks cimport add_losses, sum_onto, weigh
from cython_kernels.link.softmax cimport softmax_block
from cython_kernels.link.targets cimport copy_targets
from cython_kernels.passes.task cimport GRADIENT, LOSS, PRODUCT, Pass
from cython_kernels.passes.workspace cimport Part
from cython_kernels.registers.vector cimport apart
from cython_kernels.sweeps.lines cimport GROUP


cdef inline void begin_link(
    const Pass* task, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, real* z
) noexcept nogil:
    """From z = X w to decision values."""
    cdef double intercept = task.intercept[k]
    cdef Py_ssize_t i
    if task.offset != NULL:
        for i in range(n_rows):
            z[i] = <real>(z[i] + task.offset[begin + i])
    for i in range(n_rows):
        z[i] = <real>(z[i] + intercept)
    if task.decision != NULL:
        for i in range(n_rows):
            task.decision[k * task.n_samples + begin + i] = z[i]


cdef inline const double* weights_of(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows
) noexcept nogil:
    """Weights of n_rows rows for vector k, zero where they are held out; NULL: all one."""
    cdef const double* sample_weight = NULL
    cdef Py_ssize_t i
    if task.sample_weight != NULL:
        sample_weight = task.sample_weight + begin
    if task.fold == NULL or task.held_out[k] < 0:
        return sample_weight
    for i in range(n_rows):
        part.weight[i] = 1.0 if sample_weight == NULL else sample_weight[i]
        if task.fold[begin + i] == task.held_out[k]:
            part.weight[i] = 0.0
    return part.weight


cdef inline apart finish_forward(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, real* z
) noexcept nogil:
    """From z = X w of n_rows rows from `begin` to the factors of their backward half."""
    begin_link(task, k, begin, n_rows, z)
    if task.verb == LOSS or task.verb == GRADIENT:
        copy_targets(task.y, begin, n_rows, <real*>part.y)
        part.loss[k] = add_losses(
            part.loss[k], z, <real*>part.y, weights_of(task, part, k, begin, n_rows), n_rows,
            <real*>part.block_loss, task.plan.single_link)
    elif task.verb == PRODUCT:
        weigh(z, task.curvature + k * task.n_samples + begin, n_rows)
    if task.verb >= GRADIENT:
        part.intercept_gradient[k] = sum_onto(part.intercept_gradient[k], z, n_rows)


cdef inline void finish_group(
    const Pass* task, Part* part, Py_ssize_t begin, Py_ssize_t n_rows, real* z
) noexcept nogil:
    """finish_forward of the one vector, with zeros behind, to the end of a group."""
    cdef Py_ssize_t i
    finish_forward(task, part, 0, begin, n_rows, z)
    for i in range(GROUP):
        z[n_rows + i] = 0


cdef inline apart finish_softmax(
    const Pass* task, Part* part, Py_ssize_t begin, Py_ssize_t n_rows, double* z, Py_ssize_t stride
) noexcept nogil:
    """finish_forward of all classes."""
    cdef const double* sample_weight = weights_of(task, part, 0, begin, n_rows)
    cdef Py_ssize_t k
    for k in range(task.n_coefs):
        begin_link(task, k, begin, n_rows, z + k * stride)
    copy_targets(task.y, begin, n_rows, part.y)
    if task.plan.single_link:
        softmax_block(z, stride, task.n_coefs, part.y, n_rows, part.block_loss, <float>1)
    else:
        softmax_block(z, stride, task.n_coefs, part.y, n_rows, part.block_loss, <double>1)
    weigh(part.block_loss, sample_weight, n_rows)
    part.loss[0] = sum_onto(part.loss[0], part.block_loss, n_rows)
    for k in range(task.n_coefs):
        weigh(z + k * stride, sample_weight, n_rows)
        part.intercept_gradient[k] = sum_onto(
            part.intercept_gradient[k], z + k * stride, n_rows)


cdef inline void finish_block(
    const Pass* task, Part* part, Py_ssize_t begin, Py_ssize_t n_rows, double* z, Py_ssize_t stride
) noexcept nogil:
    """finish_forward of all vectors, in turns whose sums depend on no number of vectors."""
    cdef Py_ssize_t k, i = 0, n
    while i < n_rows:
        n = min(task.plan.link_rows, n_rows - i)
        if task.softmax:
            finish_softmax(task, part, begin + i, n, z + i, stride)
        for k in range(0 if task.softmax else task.n_coefs):
            finish_forward(task, part, k, begin + i, n, z + k * stride + i)
        i += n
