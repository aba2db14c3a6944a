"""The weighted Gram product X^T diag(row_weight) X, with a column of ones for the intercept.

A panel of rows is widened, once as it is and once times row_weight, and packed: what a tile reads
lies side by side. Tiles of TILE_ROWS features by TILE_REGISTERS registers of features are then
summed over the panel in registers and added to the result in float64. Only tiles on or above the
diagonal are computed.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset

from cython_kernels.passes.partition cimport Span, rows_in_step, rows_of_step, steps_in
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport (
    fill, lanes, load_some, muladd, prefetch, value_of, vec32, vec64, vec_t,
)

cdef enum:
    TILE_ROWS = 6
    TILE_REGISTERS = 2
    PACKED_ROWS = 256
    PITCH = PACKED_ROWS + 8   # between tiles of a panel: not a multiple of what caches map alike
    FLOAT_ROWS = 128        # float32 sums no more rows than these
    ALIGNMENT = 64
    AT_ONCE = 8             # weighted rows that are packed together; divides PACKED_ROWS

cdef struct Sandwich:
    int n_parts
    Py_ssize_t n_samples
    Py_ssize_t n_features
    Py_ssize_t row_stride           # in elements
    Py_ssize_t column_stride
    const double* center            # (n_features,): features are (x - center) unit, or both
    const double* unit              # NULL: x as it is
    bint in_float64                 # compute so whatever X is stored as
    const double* row_weight        # (n_samples,)
    double* sums                    # (n_parts, padded_rows(), padded_size())
    char* panels                    # n_parts * panel_bytes(), aligned


cdef inline Py_ssize_t padded_size(Py_ssize_t n_features) noexcept nogil:
    """n_features + 1, rounded up to whole tiles of any level and precision."""
    return (n_features + 1 + 31) // 32 * 32


cdef inline Py_ssize_t tiles_of(Py_ssize_t n_columns) noexcept nogil:
    """Tiles, one above the other, that reach as far down as so many columns."""
    return (n_columns + TILE_ROWS - 1) // TILE_ROWS


cdef inline Py_ssize_t padded_rows(Py_ssize_t n_features) noexcept nogil:
    """n_features + 1, rounded up to whole tiles, and to whole registers of them."""
    return (padded_size(n_features) + TILE_ROWS + 31) // 32 * 32


cdef inline Py_ssize_t square_of(Py_ssize_t n_features) noexcept nogil:
    """Numbers that a part sums."""
    return padded_rows(n_features) * padded_size(n_features)


cdef inline Py_ssize_t panel_bytes(Py_ssize_t n_features) noexcept nogil:
    """Some rows, and two copies of a panel, in the widest compute type."""
    cdef Py_ssize_t both = padded_size(n_features) + padded_rows(n_features)
    return sizeof(double) * (AT_ONCE * padded_rows(n_features) + PITCH * both)


cdef inline Py_ssize_t sandwich_bytes(Py_ssize_t n_features, Py_ssize_t n_parts) noexcept nogil:
    """Scratch memory, with room to align it."""
    return ALIGNMENT + n_parts * (
        panel_bytes(n_features) + square_of(n_features) * sizeof(double))


cdef inline void use_sandwich_workspace(Sandwich* task, char* workspace) noexcept nogil:
    """Lay panels and sums out in sandwich_bytes() bytes."""
    task.panels = workspace + (-<uintptr_t>workspace) % ALIGNMENT
    task.sums = <double*>(task.panels + task.n_parts * panel_bytes(task.n_features))


cdef inline void store(vec_t* registers, Py_ssize_t i, double value) noexcept nogil:
    if vec_t is vec32:
        (<float*>registers)[i] = <float>value
    else:
        (<double*>registers)[i] = value


cdef inline void copy_tile(
    const vec_t* source, Py_ssize_t i, vec_t* out, Py_ssize_t j
) noexcept nogil:
    """TILE_ROWS elements, from the i-th on to the j-th on."""
    if vec_t is vec32:
        memcpy(<float*>out + j, <const float*>source + i, TILE_ROWS * sizeof(float))
    else:
        memcpy(<double*>out + j, <const double*>source + i, TILE_ROWS * sizeof(double))


cdef inline double element(const vec_t* registers, Py_ssize_t i) noexcept nogil:
    if vec_t is vec32:
        return (<const float*>registers)[i]
    else:
        return (<const double*>registers)[i]


cdef inline double feature(
    const storage_t* row, const Sandwich* task, Py_ssize_t j
) noexcept nogil:
    if task.center == NULL:
        return value_of(row[j * task.column_stride])
    return (value_of(row[j * task.column_stride]) - task.center[j]) * task.unit[j]


cdef inline void widen_row(
    const storage_t* X, const Sandwich* task, Py_ssize_t i, vec_t* row
) noexcept nogil:
    """[x, 1] of features x of a row; what is behind stays zero."""
    cdef const storage_t* x = X + i * task.row_stride
    cdef Py_ssize_t j = 0
    if task.center == NULL and task.column_stride == 1:
        while j + lanes(row) <= task.n_features:
            load_some(x + j, 0, &row[j // lanes(row)])
            j += lanes(row)
        if j < task.n_features:
            load_some(x + j, task.n_features - j, &row[j // lanes(row)])
    else:
        for j in range(task.n_features):
            store(row, j, feature(x, task, j))
    store(row, task.n_features, 1)


cdef inline Py_ssize_t column_tiles(
    Py_ssize_t n_features, const vec_t* registers
) noexcept nogil:
    """Tiles, side by side, that hold n_features + 1 columns."""
    return n_features // (TILE_REGISTERS * lanes(registers)) + 1


cdef inline void pack_plain(
    const Sandwich* task, double row_weight, Py_ssize_t i, vec_t* row, vec_t* plain
) noexcept nogil:
    """Put a row into a panel by registers, and multiply it by row_weight."""
    cdef vec_t factor, zero
    cdef Py_ssize_t b, k
    fill(row_weight, &factor)
    fill(0.0, &zero)
    for b in range(column_tiles(task.n_features, row)):
        for k in range(TILE_REGISTERS):
            plain[(b * PITCH + i) * TILE_REGISTERS + k] = row[b * TILE_REGISTERS + k]
            row[b * TILE_REGISTERS + k] = muladd(factor, row[b * TILE_REGISTERS + k], zero)


cdef inline void pack_weighted(
    const Sandwich* task, Py_ssize_t i, const vec_t* row, vec_t* weighted
) noexcept nogil:
    """Put what has become of it into another, by the rows of tiles."""
    cdef Py_ssize_t n_columns = column_tiles(task.n_features, row) * TILE_REGISTERS * lanes(row)
    cdef Py_ssize_t b
    for b in range(tiles_of(n_columns)):
        copy_tile(row, b * TILE_ROWS, weighted, (b * PITCH + i) * TILE_ROWS)


cdef inline void add_tile(
    const vec_t* plain, const vec_t* weighted, Py_ssize_t n_rows, Py_ssize_t size, double* sums
) noexcept nogil:
    """sums[a, b] += sum_i weighted[i, a] plain[i, b], for what a tile reads of some rows."""
    cdef vec_t tile[TILE_ROWS * TILE_REGISTERS]
    cdef vec_t factor
    cdef Py_ssize_t i, a, b
    for a in range(TILE_ROWS):
        prefetch(sums + a * size)
        prefetch(sums + a * size + TILE_REGISTERS * lanes(plain) - 1)
    for a in range(TILE_ROWS * TILE_REGISTERS):
        fill(0.0, &tile[a])
    for i in range(n_rows):
        for a in range(TILE_ROWS):
            fill(element(weighted, i * TILE_ROWS + a), &factor)
            for b in range(TILE_REGISTERS):
                tile[a * TILE_REGISTERS + b] = muladd(
                    factor, plain[i * TILE_REGISTERS + b], tile[a * TILE_REGISTERS + b])
    for a in range(TILE_ROWS):
        for b in range(TILE_REGISTERS * lanes(plain)):
            sums[a * size + b] += element(tile, a * TILE_REGISTERS * lanes(plain) + b)


cdef inline void add_panel(
    const vec_t* plain, const vec_t* weighted, Py_ssize_t n_features, Py_ssize_t n_rows,
    double* sums
) noexcept nogil:
    """All tiles that reach the diagonal or lie above it."""
    cdef Py_ssize_t size = padded_size(n_features)
    cdef Py_ssize_t width = lanes(plain)
    cdef Py_ssize_t tile_columns = TILE_REGISTERS * width
    cdef Py_ssize_t at_once = FLOAT_ROWS if vec_t is vec32 else PACKED_ROWS
    cdef Py_ssize_t a, b, first
    for b in range(column_tiles(n_features, plain)):
        for a in range(tiles_of((b + 1) * tile_columns)):
            first = 0
            while first < n_rows:
                add_tile(plain + (b * PITCH + first) * TILE_REGISTERS,
                         weighted + (a * PITCH + first) * TILE_ROWS // width,
                         min(n_rows - first, at_once), size,
                         sums + a * TILE_ROWS * size + b * tile_columns)
                first += at_once


cdef inline void sandwich_rows(
    const storage_t* X, const Sandwich* task, Py_ssize_t index, Span rows, vec_t* panel
) noexcept nogil:
    """Some rows of part index, panel by panel; rows without a weight take next to no time.

    Weighted rows are packed some at a time: what is read again at once, and by other addresses than
    it was written, has the processor wait.
    """
    cdef Py_ssize_t size = padded_size(task.n_features)
    cdef Py_ssize_t row_registers = padded_rows(task.n_features) // lanes(panel)
    cdef vec_t* plain = panel + AT_ONCE * row_registers
    cdef vec_t* weighted = plain + PITCH * (size // lanes(panel))
    cdef Py_ssize_t i, k, n_rows = 0, n_packed = 0
    for i in range(rows.begin, rows.end):
        if task.row_weight[i] != 0:
            k = n_rows - n_packed
            widen_row(X, task, i, panel + k * row_registers)
            pack_plain(task, task.row_weight[i], n_rows, panel + k * row_registers, plain)
            n_rows += 1
        if n_rows - n_packed == AT_ONCE or i == rows.end - 1:
            for k in range(n_rows - n_packed):
                pack_weighted(task, n_packed + k, panel + k * row_registers, weighted)
            n_packed = n_rows
        if n_rows == PACKED_ROWS or (n_rows > 0 and i == rows.end - 1):
            add_panel(plain, weighted, task.n_features, n_rows,
                      task.sums + index * square_of(task.n_features))
            n_rows = n_packed = 0


cdef inline void sandwich_part(
    const storage_t* X, const Sandwich* task, Py_ssize_t index, Span rows, bint anew
) noexcept nogil:
    """Some rows of part index, whose sums begin if anew."""
    cdef char* panel = task.panels + index * panel_bytes(task.n_features)
    cdef Py_ssize_t square = square_of(task.n_features)
    if anew:
        memset(panel, 0, AT_ONCE * padded_rows(task.n_features) * sizeof(double))
        memset(task.sums + index * square, 0, square * sizeof(double))
    if storage_t is double or task.in_float64:
        sandwich_rows(X, task, index, rows, <vec64*>panel)
    else:
        sandwich_rows(X, task, index, rows, <vec32*>panel)


cdef inline int run_sandwich(const storage_t* X, const Sandwich* task) except -1 nogil:
    """One pass; the sums of all rows end in part 0, upper triangle."""
    cdef Py_ssize_t rows = rows_in_step(
        task.n_features * task.n_features * sizeof(storage_t) // 16, task.n_parts)
    cdef Py_ssize_t square = square_of(task.n_features)
    cdef Py_ssize_t step, i
    cdef int index
    for step in range(steps_in(task.n_samples, task.n_parts, rows)):
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            sandwich_part(X, task, index, rows_of_step(
                task.n_samples, task.n_parts, index, step, rows), step == 0)
        with gil:
            PyErr_CheckSignals()
    for index in range(1, task.n_parts):
        for i in range(square):
            task.sums[i] += task.sums[index * square + i]
    return 0
