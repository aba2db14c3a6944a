"""A pass whose parts share every block of rows, each with columns of its own.

So the block that must stay in the caches of all cores may be so many times wider, few rows keep
every core busy, and there is but one gradient. Between the two halves of a block the parts meet:
each adds up the decision values of all, in order, and does the link of the whole block itself.
"""

from libc.string cimport memset

from cython_kernels.passes.blocks cimport sweep_block, sweep_panel
from cython_kernels.passes.link_step cimport finish_group
from cython_kernels.passes.partition cimport Span, part_begin
from cython_kernels.passes.plan cimport FLUSH_ROWS, Z_ROWS
from cython_kernels.passes.sums cimport add_to, clear, flush_part, to_registers
from cython_kernels.passes.task cimport GRADIENT, PANELS, Pass
from cython_kernels.passes.workspace cimport Part, part_at
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t
from cython_kernels.sweeps.rows cimport lead_of

cdef extern from "team.h" nogil:
    int team_rank() noexcept
    int team_size() noexcept
    void team_wait() noexcept


cdef inline Span columns_of(const Pass* task, int index) noexcept nogil:
    cdef Span columns
    columns.begin = part_begin(task.n_features, task.n_parts, index)
    columns.end = part_begin(task.n_features, task.n_parts, index + 1)
    return columns


cdef inline void begin_columns(
    const Pass* task, Part* part, Span columns, vec_t* coef
) noexcept nogil:
    """Coefficients of a part's columns into registers, their gradient to zero."""
    cdef Py_ssize_t count = columns.end - columns.begin
    cdef Py_ssize_t padded = (count + lanes(coef) - 1) // lanes(coef)
    cdef Py_ssize_t first = columns.begin // lanes(coef)
    to_registers(task.coef + columns.begin, count, coef + first)
    if task.verb >= GRADIENT:
        memset(<vec_t*>part.gradient_registers + first, 0, padded * sizeof(vec_t))
        clear(part.gradient + columns.begin, count)


cdef inline double* z_of(const Part* part, Py_ssize_t block) noexcept nogil:
    """Where a part keeps its z of a block: not where others may still read that of the last."""
    return part.z + block % 2 * Z_ROWS


cdef inline void sweep_share(
    const storage_t* X, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    const Pass* task, Part* part, Span columns, const vec_t* coef
) noexcept nogil:
    """Both halves of a part's columns."""
    if task.plan.way == PANELS:
        sweep_panel(X, first, n_old, n_new, columns.begin, columns.end, task, part,
                    <vec_t*>part.z_registers, z_of(part, block))
    else:
        sweep_block(X, first, n_old, n_new, columns.begin, columns.end, task, part, coef,
                    z_of(part, block), lead_of(0, task.row_stride * sizeof(storage_t), n_new))


cdef inline void finish_block(
    const Pass* task, Part* part, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_new,
    vec_t* factor_registers
) noexcept nogil:
    """Add up z of all parts, and do the link."""
    cdef Part other
    cdef int index
    clear(part.factor, n_new)
    for index in range(task.n_parts):
        other = part_at(task, index)
        add_to(z_of(&other, block), n_new, part.factor)
    finish_group(task, part, first, n_new, part.factor)
    if task.plan.way == PANELS:
        to_registers(part.factor, n_new, factor_registers)


cdef inline void repeat_block(
    const Pass* task, Part* part, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_new,
    vec_t* factor_registers
) noexcept nogil:
    """finish_block where another part tells its results."""
    cdef Pass silent = task[0]
    silent.decision = NULL
    finish_block(&silent, part, block, first, n_new, factor_registers)
    clear(part.loss, 1)
    clear(part.intercept_gradient, 1)


cdef inline void sweep_shares(
    const storage_t* X, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    const Pass* task, bint flushing, vec_t* coef
) noexcept nogil:
    """sweep_share of the parts that fall to this thread."""
    cdef Span columns
    cdef Part part
    cdef int index = team_rank()
    while index < task.n_parts:
        part = part_at(task, index)
        columns = columns_of(task, index)
        if first == 0:
            begin_columns(task, &part, columns, coef)
        sweep_share(X, block, first, n_old, n_new, task, &part, columns, coef)
        if flushing and task.plan.way != PANELS:
            flush_part(task, &part, <vec_t*>part.gradient_registers, columns.begin, columns.end)
        index += team_size()


cdef inline void pass_by_columns(
    const storage_t* X, const Pass* task, Py_ssize_t step, vec_t* coef
) noexcept nogil:
    """A step, which takes the rows of all parts, by every thread of a team."""
    cdef Py_ssize_t first = step * task.plan.step_rows * task.n_parts
    cdef Py_ssize_t end = min(task.n_samples, first + task.plan.step_rows * task.n_parts)
    cdef Py_ssize_t n_old = 0, n_new, block = 0, unflushed = 0
    cdef bint flushing
    cdef Part part
    cdef int index
    while first < end or n_old > 0:
        n_new = min(task.plan.block_rows, end - first)
        unflushed += n_old
        flushing = unflushed >= FLUSH_ROWS or first + n_new >= end
        sweep_shares(X, block, first, n_old, n_new, task, flushing, coef)
        if flushing:
            unflushed = 0
        team_wait()
        index = team_rank()
        while index < task.n_parts:
            part = part_at(task, index)
            if index == 0:
                finish_block(task, &part, block, first, n_new, <vec_t*>part.factor_registers)
            elif task.verb >= GRADIENT:
                repeat_block(task, &part, block, first, n_new, <vec_t*>part.factor_registers)
            index += team_size()
        first += n_new
        block += 1
        n_old = n_new if task.verb >= GRADIENT else 0
