"""Passes over a dense X, as functions of memoryviews.

The caller validates: along its rows or along its columns, the elements of X are adjacent; the
arrays fit each other; values are finite. With center and unit, which are powers of two, passes are
over features (x - center) unit, in float64; without (None), over x as it is. y comes as its bytes
and the index of its type in TARGET_TYPES; where it leaves [0, 1], the loss is NaN.
Every output is allocated by the caller. coef and gradient are (n_coefs, n_features), decision
and curvature (n_coefs, n_samples); all sums are over rows, not means.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport uint8_t, uintptr_t
from libc.string cimport memset

from cython_kernels.products.gram cimport Gram, gram_tile, real_t, run_gram
from cython_kernels.products.moments cimport Moments, run_moments
from cython_kernels.products.nonfinite cimport NONE, Place, Search, first_part, run_search
from cython_kernels.passes.plan cimport GUARD
from cython_kernels.passes.run cimport run_pass
from cython_kernels.passes.task cimport DECISION, GRADIENT, LOSS, PRODUCT, Pass, Verb, new_pass
from cython_kernels.passes.workspace cimport Part, part_at, use_workspace, workspace_bytes
from cython_kernels.products.sandwich cimport (
    Sandwich, padded_size, run_sandwich, sandwich_bytes, use_sandwich_workspace,
)
from cython_kernels.registers.storage cimport half_t, storage_t
from cython_kernels.registers.vector cimport VECTOR_LEVEL
from cython_kernels.modules.views cimport (
    column_stride_of, elements_of, out_table, out_values, row_stride_of, table_of, targets_of,
    values_of,
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
                <uintptr_t>part.block_loss, <uintptr_t>part.y, <uintptr_t>part.tile,
                <uintptr_t>part.end,
            )
        ]
    return [end - GUARD for end in ends], GUARD


def sandwich_workspace_size(Py_ssize_t n_features, int n_threads):
    """Bytes of scratch memory that sandwich needs."""
    return sandwich_bytes(n_features, n_threads)


cdef Pass describe(
    Verb verb, const storage_t[:, :] X, const double[:, ::1] coef, const double[::1] intercept,
    int n_threads
) noexcept:
    """What every pass needs of its arguments."""
    cdef Pass task = new_pass(
        verb, X.shape[0], X.shape[1], coef.shape[0], row_stride_of(X), column_stride_of(X),
        n_threads)
    task.coef = table_of(coef)
    task.intercept = values_of(intercept)
    return task


cdef int perform(
    const storage_t* X, Pass* task, char[::1] workspace, const double[::1] center,
    const double[::1] unit,
) except -1:
    task.center = values_of(center)
    task.unit = values_of(unit)
    use_workspace(task, &workspace[0])
    with nogil:
        return run_pass(X, task)


def decision_values(
    const storage_t[:, :] X, const double[:, ::1] coef, const double[::1] intercept,
    double[:, ::1] decision, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """decision = coef X^T + intercept."""
    cdef Pass task = describe(DECISION, X, coef, intercept, n_threads)
    task.decision = out_table(decision)
    perform(elements_of(X), &task, workspace, center, unit)


def loss(
    const storage_t[:, :] X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[:, ::1] coef, const double[::1] intercept,
    double[::1] loss_sum, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """loss_sum[k] = sum_i sample_weight[i] log_loss(z[k, i], y[i])."""
    cdef Pass task = describe(LOSS, X, coef, intercept, n_threads)
    task.y = targets_of(y, y_type)
    task.sample_weight = values_of(sample_weight)
    task.loss = out_values(loss_sum)
    perform(elements_of(X), &task, workspace, center, unit)


def loss_and_gradient(
    const storage_t[:, :] X, const uint8_t[::1] y, int y_type, const double[::1] sample_weight,
    const double[:, ::1] coef, const double[::1] intercept,
    double[::1] loss_sum, double[:, ::1] gradient, double[::1] intercept_gradient,
    double[:, ::1] decision, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """The loss, its gradient, and (unless decision is None) the decision values of the pass."""
    cdef Pass task = describe(GRADIENT, X, coef, intercept, n_threads)
    task.y = targets_of(y, y_type)
    task.sample_weight = values_of(sample_weight)
    task.decision = out_table(decision)
    task.loss = out_values(loss_sum)
    task.gradient = out_table(gradient)
    task.intercept_gradient = out_values(intercept_gradient)
    perform(elements_of(X), &task, workspace, center, unit)


def hessian_product(
    const storage_t[:, :] X, const double[:, ::1] curvature,
    const double[:, ::1] vector, const double[::1] vector_intercept,
    double[:, ::1] product, double[::1] intercept_product, int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None,
):
    """product[k] = X^T (curvature[k] * (X vector[k] + vector_intercept[k])); its sum likewise."""
    cdef Pass task = describe(PRODUCT, X, vector, vector_intercept, n_threads)
    task.curvature = table_of(curvature)
    task.gradient = out_table(product)
    task.intercept_gradient = out_values(intercept_product)
    perform(elements_of(X), &task, workspace, center, unit)


def moments(
    const storage_t[:, :] X, const double[::1] sample_weight, const double[::1] unit,
    double[:, :, ::1] sums, double[::1] weight,
):
    """Column means in sums[0, 0], sums of squared deviations in sums[1, 0].

    unit (n_features,) has powers of two, or is None: columns are multiplied by them before any
    distance is taken, and squared deviations stay so. Means are in X's own units.
    sums is (4, n_threads, n_features) and weight (n_threads,), both zero at the start; the total
    weight ends in weight[0].
    """
    cdef Moments task
    memset(&task, 0, sizeof(task))
    task.n_parts = <int>weight.shape[0]
    task.n_samples = X.shape[0]
    task.n_features = X.shape[1]
    task.row_stride = row_stride_of(X)
    task.column_stride = column_stride_of(X)
    task.sample_weight = values_of(sample_weight)
    task.unit = values_of(unit)
    task.weight = out_values(weight)
    task.mean = out_table(sums[0])
    task.deviation = out_table(sums[1])
    task.block_mean = out_table(sums[2])
    task.block_deviation = out_table(sums[3])
    cdef const storage_t* rows = elements_of(X)
    with nogil:
        run_moments(rows, &task)


def sandwich(
    const storage_t[:, :] X, const double[::1] row_weight, double[:, ::1] product,
    int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None, bint in_float64=False,
):
    """product = [X, 1]^T diag(row_weight) [X, 1], of shape (n_features + 1, n_features + 1).

    With center and unit, of features (x - center) unit, multiplied in float64 only if asked to.
    """
    cdef Sandwich task
    cdef Py_ssize_t size = padded_size(X.shape[1])
    cdef Py_ssize_t i, j
    memset(&task, 0, sizeof(task))
    task.n_parts = n_threads
    task.n_samples = X.shape[0]
    task.n_features = X.shape[1]
    task.row_stride = row_stride_of(X)
    task.column_stride = column_stride_of(X)
    task.center = values_of(center)
    task.unit = values_of(unit)
    task.in_float64 = in_float64
    task.row_weight = values_of(row_weight)
    use_sandwich_workspace(&task, &workspace[0])
    cdef const storage_t* rows = elements_of(X)
    with nogil:
        run_sandwich(rows, &task)
        for i in range(X.shape[1] + 1):
            for j in range(i, X.shape[1] + 1):
                product[i, j] = task.sums[i * size + j]
                product[j, i] = product[i, j]


def gram_tile_size(Py_ssize_t n_samples, Py_ssize_t n_features):
    """Elements of the tile that gram needs."""
    return gram_tile(n_samples, n_features)


def gram(
    const storage_t[:, :] X, const double[::1] mean, const double[::1] scale,
    const double[::1] root, real_t[::1, :] product, real_t[::1] tile, int n_threads, gemm, syrk,
    const double[::1] center=None, const double[::1] unit=None,
):
    """product += A A^T, lower triangle, with A = diag(root) (features - mean) scale.

    gemm and syrk are BLAS, in the type of product: capsules of scipy.linalg.cython_blas.
    """
    cdef Gram task
    if not X.shape[0] or not X.shape[1]:
        return
    memset(&task, 0, sizeof(task))
    task.n_threads = n_threads
    task.n_samples = <int>X.shape[0]
    task.n_features = X.shape[1]
    task.row_stride = row_stride_of(X)
    task.column_stride = column_stride_of(X)
    task.center = values_of(center)
    task.unit = values_of(unit)
    task.mean = values_of(mean)
    task.scale = values_of(scale)
    task.root = values_of(root)
    task.gemm = PyCapsule_GetPointer(gemm, PyCapsule_GetName(gemm))
    task.syrk = PyCapsule_GetPointer(syrk, PyCapsule_GetName(syrk))
    cdef const storage_t* rows = elements_of(X)
    with nogil:
        run_gram(rows, &task, &tile[0], &product[0, 0])


def first_nonfinite(const storage_t[:, :] X, Py_ssize_t[:, ::1] places):
    """Row and column of the first NaN or infinity, by rows; -1 and -1 if there is none.

    Here X may have any strides. places is (n_threads, 2) of scratch.
    """
    cdef Search search
    cdef const storage_t* rows = elements_of(X)
    cdef int part
    places[:] = NONE
    memset(&search, 0, sizeof(search))
    search.n_parts = <int>places.shape[0]
    search.n_samples = X.shape[0] if X.shape[1] else 0
    search.n_features = X.shape[1]
    search.row_stride = row_stride_of(X)
    search.column_stride = column_stride_of(X)
    search.found = <Place*>&places[0, 0]
    if storage_t is float or storage_t is double or storage_t is half_t:    # integers are finite
        with nogil:
            run_search(rows, &search)
    part = first_part(&search)
    return places[part, 0], places[part, 1]
