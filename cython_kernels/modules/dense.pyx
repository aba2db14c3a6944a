"""Passes over a dense X with coefficients.

The caller validates: along its rows or along its columns, the elements of X are adjacent; the
arrays fit each other; values are finite. X stays where it is until a function returns. With center
and unit, which are powers of two, passes are over features (x - center) unit, in float64; without
(None), over x as it is. y comes as its bytes and the index of its type in TARGET_TYPES; where it
leaves [0, 1], the loss is NaN. Every output is allocated by the caller. coef and gradient are
(n_coefs, n_features), decision and curvature (n_coefs, n_samples); all sums are over rows, not
means. offset (n_samples,) is added to every decision value. Rows with fold[i] == held_out[k] have
no weight for vector k (fold is (n_samples,), held_out (n_coefs,); negative: all rows have theirs);
they are given both or neither.
"""

from libc.stdint cimport int8_t, uint8_t, uint16_t, uintptr_t

from cython_kernels.passes.plan cimport GUARD
from cython_kernels.passes.run cimport run_pass
from cython_kernels.passes.task cimport DECISION, GRADIENT, LOSS, PRODUCT, Pass, Verb, new_pass
from cython_kernels.passes.workspace cimport Part, part_at, use_workspace, workspace_bytes
from cython_kernels.registers.storage cimport half_t
from cython_kernels.registers.vector cimport VECTOR_LEVEL
from cython_kernels.modules.views cimport (
    Stored, folds_of, held_out_of, out_table, out_values, stored, table_of, targets_of, values_of,
)

TARGET_TYPES = ("float64", "float32", "int64", "int32", "int8", "uint8")


def vector_level():
    """The section of vector.h this module was compiled with."""
    return VECTOR_LEVEL.decode("ascii")


def workspace_size(Py_ssize_t n_features, Py_ssize_t n_coefs, int n_threads):
    """Bytes of scratch memory that a pass needs."""
    cdef Pass task = new_pass(DECISION, 0, n_features, n_coefs, 0, 1, n_threads)
    return workspace_bytes(&task)


def workspace_guards(Py_ssize_t n_features, Py_ssize_t n_coefs, int n_threads):
    """Where nobody writes: offsets of guards in the workspace of a pass, and the bytes of each.

    The offsets count from the first address that is a multiple of the size.
    """
    cdef Pass task = new_pass(DECISION, 0, n_features, n_coefs, 0, 1, n_threads)
    cdef Part part
    cdef char* workspace = NULL
    cdef int index
    use_workspace(&task, workspace)
    ends = [<Py_ssize_t>task.parts]
    for index in range(n_threads):
        part = part_at(&task, index)
        ends += [
            <Py_ssize_t>begin for begin in (
                <uintptr_t>part.gradient, <uintptr_t>part.loss,
                <uintptr_t>part.intercept_gradient, <uintptr_t>part.z, <uintptr_t>part.factor,
                <uintptr_t>part.z_registers, <uintptr_t>part.factor_registers,
                <uintptr_t>part.block_loss, <uintptr_t>part.y, <uintptr_t>part.weight,
                <uintptr_t>part.tile, <uintptr_t>part.end,
            )
        ]
    return [end - GUARD for end in ends], GUARD


cdef int run_stored(const Stored* X, Pass* task) except -1 nogil:
    """run_pass, compiled for the type of X."""
    if X.type == c"B":
        return run_pass(<const uint8_t*>X.elements, task)
    if X.type == c"b":
        return run_pass(<const int8_t*>X.elements, task)
    if X.type == c"H":
        return run_pass(<const uint16_t*>X.elements, task)
    if X.type == c"e":
        return run_pass(<const half_t*>X.elements, task)
    if X.type == c"f":
        return run_pass(<const float*>X.elements, task)
    return run_pass(<const double*>X.elements, task)


cdef Pass describe(
    Verb verb, const Stored* X, const double[:, ::1] coef, const double[::1] intercept,
    int n_threads
) noexcept:
    """What every pass needs of its arguments."""
    cdef Pass task = new_pass(
        verb, X.n_samples, X.n_features, coef.shape[0], X.row_stride, X.column_stride, n_threads)
    task.coef = table_of(coef)
    task.intercept = values_of(intercept)
    return task


