"""A pass over rows so short that both halves of a block follow at once, from the nearest cache."""

from libc.stdint cimport uint8_t

from cython_kernels.bytes.bytes cimport BYTE_ROWS, SlicedCoef, backward_bytes, forward_bytes
from cython_kernels.passes.link_step cimport finish_forward
from cython_kernels.passes.partition cimport Span
from cython_kernels.passes.plan cimport FLUSH_ROWS, z_stays_single
from cython_kernels.passes.sums cimport flush_part, to_registers
from cython_kernels.passes.task cimport GRADIENT, SHORT_BYTES, Pass
from cython_kernels.passes.workspace cimport Part, registers_bytes
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport apart, vec64, vec_t
from cython_kernels.sweeps.narrow cimport AHEAD_BYTES, NARROW_ROWS, backward_narrow, forward_narrow


cdef inline void finish_short_rows(
    const Pass* task, Part* part, Py_ssize_t begin, Py_ssize_t n_rows, vec_t* z
) noexcept nogil:
    """From z = X w to the factors of the backward half, in its place."""
    cdef Py_ssize_t i
    if vec_t is vec64:
        finish_forward(task, part, 0, begin, n_rows, <double*>z)
    elif task.plan.single_z:
        finish_forward(task, part, 0, begin, n_rows, <float*>z)
    else:
        for i in range(n_rows):
            part.z[i] = (<float*>z)[i]
        finish_forward(task, part, 0, begin, n_rows, part.z)
        to_registers(part.z, n_rows, z)


cdef inline void forward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec_t* coef, vec_t* tile,
    vec_t* z
) noexcept nogil:
    """z of a block, by bytes or not; the block into the tile."""
    if storage_t is uint8_t:
        if task.plan.way == SHORT_BYTES:
            forward_bytes(block, n_rows, task.row_stride, task.n_features,
                          <const SlicedCoef*>coef, tile, <float*>z)
            return
    forward_narrow(block, n_rows, task.row_stride, task.n_features, coef, tile, z)


cdef inline void backward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, vec_t* tile, vec_t* factor,
    vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor for the same block, using factor up."""
    if storage_t is uint8_t:
        if task.plan.way == SHORT_BYTES:
            backward_bytes(
                tile, n_rows, <float*>factor, <float*>gradient,
                block + max(BYTE_ROWS * task.row_stride, <Py_ssize_t>AHEAD_BYTES),
                task.row_stride)
            return
    backward_narrow(block, n_rows, task.row_stride, task.n_features, tile, factor, gradient)


cdef inline void pass_one(
    const storage_t* X, const Pass* task, Span rows, Part* part, const vec_t* coef
) noexcept nogil:
    """Some rows of a C-ordered X."""
    cdef vec_t* gradient = <vec_t*>part.gradient_registers
    cdef vec_t* tile = <vec_t*>part.tile
    cdef vec_t* z = <vec_t*>part.z_registers
    cdef const storage_t* block
    cdef Py_ssize_t first = rows.begin, n_rows, unflushed = 0
    # A number that the compiler knows, where it is the only one: 10% of a pass over 8 columns.
    cdef Py_ssize_t most = task.plan.block_rows if storage_t is uint8_t else NARROW_ROWS
    while first < rows.end:
        n_rows = min(most, rows.end - first)
        block = X + first * task.row_stride
        forward_block(block, n_rows, task, coef, tile, z)
        finish_short_rows(task, part, first, n_rows, z)
        if task.verb >= GRADIENT:
            backward_block(block, n_rows, task, tile, z, gradient)
        first += n_rows
        unflushed += n_rows
        if unflushed >= FLUSH_ROWS:
            unflushed = 0
            flush_part(task, part, gradient, 0, task.n_features)
    flush_part(task, part, gradient, 0, task.n_features)


cdef inline Pass of_vector(const Pass* task, Py_ssize_t k) noexcept nogil:
    """The pass for one of its vectors."""
    cdef Pass own = task[0]
    own.n_coefs = 1
    own.coef += k * task.n_features
    own.intercept += k
    own.held_out += k if task.held_out != NULL else 0
    own.curvature += k * task.n_samples if task.curvature != NULL else 0
    own.decision += k * task.n_samples if task.decision != NULL else 0
    own.plan.single_z = task.plan.single_link and z_stays_single(&own)
    return own


cdef inline apart pass_short_rows(
    const storage_t* X, const Pass* task, Span rows, const Part* part, const vec_t* coef
) noexcept nogil:
    """The same for one vector, or for several in turn while some rows lie in cache."""
    cdef Py_ssize_t stride = registers_bytes(task)
    cdef Py_ssize_t n_rows = rows.end - rows.begin if task.n_coefs == 1 else FLUSH_ROWS
    cdef Span some
    cdef Pass own
    cdef Part of_own
    cdef Py_ssize_t k
    some.begin = rows.begin
    while some.begin < rows.end:
        some.end = min(some.begin + n_rows, rows.end)
        for k in range(task.n_coefs):
            own, of_own = of_vector(task, k), part[0]
            of_own.gradient_registers += k * stride
            of_own.gradient += k * task.n_features
            of_own.loss += k
            of_own.intercept_gradient += k
            pass_one(X, &own, some, &of_own, coef + k * stride // <Py_ssize_t>sizeof(vec_t))
        some.begin = some.end
