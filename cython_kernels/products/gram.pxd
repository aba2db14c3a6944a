"""The Gram product of rows, A A^T with A = diag(root) (features - mean) scale.

Columns of A are widened tile by tile, for all rows; the blocks of the lower triangle are then
shared out over the threads, which call BLAS for one each. (Threads of BLAS itself would go on
spinning when they are done, in the way of the next pass.)
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport value_of

cdef enum:
    GRAM_COLUMNS = 256      # of a tile
    GRAM_ROWS = 256         # of a block

ctypedef fused real_t:
    float
    double

ctypedef void (*gemm32)(
    char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*, float*, int*
) noexcept nogil
ctypedef void (*gemm64)(
    char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*
) noexcept nogil
ctypedef void (*syrk32)(
    char*, char*, int*, int*, float*, float*, int*, float*, float*, int*) noexcept nogil
ctypedef void (*syrk64)(
    char*, char*, int*, int*, double*, double*, int*, double*, double*, int*) noexcept nogil

cdef struct Gram:
    int n_threads
    int n_samples
    Py_ssize_t n_features
    Py_ssize_t row_stride           # in elements
    Py_ssize_t column_stride
    const double* center            # (n_features,): features are (x - center) unit, or both
    const double* unit              # NULL: x as it is
    const double* mean              # (n_features,)
    const double* scale             # (n_features,)
    const double* root              # (n_samples,)
    bint in_float64                 # what the product is computed and stored in
    void* tile                      # gram_tile() elements of that type
    void* product                   # (n_samples, n_samples), lower triangle by columns
    void* gemm                      # of BLAS, for that type
    void* syrk


cdef inline Py_ssize_t gram_tile(Py_ssize_t n_samples, Py_ssize_t n_features) noexcept nogil:
    """Elements of the tile."""
    return n_samples * min(n_features, <Py_ssize_t>GRAM_COLUMNS)


cdef inline void widen_row(
    const storage_t* X, const Gram* task, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n_columns,
    real_t* tile
) noexcept nogil:
    """One row of A, columns first and on."""
    cdef const storage_t* row = X + i * task.row_stride + first * task.column_stride
    cdef const double* mean = task.mean + first
    cdef const double* scale = task.scale + first
    cdef double root = task.root[i]
    cdef Py_ssize_t j
    if task.center != NULL:
        for j in range(n_columns):
            tile[j] = <real_t>(
                root * scale[j] * ((value_of(row[j * task.column_stride]) - task.center[first + j])
                                   * task.unit[first + j] - mean[j]))
    elif task.column_stride == 1:
        for j in range(n_columns):
            tile[j] = <real_t>(root * scale[j] * (value_of(row[j]) - mean[j]))
    else:
        for j in range(n_columns):
            tile[j] = <real_t>(
                root * scale[j] * (value_of(row[j * task.column_stride]) - mean[j]))


cdef inline void add_block(
    const Gram* task, Py_ssize_t index, int n_columns, real_t* tile, real_t* product
) noexcept nogil:
    """product += tile tile^T, for the block of this index in the lower triangle."""
    cdef Py_ssize_t row = 0, column
    while (row + 1) * (row + 2) // 2 <= index:
        row += 1
    column = (index - row * (row + 1) // 2) * GRAM_ROWS
    row *= GRAM_ROWS
    cdef int height = min(GRAM_ROWS, task.n_samples - <int>row)
    cdef int width = GRAM_ROWS, size = task.n_samples
    cdef real_t one = 1
    cdef real_t* block = product + row + column * task.n_samples
    cdef real_t* left = tile + row * n_columns
    cdef real_t* right = tile + column * n_columns
    if row == column:
        if real_t is float:
            (<syrk32>task.syrk)("L", "T", &height, &n_columns, &one, left, &n_columns, &one,
                                block, &size)
        else:
            (<syrk64>task.syrk)("L", "T", &height, &n_columns, &one, left, &n_columns, &one,
                                block, &size)
    elif real_t is float:
        (<gemm32>task.gemm)("T", "N", &height, &width, &n_columns, &one, left, &n_columns,
                            right, &n_columns, &one, block, &size)
    else:
        (<gemm64>task.gemm)("T", "N", &height, &width, &n_columns, &one, left, &n_columns,
                            right, &n_columns, &one, block, &size)


cdef inline int add_gram(
    const storage_t* X, const Gram* task, real_t* tile, real_t* product
) except -1 nogil:
    cdef Py_ssize_t n_blocks = (task.n_samples + GRAM_ROWS - 1) // GRAM_ROWS
    cdef Py_ssize_t first = 0, n_columns, i
    n_blocks = n_blocks * (n_blocks + 1) // 2
    while first < task.n_features:
        n_columns = min(<Py_ssize_t>GRAM_COLUMNS, task.n_features - first)
        for i in prange(task.n_samples, schedule="static", num_threads=task.n_threads,
                        use_threads_if=task.n_threads > 1):
            widen_row(X, task, i, first, n_columns, tile + i * n_columns)
        for i in prange(n_blocks, schedule="dynamic", num_threads=task.n_threads,
                        use_threads_if=task.n_threads > 1):
            add_block(task, i, <int>n_columns, tile, product)
        first += n_columns
        with gil:
            PyErr_CheckSignals()
    return 0


cdef inline int run_gram(const storage_t* X, const Gram* task) except -1 nogil:
    """product += A A^T."""
    if task.in_float64:
        return add_gram(X, task, <double*>task.tile, <double*>task.product)
    return add_gram(X, task, <float*>task.tile, <float*>task.product)