cdef void hold_to(
    Pass* task, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[::1] offset, const uint8_t[::1] fold, const int[::1] held_out
) noexcept:
    """What decision values are held to."""
    task.y = targets_of(y, y_type)
    task.sample_weight = values_of(sample_weight)
    task.offset = values_of(offset)
    task.fold = folds_of(fold)
    task.held_out = held_out_of(held_out)


cdef int perform(
    const Stored* X, Pass* task, char[::1] workspace, const double[::1] center,
    const double[::1] unit,
) except -1:
    task.center = values_of(center)
    task.unit = values_of(unit)
    use_workspace(task, &workspace[0])
    with nogil:
        return run_stored(X, task)


def decision_values(
    object X, const double[:, ::1] coef, const double[::1] intercept,
    double[:, ::1] decision, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None, const double[::1] offset=None,
):
    """decision = coef X^T + intercept + offset."""
    cdef Stored rows = stored(X)
    cdef Pass task = describe(DECISION, &rows, coef, intercept, n_threads)
    task.offset = values_of(offset)
    task.decision = out_table(decision)
    perform(&rows, &task, workspace, center, unit)


def loss(
    object X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[:, ::1] coef, const double[::1] intercept,
    double[::1] loss_sum, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None, const double[::1] offset=None,
    const uint8_t[::1] fold=None, const int[::1] held_out=None,
):
    """loss_sum[k] = sum_i sample_weight[i] log_loss(z[k, i], y[i])."""
    cdef Stored rows = stored(X)
    cdef Pass task = describe(LOSS, &rows, coef, intercept, n_threads)
    hold_to(&task, y, y_type, sample_weight, offset, fold, held_out)
    task.loss = out_values(loss_sum)
    perform(&rows, &task, workspace, center, unit)


def loss_and_gradient(
    object X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[:, ::1] coef, const double[::1] intercept,
    double[::1] loss_sum, double[:, ::1] gradient, double[::1] intercept_gradient,
    double[:, ::1] decision, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None, const double[::1] offset=None,
    const uint8_t[::1] fold=None, const int[::1] held_out=None,
):
    """The loss, its gradient, and (unless decision is None) the decision values of the pass."""
    cdef Stored rows = stored(X)
    cdef Pass task = describe(GRADIENT, &rows, coef, intercept, n_threads)
    hold_to(&task, y, y_type, sample_weight, offset, fold, held_out)
    task.decision = out_table(decision)
    task.loss = out_values(loss_sum)
    task.gradient = out_table(gradient)
    task.intercept_gradient = out_values(intercept_gradient)
    perform(&rows, &task, workspace, center, unit)


def softmax_loss_and_gradient(
    object X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[:, ::1] coef, const double[::1] intercept,
    double[::1] loss_sum, double[:, ::1] gradient, double[::1] intercept_gradient,
    double[:, ::1] decision, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """loss_sum[0] = sum_i sample_weight[i] (log sum_k exp(z[k, i]) - z[y[i], i]), its gradient.

    y are classes from 0 to n_coefs - 1, which are two at least; of any other, the loss is NaN.
    """
    cdef Stored rows = stored(X)
    cdef Pass task = describe(GRADIENT, &rows, coef, intercept, n_threads)
    hold_to(&task, y, y_type, sample_weight, None, None, None)
    task.softmax = True
    task.decision = out_table(decision)
    task.loss = out_values(loss_sum)
    task.gradient = out_table(gradient)
    task.intercept_gradient = out_values(intercept_gradient)
    perform(&rows, &task, workspace, center, unit)


def hessian_product(
    object X, const double[:, ::1] curvature,
    const double[:, ::1] vector, const double[::1] vector_intercept,
    double[:, ::1] product, double[::1] intercept_product, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """product[k] = X^T (curvature[k] * (X vector[k] + vector_intercept[k])); its sum likewise."""
    cdef Stored rows = stored(X)
    cdef Pass task = describe(PRODUCT, &rows, vector, vector_intercept, n_threads)
    task.curvature = table_of(curvature)
    task.gradient = out_table(product)
    task.intercept_gradient = out_values(intercept_product)
    perform(&rows, &task, workspace, center, unit)
