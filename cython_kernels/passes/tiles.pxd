"""A pass for several coefficient vectors: both halves of a block of rows serve all of them at once.

A block is gone along in tiles, stretches of its lines: X itself where vectors are few, else a copy
in the compute type, widened once for all vectors. What takes rows as lines takes columns as lines
in Fortran order: there the forward half adds and the backward half multiplies (sweeps/tiles.pxd).
"""

from libc.string cimport memset

from cython_kernels.passes.link_step cimport finish_block
from cython_kernels.passes.plan cimport FLUSH_ROWS, TILE_LINE_PADDING, TILE_ROWS, next_rows
from cython_kernels.passes.partition cimport Span, part_begin
from cython_kernels.passes.sums cimport clear, flush, to_registers
from cython_kernels.passes.task cimport GRADIENT, Pass
from cython_kernels.passes.workspace cimport (
    Part, part_at, registers_bytes, shift_registers, unit_registers,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    apart, fill, lanes, load_some, muladd, vec32, vec64, vec_t,
)
from cython_kernels.sweeps.tiles cimport add_lines, dot_lines, number_at

cdef struct Lines:
    const void* first
    Py_ssize_t stride       # in elements of the compute type


cdef inline bint widened(const storage_t* X, const vec_t* registers) noexcept nogil:
    """Whether X is narrower than what is computed in: only tiles are then.

    Asked before the way, so that no compiler makes the other ways of it.
    """
    if storage_t is double or vec_t is vec32:
        return False
    else:
        return True


cdef inline bint rows_are_lines(const Pass* task) noexcept nogil:
    return task.column_stride == 1


cdef inline Py_ssize_t stride_of(const vec_t* registers, const Pass* task) noexcept nogil:
    """Registers from one vector's features to the next one's."""
    return registers_bytes(task) // <Py_ssize_t>sizeof(vec_t)


cdef inline Py_ssize_t row_registers(const vec_t* registers) noexcept nogil:
    """Registers from one vector's rows to the next one's."""
    return TILE_ROWS // lanes(registers)


cdef inline void widen_line(const storage_t* line, Py_ssize_t n, vec_t* out) noexcept nogil:
    cdef Py_ssize_t whole = n // lanes(out), rest = n % lanes(out)
    cdef Py_ssize_t r
    for r in range(whole):
        load_some(line + r * lanes(out), 0, &out[r])
    if rest:
        load_some(line + whole * lanes(out), rest, &out[whole])


