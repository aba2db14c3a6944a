"""A pass whose parts each have rows of their own: for rows that are many and not too long."""

from cython_kernels.passes.blocks cimport sweep_block, sweep_panel
from cython_kernels.passes.centred cimport pass_centred_panels, pass_centred_rows
from cython_kernels.passes.link_step cimport finish_forward, finish_group
from cython_kernels.passes.partition cimport Span, rows_of_step
from cython_kernels.passes.plan cimport FLUSH_ROWS, next_rows
from cython_kernels.passes.short_rows cimport pass_short_rows
from cython_kernels.passes.sums cimport flush_part, to_registers
from cython_kernels.passes.tiles cimport pass_tiles, widened
from cython_kernels.passes.task cimport (
    CENTRED_PANELS, CENTRED_ROWS, GRADIENT, LONG_ROWS, PANELS, TILES, Pass, Way,
)
from cython_kernels.passes.trial cimport Trial, end_block, new_trial
from cython_kernels.passes.workspace cimport Part, part_at
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport vec_t


cdef inline void flush_when_due(
    const Pass* task, Part* part, vec_t* gradient, Py_ssize_t n_added, Py_ssize_t n_done
) noexcept nogil:
    """Empty the registers of the gradient if rows were added, of FLUSH_ROWS the last."""
    if n_added > 0 and n_done % FLUSH_ROWS == 0:
        flush_part(task, part, gradient, 0, task.n_features)


cdef inline void pass_rows(
    const storage_t* X, const Pass* task, Span rows, Part* part, const vec_t* coef
) noexcept nogil:
    """Some rows of a C-ordered X.

    No block reaches over a flush, so that rows are added up alike whatever the lead.
    """
    cdef vec_t* gradient = <vec_t*>part.gradient_registers
    cdef Py_ssize_t first = rows.begin, n_old = 0, n_new
    cdef Trial trial = new_trial(
        rows.end - rows.begin, task.row_stride * sizeof(storage_t), task.plan.block_rows)
    while first < rows.end or n_old > 0:
        n_new = next_rows(trial.lead.block_rows, first, rows.begin, rows.end)
        sweep_block(X, first, n_old, n_new, 0, task.n_features, task, part, coef, part.z,
                    trial.lead)
        flush_when_due(task, part, gradient, n_old, first - rows.begin)
        finish_group(task, part, first, n_new, part.z)
        first += n_new
        n_old = n_new if task.verb >= GRADIENT else 0
        part.z, part.factor = part.factor, part.z
        if trial.lead.apart and n_old > 0:
            sweep_block(X, first, n_old, 0, 0, task.n_features, task, part, coef, part.z,
                        trial.lead)
            flush_when_due(task, part, gradient, n_old, first - rows.begin)
            n_old = 0
        end_block(&trial, n_new)
    flush_part(task, part, gradient, 0, task.n_features)


cdef inline void pass_panels(
    const storage_t* X, const Pass* task, Span rows, Part* part, vec_t* z_registers
) noexcept nogil:
    """Some rows of a Fortran-ordered X."""
    cdef Py_ssize_t first = rows.begin, n_old = 0, n_new
    while first < rows.end or n_old > 0:
        n_new = min(task.plan.block_rows, rows.end - first)
        sweep_panel(X, first, n_old, n_new, 0, task.n_features, task, part, z_registers, part.z)
        finish_forward(task, part, 0, first, n_new, part.z)
        # The old factors have served; the new ones take their place.
        to_registers(part.z, n_new, <vec_t*>part.factor_registers)
        first += n_new
        n_old = n_new if task.verb >= GRADIENT else 0


cdef inline void pass_by_rows(
    const storage_t* X, const Pass* task, int index, Py_ssize_t step, const vec_t* coef
) noexcept nogil:
    """Step `step` of part `index`."""
    cdef Part part = part_at(task, index)
    cdef Span rows = rows_of_step(
        task.n_samples, task.n_parts, index, step, task.plan.step_rows)
    cdef Way way = task.plan.way
    if widened(X, coef) or way == TILES:
        pass_tiles(X, task, index, rows, coef)
    elif way == LONG_ROWS:
        pass_rows(X, task, rows, &part, coef)
    elif way == PANELS:
        pass_panels(X, task, rows, &part, <vec_t*>part.z_registers)
    elif way == CENTRED_ROWS:
        pass_centred_rows(X, task, rows, &part)
    elif way == CENTRED_PANELS:
        pass_centred_panels(X, task, rows, &part)
    else:
        pass_short_rows(X, task, rows, &part, coef)
