"""A pass whose parts each have rows of their own: for rows that are many and not too long."""

from libc.stdint cimport int8_t, uint8_t

from cython_kernels.blocks cimport sweep_block, sweep_panel
from cython_kernels.bytes cimport unit_of
from cython_kernels.lines cimport GROUP
from cython_kernels.narrow cimport (
    AHEAD_BYTES, NARROW_REGISTERS, NARROW_ROWS, backward_narrow, forward_narrow,
)
from cython_kernels.narrow_bytes cimport (
    NARROW_BYTE_ROWS, backward_narrow_bytes, forward_narrow_bytes,
)
from cython_kernels.partition cimport UNIT, part_begin
from cython_kernels.passes cimport (
    FLUSH, GRADIENT, MAX_ROWS, PRODUCT, STRETCH_BYTES, Z_ROWS, Part, Pass, add_intercept,
    finish_forward, flush_part, part_at, registers_bytes, to_registers,
)
from cython_kernels.storage cimport storage_t
from cython_kernels.vector cimport lanes, vec64, vec_t

cdef enum:
    BLOCK_BYTES = 131072      # a block of rows: well inside L2, with room for the gradient
    BLOCK_ROWS = 256          # of short rows: enough to vectorise the link
    PANEL_BYTES = 524288      # a block of a Fortran-ordered X


cdef inline void pass_rows(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* coef
) noexcept nogil:
    """Rows begin to end of a C-ordered X."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t block_rows = GROUP * max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes) // GROUP)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, k, unflushed = 0
    while first < end or n_old > 0:
        n_new = min(block_rows, end - first)
        for k in range(task.n_coefs):
            sweep_block(X, first, n_old, n_new, 0, task.n_features, task, part, k, coef,
                        part.z + k * Z_ROWS)
            add_intercept(task, k, part.z + k * Z_ROWS, n_new)
            finish_forward(task, part, k, first, n_new, part.z + k * Z_ROWS)
        first += n_new
        unflushed += n_old
        n_old = n_new if task.kind >= GRADIENT else 0
        part.z, part.factor = part.factor, part.z
        if unflushed >= FLUSH * GROUP:
            unflushed = 0
            flush_part(task, part, <vec_t*>part.gradient_registers, 0, task.n_features)
    flush_part(task, part, <vec_t*>part.gradient_registers, 0, task.n_features)


cdef inline void finish_narrow(
    const Pass* task, Part* part, Py_ssize_t k, Py_ssize_t begin, Py_ssize_t n_rows, vec_t* z
) noexcept nogil:
    """finish_forward in the compute type, but for weights, which may be too small for a float."""
    cdef Py_ssize_t i
    if vec_t is vec64:
        finish_forward(task, part, k, begin, n_rows, <double*>z)
    elif task.sample_weight == NULL and task.kind != PRODUCT:
        finish_forward(task, part, k, begin, n_rows, <float*>z)
    else:
        for i in range(n_rows):
            part.z[i] = (<float*>z)[i]
        finish_forward(task, part, k, begin, n_rows, part.z)
        to_registers(part.z, n_rows, z)


cdef inline void forward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, Py_ssize_t k, const vec_t* coef,
    vec_t* tile, vec_t* z
) noexcept nogil:
    """z of a block and the k-th coefficients, by bytes or not; the block into the tile."""
    if storage_t is uint8_t:
        if task.by_bytes:
            forward_narrow_bytes(
                block, n_rows, task.row_stride, task.n_features, <const int8_t*>coef,
                unit_of(<const char*>coef, task.n_features)[0], task.intercept[k], tile, <float*>z)
            return
    forward_narrow(
        block, n_rows, task.row_stride, task.n_features, coef, task.intercept[k], tile, z)


cdef inline void backward_block(
    const storage_t* block, Py_ssize_t n_rows, const Pass* task, const vec_t* tile, vec_t* factor,
    vec_t* gradient
) noexcept nogil:
    """gradient += block^T factor for the same block, using factor up."""
    if storage_t is uint8_t:
        if task.by_bytes:
            backward_narrow_bytes(
                tile, n_rows, <float*>factor, <float*>gradient,
                block + max(NARROW_BYTE_ROWS * task.row_stride, <Py_ssize_t>AHEAD_BYTES),
                task.row_stride)
            return
    backward_narrow(block, n_rows, task.row_stride, task.n_features, tile, factor, gradient)


cdef inline void pass_narrow(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* coef
) noexcept nogil:
    """Rows begin to end of a C-ordered X, so short that both halves of a block follow at once."""
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef vec_t* tile = <vec_t*>part.tile
    cdef Py_ssize_t block_rows = NARROW_BYTE_ROWS if task.by_bytes else NARROW_ROWS
    cdef Py_ssize_t first = begin, n_rows, k, unflushed = 0
    while first < end:
        n_rows = min(block_rows, end - first)
        for k in range(task.n_coefs):
            forward_block(X + first * task.row_stride, n_rows, task, k, coef + k * registers, tile,
                          <vec_t*>part.z_registers)
            finish_narrow(task, part, k, first, n_rows, <vec_t*>part.z_registers)
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


cdef inline void pass_columns(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* kind
) noexcept nogil:
    """Rows begin to end of a Fortran-ordered X, in panels; kind only names the type."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t panel_rows = UNIT * (max(
        <Py_ssize_t>STRETCH_BYTES // <Py_ssize_t>sizeof(storage_t),
        min(MAX_ROWS, PANEL_BYTES // row_bytes)) // UNIT)
    cdef Py_ssize_t registers = Z_ROWS * sizeof(double) // sizeof(vec_t)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, k
    cdef bint descending = False
    while first < end or n_old > 0:
        n_new = min(panel_rows, end - first)
        for k in range(task.n_coefs):
            sweep_panel(X, first, n_old, n_new, 0, task.n_features, task, part, k, kind, part.z,
                        descending)
            add_intercept(task, k, part.z, n_new)
            finish_forward(task, part, k, first, n_new, part.z)
            # The old factors have served; the new ones take their place.
            to_registers(part.z, n_new, <vec_t*>part.factor_registers + k * registers)
        first += n_new
        n_old = n_new if task.kind >= GRADIENT else 0
        descending = not descending


cdef inline void pass_own_rows(
    const storage_t* X, const Pass* task, int index, Py_ssize_t step, Py_ssize_t step_rows,
    const vec_t* coef
) noexcept nogil:
    """Step `step` of part `index`."""
    cdef Part part = part_at(task, index)
    cdef Py_ssize_t begin = part_begin(task.n_samples, task.n_parts, index) + step * step_rows
    cdef Py_ssize_t end = min(
        begin + step_rows, part_begin(task.n_samples, task.n_parts, index + 1))
    if task.column_stride != 1:
        pass_columns(X, task, begin, end, &part, coef)
    elif 1 <= task.n_features <= NARROW_REGISTERS * lanes(coef):
        pass_narrow(X, task, begin, end, &part, coef)
    else:
        pass_rows(X, task, begin, end, &part, coef)
