"""What is asked of a dense X alone, whatever the coefficients: moments, products, a check.

As in dense.pyx, the caller validates and allocates.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport int8_t, uint8_t, uint16_t
from libc.string cimport memset

from cython_kernels.products.gram cimport Gram, gram_tile, real_t, run_gram
from cython_kernels.products.moments cimport Moments, run_moments
from cython_kernels.products.nonfinite cimport NONE, Place, Search, first_part, run_search
from cython_kernels.products.sandwich cimport (
    Sandwich, padded_size, run_sandwich, sandwich_bytes, use_sandwich_workspace,
)
from cython_kernels.registers.storage cimport half_t, storage_t
from cython_kernels.modules.views cimport Stored, out_table, out_values, stored, values_of

ctypedef fused task_t:
    Gram
    Moments
    Sandwich
    Search


cdef inline int run_typed(const storage_t* X, task_t* task) except -1 nogil:
    """The work of a task's type."""
    if task_t is Gram:
        return run_gram(X, task)
    elif task_t is Moments:
        return run_moments(X, task)
    elif task_t is Sandwich:
        return run_sandwich(X, task)
    elif storage_t is float or storage_t is double or storage_t is half_t:
        return run_search(X, task)
    else:
        return 0                    # integers are finite


cdef int run(const Stored* X, task_t* task) except -1 nogil:
    """The work of a task, compiled for the type of X."""
    if X.type == c"B":
        return run_typed(<const uint8_t*>X.elements, task)
    if X.type == c"b":
        return run_typed(<const int8_t*>X.elements, task)
    if X.type == c"H":
        return run_typed(<const uint16_t*>X.elements, task)
    if X.type == c"e":
        return run_typed(<const half_t*>X.elements, task)
    if X.type == c"f":
        return run_typed(<const float*>X.elements, task)
    return run_typed(<const double*>X.elements, task)


cdef void begin(task_t* task, const Stored* X) noexcept:
    """Where X lies; all else is zero."""
    memset(task, 0, sizeof(task_t))
    task.n_samples, task.n_features = X.n_samples, X.n_features
    task.row_stride, task.column_stride = X.row_stride, X.column_stride


def moments(
    object X, const double[::1] sample_weight, const double[::1] unit,
    double[:, :, ::1] sums, double[::1] weight,
):
    """Column means in sums[0, 0, :n_features], sums of squared deviations in sums[1, 0] likewise.

    unit (n_features,) has powers of two, or is None: columns are multiplied by them before any
    distance is taken, and squared deviations stay so. Means are in X's own units.
    sums is (4, n_threads, n_features or more) and weight (n_threads,), both zero at the start; the
    total weight ends in weight[0].
    """
    cdef Stored rows = stored(X)
    cdef Moments task
    begin(&task, &rows)
    task.n_parts = <int>weight.shape[0]
    task.part_stride = sums.shape[2]
    task.sample_weight = values_of(sample_weight)
    task.unit = values_of(unit)
    task.weight = out_values(weight)
    task.mean = out_table(sums[0])
    task.deviation = out_table(sums[1])
    task.block_mean = out_table(sums[2])
    task.block_deviation = out_table(sums[3])
    with nogil:
        run(&rows, &task)


def sandwich_workspace_size(Py_ssize_t n_features, int n_threads):
    """Bytes of scratch memory that sandwich needs."""
    return sandwich_bytes(n_features, n_threads)


def sandwich(
    object X, const double[::1] row_weight, double[:, ::1] product,
    int n_threads, char[::1] workspace,
    const double[::1] center=None, const double[::1] unit=None, bint in_float64=False,
):
    """product = [X, 1]^T diag(row_weight) [X, 1], of shape (n_features + 1, n_features + 1).

    With center and unit, of features (x - center) unit, multiplied in float64 only if asked to.
    """
    cdef Stored rows = stored(X)
    cdef Sandwich task
    cdef Py_ssize_t size = padded_size(rows.n_features)
    cdef Py_ssize_t i, j
    begin(&task, &rows)
    task.n_parts = n_threads
    task.center, task.unit = values_of(center), values_of(unit)
    task.in_float64 = in_float64
    task.row_weight = values_of(row_weight)
    use_sandwich_workspace(&task, &workspace[0])
    with nogil:
        run(&rows, &task)
        for i in range(rows.n_features + 1):
            for j in range(i, rows.n_features + 1):
                product[i, j] = task.sums[i * size + j]
                product[j, i] = product[i, j]


def gram_tile_size(Py_ssize_t n_samples, Py_ssize_t n_features):
    """Elements of the tile that gram needs."""
    return gram_tile(n_samples, n_features)


def gram(
    object X, const double[::1] mean, const double[::1] scale,
    const double[::1] root, real_t[::1, :] product, real_t[::1] tile, int n_threads, gemm, syrk,
    const double[::1] center=None, const double[::1] unit=None,
):
    """product += A A^T, lower triangle, with A = diag(root) (features - mean) scale.

    gemm and syrk are BLAS, in the type of product: capsules of scipy.linalg.cython_blas.
    """
    cdef Stored rows = stored(X)
    cdef Gram task
    if rows.elements == NULL:
        return
    begin(&task, &rows)
    task.n_threads = n_threads
    task.center, task.unit = values_of(center), values_of(unit)
    task.mean = values_of(mean)
    task.scale = values_of(scale)
    task.root = values_of(root)
    task.gemm = PyCapsule_GetPointer(gemm, PyCapsule_GetName(gemm))
    task.syrk = PyCapsule_GetPointer(syrk, PyCapsule_GetName(syrk))
    task.in_float64 = real_t is double
    task.tile = &tile[0]
    task.product = &product[0, 0]
    with nogil:
        run(&rows, &task)


def first_nonfinite(object X, Py_ssize_t[:, ::1] places):
    """Row and column of the first NaN or infinity, by rows; -1 and -1 if there is none.

    Here X may have any strides. places is (n_threads, 2) of scratch.
    """
    cdef Stored rows = stored(X)
    cdef Search search
    cdef int part
    places[:] = NONE
    begin(&search, &rows)
    search.n_parts = <int>places.shape[0]
    if rows.n_features == 0:
        search.n_samples = 0
    search.found = <Place*>&places[0, 0]
    with nogil:
        run(&rows, &search)
    part = first_part(&search)
    return places[part, 0], places[part, 1]
