"""What happens to a block between its two halves."""

from cython_kernels.link.link cimport real
from cython_kernels.link.link_blocks cimport loss_of_block, sum_of, weigh
from cython_kernels.link.targets cimport copy_targets
from cython_kernels.passes.task cimport GRADIENT, LOSS, PRODUCT, Pass
from cython_kernels.passes.workspace cimport Part
from cython_kernels.sweeps.lines cimport GROUP


cdef inline void finish_forward(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, real* z
) noexcept nogil:
    """From z = X w of n_rows rows from `begin` to the factors of their backward half."""
    cdef const double* sample_weight = task.sample_weight
    cdef double intercept = task.intercept[k]
    cdef Py_ssize_t i
    for i in range(n_rows):
        z[i] = <real>(z[i] + intercept)
    if sample_weight != NULL:
        sample_weight += begin
    if task.decision != NULL:
        for i in range(n_rows):
            task.decision[k * task.n_samples + begin + i] = z[i]
    if task.verb == LOSS or task.verb == GRADIENT:
        copy_targets(task.y, begin, n_rows, <real*>part.y)
        part.loss[k] += loss_of_block(
            z, <real*>part.y, sample_weight, n_rows, <real*>part.block_loss,
            task.plan.single_link)
    elif task.verb == PRODUCT:
        weigh(z, task.curvature + k * task.n_samples + begin, n_rows)
    if task.verb >= GRADIENT:
        part.intercept_gradient[k] += sum_of(z, n_rows)
        for i in range(GROUP):
            z[n_rows + i] = 0
