"""A pass whose parts each have rows of their own: for rows that are many and not too long."""

from cython_kernels.passes.blocks cimport sweep_block, sweep_panel
from cython_kernels.sweeps.lines cimport GROUP
from cython_kernels.sweeps.narrow cimport NARROW_REGISTERS
from cython_kernels.passes.partition cimport UNIT, part_begin
from cython_kernels.passes.passes cimport (
    FLUSH, GRADIENT, NEAR_STRETCH_BYTES, ROW_REGISTERS_BYTES, Z_ROWS, Part, Pass, add_intercept,
    finish_forward, flush_part, part_at, to_registers,
)
from cython_kernels.passes.short_rows cimport pass_short_rows
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t

cdef enum:
    BLOCK_BYTES = 131072      # a block of rows: well inside L2, with room for the gradient
    BLOCK_ROWS = 256          # of short rows: enough to vectorise the link
    PANEL_BYTES = 524288      # a block of a Fortran-ordered X
    PANEL_ROWS = 512          # at most most_panel_rows of every type


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


cdef inline void pass_columns(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, Part* part,
    const vec_t* kind
) noexcept nogil:
    """Rows begin to end of a Fortran-ordered X, in panels; kind only names the type."""
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * sizeof(storage_t)
    cdef Py_ssize_t panel_rows = UNIT * (max(
        <Py_ssize_t>NEAR_STRETCH_BYTES // <Py_ssize_t>sizeof(storage_t),
        min(PANEL_ROWS, PANEL_BYTES // row_bytes)) // UNIT)
    cdef Py_ssize_t registers = ROW_REGISTERS_BYTES // sizeof(vec_t)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, k
    cdef bint descending = False
    while first < end or n_old > 0:
        n_new = min(panel_rows, end - first)
        for k in range(task.n_coefs):
            sweep_panel(X, first, n_old, n_new, 0, task.n_features, task, part, k, kind, part.z,
                        descending, True)
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
        pass_short_rows(X, task, begin, end, &part, coef)
    else:
        pass_rows(X, task, begin, end, &part, coef)
