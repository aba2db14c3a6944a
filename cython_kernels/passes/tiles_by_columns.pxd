"""A pass for several coefficient vectors whose parts share every block, each with its own columns.

There is but one gradient: for vectors so many and long that one for each part would be more than X
itself, and for few rows. The parts meet twice a block: each adds up the decision values of all for
its share of the rows and does their link; then all go back over their columns.
"""

from cython_kernels.passes.by_columns cimport columns_of, team_rank, team_size, team_wait
from cython_kernels.passes.link_step cimport finish_block
from cython_kernels.passes.partition cimport UNIT, Span
from cython_kernels.passes.plan cimport FLUSH_ROWS, TILE_ROWS, next_rows
from cython_kernels.passes.sums cimport add_to, to_registers
from cython_kernels.passes.task cimport GRADIENT, Pass
from cython_kernels.passes.tiles cimport (
    backward_tiles, begin_tiles, flush_tiles, forward_tiles, row_registers,
)
from cython_kernels.passes.workspace cimport Part, part_at
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t


cdef inline Span link_share(const Pass* task, int index, Py_ssize_t n_rows) noexcept nogil:
    """Rows of a block whose link falls to a part, in whole registers."""
    cdef Py_ssize_t units = (n_rows + UNIT - 1) // UNIT
    cdef Span rows
    rows.begin = min(n_rows, units * index // task.n_parts * UNIT)
    rows.end = min(n_rows, units * (index + 1) // task.n_parts * UNIT)
    return rows


cdef inline void finish_share(
    const Pass* task, int index, Py_ssize_t first, Py_ssize_t n_rows, vec_t* factor
) noexcept nogil:
    """Add up z of all parts for a share of the rows, do the link, and keep the factors for all."""
    cdef Span rows = link_share(task, index, n_rows)
    cdef Py_ssize_t n = rows.end - rows.begin
    cdef Part part = part_at(task, index), other
    cdef double* z = part_at(task, 0).z + rows.begin
    cdef Py_ssize_t k
    cdef int i
    for k in range(task.n_coefs):
        for i in range(1, task.n_parts):
            other = part_at(task, i)
            add_to(other.z + k * TILE_ROWS + rows.begin, n, z + k * TILE_ROWS)
    finish_block(task, &part, first + rows.begin, n, z, TILE_ROWS)
    for k in range(task.n_coefs if n > 0 and task.verb >= GRADIENT else 0):
        to_registers(z + k * TILE_ROWS, n,
                     factor + k * row_registers(factor) + rows.begin // lanes(factor))


cdef inline void forward_shares(
    const storage_t* X, const Pass* task, Py_ssize_t first, Py_ssize_t n_rows, const vec_t* coef
) noexcept nogil:
    """Of the parts that fall to this thread."""
    cdef int index = team_rank()
    cdef Span columns
    cdef Part part
    while index < task.n_parts:
        part = part_at(task, index)
        columns = columns_of(task, index)
        if first == 0:
            begin_tiles(task, &part, columns, <vec_t*>part.gradient_registers)
        forward_tiles(X, task, &part, first, n_rows, columns, coef)
        index += team_size()


cdef inline void backward_shares(
    const storage_t* X, const Pass* task, Py_ssize_t first, Py_ssize_t n_rows, const vec_t* factor,
    bint flushing
) noexcept nogil:
    """Likewise."""
    cdef int index = team_rank()
    cdef Span columns
    cdef Part part
    while index < task.n_parts:
        part = part_at(task, index)
        columns = columns_of(task, index)
        backward_tiles(X, task, &part, first, n_rows, columns, factor)
        if flushing:
            flush_tiles(task, &part, columns, <vec_t*>part.gradient_registers)
        index += team_size()


cdef inline void pass_tiles_by_columns(
    const storage_t* X, const Pass* task, Py_ssize_t step, const vec_t* coef
) noexcept nogil:
    """A step, which takes the rows of all parts, by every thread of a team."""
    cdef vec_t* factor = <vec_t*>part_at(task, 0).factor_registers
    cdef Py_ssize_t first = step * task.plan.step_rows * task.n_parts
    cdef Py_ssize_t end = min(task.n_samples, first + task.plan.step_rows * task.n_parts)
    cdef Py_ssize_t n_rows
    cdef int index
    while first < end:
        n_rows = next_rows(task.plan.block_rows, first, 0, end)
        forward_shares(X, task, first, n_rows, coef)
        team_wait()
        index = team_rank()
        while index < task.n_parts:
            finish_share(task, index, first, n_rows, factor)
            index += team_size()
        team_wait()
        first += n_rows
        if task.verb >= GRADIENT:
            backward_shares(X, task, first - n_rows, n_rows, factor,
                            first % FLUSH_ROWS == 0 or first == task.n_samples)
