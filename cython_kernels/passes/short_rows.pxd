"""A pass over rows so short that both halves of a block follow at once, from the nearest cache."""

from libc.stdint cimport uint8_t

from cython_kernels.bytes.bytes cimport BYTE_ROWS, SlicedCoef, backward_bytes, forward_bytes
from cython_kernels.sweeps.lines cimport GROUP
from cython_kernels.sweeps.narrow cimport AHEAD_BYTES, NARROW_ROWS, backward_narrow, forward_narrow
from cython_kernels.passes.passes cimport (
    FLUSH, GRADIENT, PRODUCT, Part, Pass, add_intercept, finish_forward, flush_part,
    registers_bytes, to_registers,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport vec64, vec_t


cdef inline bint stays_single(const Pass* task, Py_ssize_t k) noexcept nogil:
    """Whether z may stay in float32: it is no result, and meets no number beyond floats."""
    return (
        task.decision == NULL and task.sample_weight == NULL and task.kind != PRODUCT
        and -1e30 < task.intercept[k] < 1e30)


cdef inline void finish_short_rows(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, vec_t* z
) noexcept nogil:
    """From z = X w to the factors of the backward half, in its place."""
    cdef float* singles = <float*>z
    cdef Py_ssize_t i
    if vec_t is vec64:
        add_intercept(task, k, <double*>z, n_rows)
        finish_forward(task, part, k, begin, n_rows, <double*>z)
    elif stays_single(task, k):
        for i in range(n_rows):
            singles[i] = <float>(singles[i] + task.intercept[k])
        finish_forward(task, part, k, begin, n_rows, singles)
    else:
        for i in range(n_rows):
            part.z[i] = singles[i] + task.intercept[k]
        finish_forward(task, part, k, begin, n_rows, part.z)
        to_registers(part.z, n_rows, z)


cdef inline void forward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, Py_ssize_t k, const vec_t* coef,
    vec_t* tile, vec_t* z
) noexcept nogil:
    """z of a block and the k-th coefficients, by bytes or not; the block into the tile."""
    if storage_t is uint8_t:
        if task.by_bytes:
            forward_bytes(block, n_rows, task.row_stride, task.n_features,
                          <const SlicedCoef*>coef, tile, <float*>z)
            return
    forward_narrow(block, n_rows, task.row_stride, task.n_features, coef, tile, z)


cdef inline void backward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec_t* tile, vec_t* factor,
    vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor for the same block, using factor up."""
    if storage_t is uint8_t:
        if task.by_bytes:
            backward_bytes(
                tile, n_rows, <float*>factor, <float*>gradient,
                block + max(BYTE_ROWS * task.row_stride, <Py_ssize_t>AHEAD_BYTES),
                task.row_stride)
            return
    backward_narrow(block, n_rows, task.row_stride, task.n_features, tile, factor, gradient)


cdef inline void pass_short_rows(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* coef
) noexcept nogil:
    """Rows begin to end of a C-ordered X, so short that both halves of a block follow at once."""
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef vec_t* tile = <vec_t*>part.tile
    cdef Py_ssize_t block_rows = BYTE_ROWS if task.by_bytes else NARROW_ROWS
    cdef Py_ssize_t first = begin, n_rows, k, unflushed = 0
    while first < end:
        n_rows = min(block_rows, end - first)
        for k in range(task.n_coefs):
            forward_block(X + first * task.row_stride, n_rows, task, k, coef + k * registers, tile,
                          <vec_t*>part.z_registers)
            finish_short_rows(task, part, k, first, n_rows, <vec_t*>part.z_registers)
            if task.kind >= GRADIENT:
                backward_block(X + first * task.row_stride, n_rows, task, tile,
                               <vec_t*>part.z_registers,
                               <vec_t*>part.gradient_registers + k * registers)
        first += n_rows
        unflushed += n_rows
        if unflushed >= FLUSH * GROUP:
            unflushed = 0
            flush_part(task, part, <vec_t*>part.gradient_registers, 0, task.n_features)
    flush_part(task, part, <vec_t*>part.gradient_registers, 0, task.n_features)