cdef inline void center_line(
    const Pass* task, Py_ssize_t feature, bint by_line, Py_ssize_t n, vec64* line
) noexcept nogil:
    """x unit + shift for a row from `feature` on, or (by_line) for stretches of this column."""
    cdef const vec64* units = unit_registers(task) + feature // lanes(line)
    cdef const vec64* shifts = shift_registers(task) + feature // lanes(line)
    cdef vec64 unit, shift
    cdef Py_ssize_t r
    if by_line:
        fill(task.unit[feature], &unit)
        fill((<const double*>shift_registers(task))[feature], &shift)
    for r in range((n + lanes(line) - 1) // lanes(line)):
        if by_line:
            line[r] = muladd(line[r], unit, shift)
        else:
            line[r] = muladd(line[r], units[r], shifts[r])


cdef inline Lines tile_of(
    const storage_t* X, const Pass* task, const Part* part, Py_ssize_t first, Py_ssize_t n_rows,
    Py_ssize_t feature, Py_ssize_t n_features, bint filled, vec_t* tile
) noexcept nogil:
    """The lines of n_rows rows and n_features columns; copied now, unless the tile is filled."""
    cdef bint by_rows = rows_are_lines(task)
    cdef const storage_t* stored = X + first * task.row_stride + feature * task.column_stride
    cdef Py_ssize_t stride = task.row_stride if by_rows else task.column_stride
    cdef Py_ssize_t n_lines = n_rows if by_rows else n_features
    cdef Py_ssize_t n = n_features if by_rows else n_rows
    cdef Py_ssize_t registers = (n + lanes(tile) - 1) // lanes(tile) + 1
    cdef Py_ssize_t i
    cdef Lines lines
    if task.plan.in_place:
        lines.first, lines.stride = stored, stride
        return lines
    if not filled:
        for i in range(n_lines):
            widen_line(stored + i * stride, n, tile + i * registers)
            if vec_t is vec64:
                if task.plan.moved:
                    center_line(task, feature if by_rows else feature + i, not by_rows, n,
                                tile + i * registers)
    lines.first, lines.stride = tile, registers * lanes(tile)
    return lines


cdef inline bint as_stored(
    const storage_t* X, const Pass* task, const vec_t* registers
) noexcept nogil:
    """Whether lines lie where X has them in a narrower type."""
    if storage_t is double or (storage_t is float and vec_t is vec32):
        return False
    else:
        return task.plan.in_place


cdef inline void dot_tile(
    const storage_t* X, const Pass* task, Lines lines, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* vectors, Py_ssize_t vector_stride, double* out, Py_ssize_t out_stride
) noexcept nogil:
    """out[k, i] += line i . vector k."""
    if as_stored(X, task, vectors):
        dot_lines(<const storage_t*>lines.first, lines.stride, n_lines, n, vectors, vector_stride,
                  task.n_coefs, out, out_stride)
    elif vec_t is vec32:
        dot_lines(<const float*>lines.first, lines.stride, n_lines, n, vectors, vector_stride,
                  task.n_coefs, out, out_stride)
    else:
        dot_lines(<const double*>lines.first, lines.stride, n_lines, n, vectors, vector_stride,
                  task.n_coefs, out, out_stride)


cdef inline void add_tile(
    const storage_t* X, const Pass* task, Lines lines, Py_ssize_t n_lines, Py_ssize_t n,
    const vec_t* factors, Py_ssize_t factor_stride, vec_t* target, Py_ssize_t target_stride,
    const storage_t* ahead
) noexcept nogil:
    """target[k] += sum_i factors[k, i] line i; strides are in registers.

    Meanwhile it asks for as many elements from `ahead` on, unless that is NULL.
    """
    factor_stride *= lanes(target)
    if as_stored(X, task, factors):
        add_lines(<const storage_t*>lines.first, lines.stride, n_lines, n, factors, factor_stride,
                  task.n_coefs, target, target_stride, <const char*>ahead, sizeof(storage_t))
    elif vec_t is vec32:
        add_lines(<const float*>lines.first, lines.stride, n_lines, n, factors, factor_stride,
                  task.n_coefs, target, target_stride, <const char*>ahead, sizeof(storage_t))
    else:
        add_lines(<const double*>lines.first, lines.stride, n_lines, n, factors, factor_stride,
                  task.n_coefs, target, target_stride, <const char*>ahead, sizeof(storage_t))


cdef inline void forward_columns(
    const storage_t* X, const Pass* task, Part* part, Lines lines, Py_ssize_t n_columns,
    Py_ssize_t n_rows, const vec_t* coef, vec_t* z
) noexcept nogil:
    """z += X coef for columns as lines, whose coefficients begin at the number `coef`."""
    cdef Py_ssize_t rows = row_registers(z)
    cdef Py_ssize_t k
    for k in range(task.n_coefs):
        memset(z + k * rows, 0, (n_rows // lanes(z) + 1) * sizeof(vec_t))
    add_tile(X, task, lines, n_columns, n_rows, coef, stride_of(coef, task), z, rows, NULL)
    for k in range(task.n_coefs):
        flush(z + k * rows, n_rows, part.z + k * TILE_ROWS)


cdef inline apart forward_tiles(
    const storage_t* X, const Pass* task, Part* part, Py_ssize_t first, Py_ssize_t n_rows,
    Span columns, const vec_t* coef
) noexcept nogil:
    """z = X coef for n_rows rows from `first`, over some columns."""
    cdef vec_t* tile = <vec_t*>part.tile
    cdef Py_ssize_t j = columns.begin, k, n
    cdef Lines lines
    for k in range(task.n_coefs):
        clear(part.z + k * TILE_ROWS, n_rows)
    while j < columns.end:
        n = min(task.plan.tile_columns, columns.end - j)
        lines = tile_of(X, task, part, first, n_rows, j, n, False, tile)
        if rows_are_lines(task):
            dot_tile(X, task, lines, n_rows, n, coef + j // lanes(coef), stride_of(coef, task),
                     part.z, TILE_ROWS)
        else:
            forward_columns(X, task, part, lines, n, n_rows, number_at(coef, j),
                            <vec_t*>part.z_registers)
        j += n


cdef inline apart backward_tiles(
    const storage_t* X, const Pass* task, Part* part, Py_ssize_t first, Py_ssize_t n_rows,
    Span columns, const vec_t* factor
) noexcept nogil:
    """gradient += X^T factor for the same rows and columns."""
    cdef vec_t* gradient = <vec_t*>part.gradient_registers
    cdef vec_t* tile = <vec_t*>part.tile
    cdef bint filled = columns.end - columns.begin <= task.plan.tile_columns
    cdef const storage_t* ahead = NULL
    cdef Py_ssize_t j = columns.begin, n
    cdef Lines lines
    if task.plan.ahead:
        ahead = X + first * task.row_stride + task.plan.ahead
    while j < columns.end:
        n = min(task.plan.tile_columns, columns.end - j)
        lines = tile_of(X, task, part, first, n_rows, j, n, filled, tile)
        if rows_are_lines(task):
            add_tile(X, task, lines, n_rows, n, factor, row_registers(factor),
                     gradient + j // lanes(gradient), stride_of(gradient, task), ahead)
            if ahead != NULL:
                ahead += n_rows * n
        else:
            dot_tile(X, task, lines, n, n_rows, factor, row_registers(factor), part.gradient + j,
                     task.n_features)
        j += n


cdef inline void begin_tiles(
    const Pass* task, Part* part, Span columns, vec_t* gradient
) noexcept nogil:
    """The sums of some columns to zero."""
    cdef Py_ssize_t n = columns.end - columns.begin
    cdef Py_ssize_t k
    if task.verb < GRADIENT:
        return
    for k in range(task.n_coefs):
        memset(gradient + k * stride_of(gradient, task) + columns.begin // lanes(gradient), 0,
               (n + lanes(gradient) - 1) // lanes(gradient) * sizeof(vec_t))
        clear(part.gradient + k * task.n_features + columns.begin, n)


cdef inline void flush_tiles(
    const Pass* task, Part* part, Span columns, vec_t* gradient
) noexcept nogil:
    """The registers of some columns into the float64 sums."""
    cdef Py_ssize_t k
    if task.verb < GRADIENT or not rows_are_lines(task):
        return
    for k in range(task.n_coefs):
        flush(gradient + k * stride_of(gradient, task) + columns.begin // lanes(gradient),
              columns.end - columns.begin, part.gradient + k * task.n_features + columns.begin)


cdef inline void factors_of(
    const Pass* task, const Part* part, Py_ssize_t n_rows, vec_t* factor
) noexcept nogil:
    """What has become of z into registers."""
    cdef Py_ssize_t k
    for k in range(task.n_coefs):
        to_registers(part.z + k * TILE_ROWS, n_rows, factor + k * row_registers(factor))


cdef inline void pass_tiles(
    const storage_t* X, const Pass* task, int index, Span rows, const vec_t* coef
) noexcept nogil:
    """Some rows of a part."""
    cdef Part part = part_at(task, index)
    cdef vec_t* factor = <vec_t*>part.factor_registers
    cdef vec_t* gradient = <vec_t*>part.gradient_registers
    cdef Py_ssize_t begin = part_begin(task.n_samples, task.n_parts, index)
    cdef Py_ssize_t end = part_begin(task.n_samples, task.n_parts, index + 1)
    cdef Py_ssize_t first = rows.begin, n_rows
    cdef Span columns
    columns.begin, columns.end = 0, task.n_features
    if first == begin:
        begin_tiles(task, &part, columns, gradient)
    while first < rows.end:
        n_rows = next_rows(task.plan.block_rows, first, begin, rows.end)
        forward_tiles(X, task, &part, first, n_rows, columns, coef)
        finish_block(task, &part, first, n_rows, part.z, TILE_ROWS)
        if task.verb >= GRADIENT:
            factors_of(task, &part, n_rows, factor)
            backward_tiles(X, task, &part, first, n_rows, columns, factor)
        first += n_rows
        if (first - begin) % FLUSH_ROWS == 0 or first == end:
            flush_tiles(task, &part, columns, gradient)
