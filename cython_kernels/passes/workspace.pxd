"""Where a pass keeps its sums: the scratch memory that the caller allocates.

n_parts * n_coefs * n_features * 16 bytes for gradients (of which, where parts are columns, the
first part's serve all), 8 * n_features for each vector of coefficients, for centers and for units,
and what does not grow with X: buffers of one vector, or those of tiles for several.
"""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.passes.plan cimport (
    ALIGNMENT, COLUMN_TILE_ROWS, FLUSH, GUARD, MOST_TILE_ROWS, ROW_REGISTERS_BYTES, TILE_BYTES,
    TILE_LINE_PADDING, TILE_ROWS, TILES_BYTES, Z_ROWS,
)
from cython_kernels.passes.task cimport Pass
from cython_kernels.registers.vector cimport VEC32_LANES, vec64
from cython_kernels.sweeps.narrow cimport NARROW_REGISTERS

cdef struct Part:
    char* gradient_registers             # where parts are columns, one for all,
    double* gradient                     # (n_coefs, n_features), and this is the result
    double* loss                         # (n_coefs,)
    double* intercept_gradient           # (n_coefs,)
    double* z                            # (2, Z_ROWS), new and last block; tiles: (n_coefs, rows)
    double* factor                       # (Z_ROWS,), of the old block
    char* z_registers                    # one number a row in the compute type:
    char* factor_registers               # ROW_REGISTERS_BYTES; (n_coefs, TILE_ROWS) of tiles
    double* block_loss                   # (Z_ROWS,), as are
    double* y
    double* weight
    char* tile                           # short rows, or those of a tile, in the compute type
    char* end


cdef inline Py_ssize_t aligned(Py_ssize_t n_bytes) noexcept nogil:
    return (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline Py_ssize_t registers_bytes(const Pass* task) noexcept nogil:
    """One coefficient vector in registers: at most 8 bytes an element, padded to a whole one."""
    return aligned(task.n_features * sizeof(double) + ALIGNMENT)


cdef inline char* take(uintptr_t* here, Py_ssize_t n_bytes) noexcept nogil:
    """The next n_bytes of the workspace; a guard lies behind them."""
    cdef uintptr_t taken = here[0]
    here[0] += aligned(n_bytes) + GUARD
    return <char*>taken


cdef inline Py_ssize_t tile_bytes(const Pass* task) noexcept nogil:
    """What is copied of a block."""
    cdef bint narrow = task.n_features <= NARROW_REGISTERS * VEC32_LANES
    cdef Py_ssize_t line = task.n_features * sizeof(double) + TILE_LINE_PADDING
    cdef Py_ssize_t column = COLUMN_TILE_ROWS * sizeof(double) + TILE_LINE_PADDING
    if task.n_coefs == 1:
        return TILE_BYTES if narrow else 0
    return min(<Py_ssize_t>TILES_BYTES, max(
        MOST_TILE_ROWS * line, min(task.n_features, <Py_ssize_t>FLUSH) * column))


cdef inline Part part_from(const Pass* task, uintptr_t here) noexcept nogil:
    """The buffers of a part that begins here."""
    cdef Part part
    cdef Py_ssize_t values = task.n_coefs * sizeof(double)
    cdef bint one = task.n_coefs == 1
    cdef Py_ssize_t row_registers = ROW_REGISTERS_BYTES if one else TILE_ROWS * values
    part.gradient_registers = take(&here, task.n_coefs * registers_bytes(task))
    part.gradient = <double*>take(&here, task.n_features * values)
    part.loss = <double*>take(&here, values)
    part.intercept_gradient = <double*>take(&here, values)
    part.z = <double*>take(&here, (2 * Z_ROWS if one else TILE_ROWS) * values)
    part.factor = <double*>take(&here, Z_ROWS * values if one else 0)
    part.z_registers = take(&here, row_registers)
    part.factor_registers = take(&here, row_registers)
    part.block_loss = <double*>take(&here, Z_ROWS * sizeof(double))
    part.y = <double*>take(&here, Z_ROWS * sizeof(double))
    part.weight = <double*>take(&here, Z_ROWS * sizeof(double))
    part.tile = take(&here, tile_bytes(task))
    part.end = <char*>here
    return part


cdef inline Py_ssize_t part_bytes(const Pass* task) noexcept nogil:
    """What the buffers of a part take."""
    return <Py_ssize_t><uintptr_t>part_from(task, 0).end


cdef inline Py_ssize_t coef_bytes(const Pass* task) noexcept nogil:
    """What coefficients, units and shifts take in registers, with their guard."""
    return (task.n_coefs + 2) * registers_bytes(task) + GUARD


cdef inline Py_ssize_t workspace_bytes(const Pass* task) noexcept nogil:
    """Scratch memory of a pass, with room to align it."""
    return ALIGNMENT + coef_bytes(task) + task.n_parts * part_bytes(task)


cdef inline void use_workspace(Pass* task, char* workspace) noexcept nogil:
    """Lay registers (coefficients, units, shifts) and parts out in workspace_bytes() bytes."""
    task.coef_registers = workspace + (-<uintptr_t>workspace) % ALIGNMENT
    task.parts = task.coef_registers + coef_bytes(task)


cdef inline const vec64* unit_registers(const Pass* task) noexcept nogil:
    return <const vec64*>(task.coef_registers + task.n_coefs * registers_bytes(task))


cdef inline const vec64* shift_registers(const Pass* task) noexcept nogil:
    return <const vec64*>(task.coef_registers + (task.n_coefs + 1) * registers_bytes(task))


cdef inline Part part_at(const Pass* task, int index) noexcept nogil:
    """Where part `index` keeps its sums."""
    cdef Part part = part_from(task, <uintptr_t>(task.parts + index * part_bytes(task)))
    if task.plan.columns_shared:
        part.gradient_registers = task.parts
        part.gradient = task.gradient
    return part


cdef inline void clear_up_to(void* begin, void* next) noexcept nogil:
    """Zeros from the beginning of one buffer to the guard before the next."""
    memset(begin, 0, <char*>next - <char*>begin - GUARD)


cdef inline void clear_rows(Part* part) noexcept nogil:
    """What a part keeps of its blocks."""
    clear_up_to(part.z, part.factor)
    clear_up_to(part.factor, part.z_registers)
    clear_up_to(part.z_registers, part.factor_registers)
    clear_up_to(part.factor_registers, part.block_loss)
    clear_up_to(part.block_loss, part.y)
    clear_up_to(part.y, part.weight)
    clear_up_to(part.weight, part.tile)
    clear_up_to(part.tile, part.end)
