"""The weighted Gram product X^T diag(row_weight) X, with a column of ones for the intercept.

A panel of rows is widened, once as it is and once times row_weight, and packed: what a tile reads
lies side by side. Tiles of TILE_ROWS features by TILE_REGISTERS registers of features are then
summed over the panel in registers and added to the result in float64. Only tiles on or above the
diagonal are computed.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport uintptr_t
from libc.string cimport memset

from cython_kernels.passes.partition cimport Span, rows_in_step, rows_of_step, steps_in
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport fill, lanes, muladd, value_of, vec32, vec64, vec_t

cdef enum:
    TILE_ROWS = 6
    TILE_REGISTERS = 2
    PACKED_ROWS = 256
    FLOAT_ROWS = 128        # float32 sums no more rows than these
    ALIGNMENT = 64

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


cdef inline Py_ssize_t padded_rows(Py_ssize_t n_features) noexcept nogil:
    """n_features + 1, rounded up to whole tiles, and to whole registers of them."""
    return (padded_size(n_features) + TILE_ROWS + 31) // 32 * 32


cdef inline Py_ssize_t square_of(Py_ssize_t n_features) noexcept nogil:
    """Numbers that a part sums."""
    return padded_rows(n_features) * padded_size(n_features)


cdef inline Py_ssize_t panel_bytes(Py_ssize_t n_features) noexcept nogil:
    """Two copies of a panel in the widest compute type."""
    return sizeof(double) * PACKED_ROWS * (padded_size(n_features) + padded_rows(n_features))


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


cdef inline Py_ssize_t packed(Py_ssize_t i, Py_ssize_t j, Py_ssize_t width) noexcept nogil:
    """Where element j of row i lies in a panel of tiles so wide."""
    return j // width * width * PACKED_ROWS + i * width + j % width


cdef inline void widen_rows(
    const storage_t* X, const Sandwich* task, Py_ssize_t first, Py_ssize_t n_rows,
    vec_t* plain, vec_t* weighted
) noexcept nogil:
    """Fill a panel: [x, 1] and row_weight [x, 1] of features x; the padding stays zero."""
    cdef Py_ssize_t width = TILE_REGISTERS * lanes(plain)
    cdef Py_ssize_t i, j, k, at
    cdef const storage_t* row
    for i in range(n_rows):
        row = X + (first + i) * task.row_stride
        j = 0
        while j < task.n_features:
            at = packed(i, j, width)
            for k in range(min(width, task.n_features - j)):
                store(plain, at + k, feature(row, task, j + k))
            j += width
        store(plain, packed(i, task.n_features, width), 1)
        at, k = i * TILE_ROWS, 0
        for j in range(task.n_features + 1):
            store(weighted, at + k,
                  task.row_weight[first + i] * element(plain, packed(i, j, width)))
            k += 1
            if k == TILE_ROWS:
                at, k = at + TILE_ROWS * PACKED_ROWS, 0


cdef inline void add_tile(
    const vec_t* plain, const vec_t* weighted, Py_ssize_t n_rows, Py_ssize_t size, double* sums
) noexcept nogil:
    """sums[a, b] += sum_i weighted[i, a] plain[i, b], for what a tile reads of some rows."""
    cdef vec_t tile[TILE_ROWS * TILE_REGISTERS]
    cdef vec_t factor
    cdef Py_ssize_t i, a, b
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
    const vec_t* plain, const vec_t* weighted, Py_ssize_t size, Py_ssize_t n_rows, double* sums
) noexcept nogil:
    """All tiles that reach the diagonal or lie above it."""
    cdef Py_ssize_t width = lanes(plain)
    cdef Py_ssize_t tile_columns = TILE_REGISTERS * width
    cdef Py_ssize_t a, b, first
    for b in range(size // tile_columns):
        for a in range(((b + 1) * tile_columns + TILE_ROWS - 1) // TILE_ROWS):
            first = 0
            while first < n_rows:
                add_tile(plain + (b * PACKED_ROWS + first) * TILE_REGISTERS,
                         weighted + (a * PACKED_ROWS + first) * TILE_ROWS // width,
                         min(n_rows - first, <Py_ssize_t>FLOAT_ROWS), size,
                         sums + a * TILE_ROWS * size + b * tile_columns)
                first += FLOAT_ROWS


cdef inline void sandwich_rows(
    const storage_t* X, const Sandwich* task, Py_ssize_t index, Span rows, vec_t* panel
) noexcept nogil:
    """Some rows of part index, panel by panel."""
    cdef Py_ssize_t size = padded_size(task.n_features)
    cdef vec_t* weighted = panel + PACKED_ROWS * (size // lanes(panel))
    cdef Py_ssize_t first = rows.begin, n_rows
    while first < rows.end:
        n_rows = min(<Py_ssize_t>PACKED_ROWS, rows.end - first)
        widen_rows(X, task, first, n_rows, panel, weighted)
        add_panel(panel, weighted, size, n_rows, task.sums + index * square_of(task.n_features))
        first += n_rows


cdef inline void sandwich_part(
    const storage_t* X, const Sandwich* task, Py_ssize_t index, Span rows
) noexcept nogil:
    cdef char* panel = task.panels + index * panel_bytes(task.n_features)
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
    for index in prange(task.n_parts, schedule="static", chunksize=1,
                        num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
        memset(task.panels + index * panel_bytes(task.n_features), 0, panel_bytes(task.n_features))
        memset(task.sums + index * square, 0, square * sizeof(double))
    for step in range(steps_in(task.n_samples, task.n_parts, rows)):
        for index in prange(task.n_parts, schedule="static", chunksize=1,
                            num_threads=task.n_parts, use_threads_if=task.n_parts > 1):
            sandwich_part(X, task, index, rows_of_step(
                task.n_samples, task.n_parts, index, step, rows))
        with gil:
            PyErr_CheckSignals()
    for index in range(1, task.n_parts):
        for i in range(square):
            task.sums[i] += task.sums[index * square + i]
    return 0
