"""A pass whose parts share every block of rows, each with columns of its own.

So the block that must stay in the caches of all cores may be so many times wider, few rows keep
every core busy, and there is but one gradient. Between the two halves of a block the parts meet:
each adds up the decision values of all, in order, and does the link of the whole block itself.

Every other block is walked backwards, from the columns that the last one left in cache.

Rows so long that even a share of GROUP of them leaves the nearer caches come a second time from
the last one; where that cannot keep them either, a block of many is read twice. Tiles of columns
see to it that coefficients and gradient stay near for all rows of a block.
"""

from libc.string cimport memset

from cython_kernels.passes.blocks cimport sweep_block, sweep_panel
from cython_kernels.sweeps.lines cimport GROUP
from cython_kernels.passes.partition cimport part_begin
from cython_kernels.passes.passes cimport (
    FAR_BYTES, FLUSH, GRADIENT, MAX_ROWS, NEAR_BYTES, ROW_REGISTERS_BYTES, Z_ROWS, Part, Pass,
    add_intercept, add_to, clear, finish_forward, flush_part, most_panel_rows, part_at,
    registers_bytes, to_registers,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport lanes, vec_t

cdef extern from "team.h" nogil:
    int team_rank() noexcept
    int team_size() noexcept
    void team_wait() noexcept

cdef enum:
    TILE = 16384              # columns
    LONG_STRETCH = 2048       # bytes of a column in a panel that leaves L2
    SHORT_STRETCH = 512


cdef inline void begin_columns(
    const Pass* task, Part* part, Py_ssize_t begin, Py_ssize_t end, vec_t* coef
) noexcept nogil:
    """Coefficients of columns begin to end into registers, their gradient to zero."""
    cdef Py_ssize_t registers = registers_bytes(task) // sizeof(vec_t)
    cdef Py_ssize_t padded = (end - begin + lanes(coef) - 1) // lanes(coef)
    cdef Py_ssize_t k
    for k in range(task.n_coefs):
        to_registers(task.coef + k * task.n_features + begin, end - begin,
                     coef + k * registers + begin // lanes(coef))
        if task.kind >= GRADIENT:
            memset(<vec_t*>part.gradient_registers + k * registers + begin // lanes(coef), 0,
                   padded * sizeof(vec_t))
            clear(part.gradient + k * task.n_features + begin, end - begin)


cdef inline Py_ssize_t panel_rows(const storage_t* kind, const Pass* task) noexcept nogil:
    """Rows of a panel: long stretches of columns, but such as the last cache keeps, if it can.

    Where these would be too short, as many as there is room for: X is rather read twice than at a
    walking pace.
    """
    cdef Py_ssize_t stretch = FAR_BYTES // task.n_features // SHORT_STRETCH * SHORT_STRETCH
    cdef Py_ssize_t most = most_panel_rows(kind)
    if stretch < 3 * SHORT_STRETCH:
        return most
    return min(most, min(stretch, LONG_STRETCH) // <Py_ssize_t>sizeof(storage_t))


cdef inline Py_ssize_t shared_rows(
    const storage_t* kind, const Pass* task
) noexcept nogil:
    """Rows of a block: which stay near, or at least in the last cache, or else MAX_ROWS."""
    cdef Py_ssize_t share = max(1, task.n_features * <Py_ssize_t>sizeof(storage_t) // task.n_parts)
    cdef Py_ssize_t near = NEAR_BYTES // share
    cdef Py_ssize_t far
    if task.column_stride != 1:
        return panel_rows(kind, task)
    if near >= GROUP:
        return GROUP
    far = FAR_BYTES // (task.n_features * <Py_ssize_t>sizeof(storage_t)) // GROUP * GROUP
    return far if far > 0 else MAX_ROWS


cdef inline double* z_of(const Pass* task, const Part* part, Py_ssize_t block) noexcept nogil:
    """Where a part keeps its z of a block: not where others may still read that of the last."""
    return part.z + block % 2 * task.n_coefs * Z_ROWS


cdef inline void sweep_share(
    const storage_t* X, Py_ssize_t first, Py_ssize_t n_old, Py_ssize_t n_new,
    Py_ssize_t begin, Py_ssize_t end, const Pass* task, Part* part, const vec_t* coef, double* z,
    bint descending
) noexcept nogil:
    """Both halves of columns begin to end."""
    cdef Py_ssize_t tiles = (end - begin + TILE - 1) // TILE
    cdef Py_ssize_t k, i, tile
    for k in range(task.n_coefs):
        if task.column_stride != 1:
            sweep_panel(X, first, n_old, n_new, begin, end, task, part, k, coef, z + k * Z_ROWS,
                        descending, False)
            continue
        clear(z + k * Z_ROWS, n_new)
        for i in range(tiles):
            tile = begin + TILE * (tiles - 1 - i if descending else i)
            sweep_block(X, first, n_old, n_new, tile, min(end, tile + TILE), task, part, k, coef,
                        part.block_loss)
            add_to(part.block_loss, n_new, z + k * Z_ROWS)


cdef inline void finish_block(
    const Pass* task, Part* part, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_new,
    const vec_t* coef
) noexcept nogil:
    """Add up z of all parts, and do the link."""
    cdef Py_ssize_t registers = ROW_REGISTERS_BYTES // sizeof(vec_t)
    cdef Part other
    cdef Py_ssize_t k
    cdef double* factor
    cdef int index
    for k in range(task.n_coefs):
        factor = part.factor + k * Z_ROWS
        clear(factor, n_new)
        for index in range(task.n_parts):
            other = part_at(task, index)
            add_to(z_of(task, &other, block) + k * Z_ROWS, n_new, factor)
        add_intercept(task, k, factor, n_new)
        finish_forward(task, part, k, first, n_new, factor)
        if task.column_stride != 1:
            to_registers(factor, n_new, <vec_t*>part.factor_registers + k * registers)


cdef inline void repeat_block(
    const Pass* task, Part* part, Py_ssize_t block, Py_ssize_t first, Py_ssize_t n_new,
    const vec_t* coef
) noexcept nogil:
    """finish_block where another part tells its results."""
    cdef Pass silent = task[0]
    silent.decision = NULL
    finish_block(&silent, part, block, first, n_new, coef)
    clear(part.loss, task.n_coefs)
    clear(part.intercept_gradient, task.n_coefs)


cdef inline void pass_own_columns(
    const storage_t* X, const Pass* task, Py_ssize_t begin, Py_ssize_t end, vec_t* coef
) noexcept nogil:
    """Rows begin to end, by every thread of a team, each for the parts that fall to it."""
    cdef Py_ssize_t block_rows = shared_rows(X, task)
    cdef Py_ssize_t first = begin, n_old = 0, n_new, block = 0, unflushed = 0
    cdef Py_ssize_t left, right
    cdef bint flushing
    cdef Part part
    cdef int index
    while first < end or n_old > 0:
        n_new = min(block_rows, end - first)
        unflushed += n_old
        flushing = unflushed >= FLUSH * GROUP or first + n_new >= end
        index = team_rank()
        while index < task.n_parts:
            part = part_at(task, index)
            left = part_begin(task.n_features, task.n_parts, index)
            right = part_begin(task.n_features, task.n_parts, index + 1)
            if first == 0:
                begin_columns(task, &part, left, right, coef)
            sweep_share(X, first, n_old, n_new, left, right, task, &part, coef,
                        z_of(task, &part, block), block % 2)
            if flushing and task.column_stride == 1:
                flush_part(task, &part, <vec_t*>part.gradient_registers, left, right)
            index += team_size()
        if flushing:
            unflushed = 0
        team_wait()
        index = team_rank()
        while index < task.n_parts:
            part = part_at(task, index)
            if index == 0:
                finish_block(task, &part, block, first, n_new, coef)
            elif task.kind >= GRADIENT:
                repeat_block(task, &part, block, first, n_new, coef)
            index += team_size()
        first += n_new
        block += 1
        n_old = n_new if task.kind >= GRADIENT else 0
