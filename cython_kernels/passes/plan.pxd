"""How a pass goes: the one place that chooses, with every threshold and every size of a buffer.

What a pass does with a block of X is its way; its threads share out the rows or, where a block of
whole rows would leave the cache or rows are too few, the columns. All is chosen once a pass.
"""

from libc.stdint cimport uint8_t

from cython_kernels.bytes.bytes cimport BYTE_ROWS, HAS_BYTE_KERNELS, MOST_COLUMNS, slices_suit
from cython_kernels.passes.partition cimport UNIT, rows_in_step
from cython_kernels.passes.task cimport (
    CENTRED_PANELS, CENTRED_ROWS, LONG_ROWS, PANELS, PRODUCT, SHORT_BYTES, SHORT_ROWS, TILES, Pass,
    Way,
)
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport VEC32_LANES, VEC64_LANES
from cython_kernels.sweeps.lines cimport CACHE_LINE, GROUP
from cython_kernels.sweeps.narrow cimport NARROW_REGISTERS, NARROW_ROWS
from cython_kernels.sweeps.tiles cimport ADD_REGISTERS, STRETCH

cdef extern from "caches.h" nogil:
    Py_ssize_t second_cache() noexcept

cdef enum:
    BLOCK_BYTES = 131072      # a block of rows: well inside L2, with room for the gradient
    PANEL_BYTES = 524288      # a panel, where parts are rows
    PANEL_ROWS = 512          # at most
    STRETCH_BYTES = 512       # of a column in it, at least: memory is slow to jump
    SHARED_STRETCH_BYTES = 2048     # of a column in a panel that leaves L2
    NEAR_BYTES = 1572864      # what one core keeps of a block: most of its L2
    MANY_FEATURES = 16 * UNIT       # of a part, before columns are worth sharing out
    MIN_BYTES = 33            # columns of uint8 that integer arithmetic serves, to MOST_COLUMNS
    LEAST_BLOCKS = 128        # of a walk by rows, for a trial of how to ask for memory
    FLUSH = 512               # additions in float32, before sums move to float64
    FLUSH_ROWS = 2048         # where groups of rows are added at once

    IN_PLACE_VECTORS = 16     # at most, that take X where it lies
    LEAST_TILE_ROWS = 8       # of a block that leaves the second cache,
    ROWS_PER_VECTOR = 2       # and for each vector, to share what is streamed of them
    MOST_TILE_ROWS = 256      # of a block that serves several vectors from tiles; in Fortran order
    COLUMN_TILE_ROWS = 512
    MOST_LINK_ROWS = 64       # that the link takes at once there
    SHARED_GRADIENT_BYTES = 67108864    # of all parts, before columns are shared out there

    MOST_ROWS = 1024          # of any block or panel
    Z_ROWS = MOST_ROWS + 16   # and a group of padding, in whole cache lines
    SINGLE_LINK_FEATURES = 1024     # at most, of rows that take hardly longer than the link
    ROW_REGISTERS_BYTES = 4 * Z_ROWS        # one number a row; in float64 panels are half as long
    ALIGNMENT = CACHE_LINE
    GUARD = 64                # bytes behind each buffer that nobody writes to, as tests see
    TILE_BYTES = NARROW_ROWS * NARROW_REGISTERS * ALIGNMENT
    TILE_ROWS = COLUMN_TILE_ROWS + 16       # of z there, with padding as above
    TILES_BYTES = 1703936     # at most: NEAR_BYTES and what pads lines
    TILE_LINE_PADDING = 2 * ALIGNMENT       # of each line, at most


cdef inline Py_ssize_t lanes_for(const storage_t* X) noexcept nogil:
    """Elements of X that a register of the compute type holds."""
    return VEC64_LANES if storage_t is double else VEC32_LANES


cdef inline bint bytes_serve(const storage_t* X, const Pass* task) noexcept nogil:
    """Whether short rows go by integer arithmetic."""
    if storage_t is uint8_t:
        if not HAS_BYTE_KERNELS or not MIN_BYTES <= task.n_features <= MOST_COLUMNS:
            return False
        return slices_suit(task.coef, task.n_features)
    else:
        return False


cdef inline bint vectors_take_turns(const storage_t* X, const Pass* task) noexcept nogil:
    """Whether several go over short rows one after the other: tiles serve longer ones better."""
    if task.softmax or task.column_stride != 1 or task.unit != NULL:
        return False
    return 1 <= task.n_features < ADD_REGISTERS * lanes_for(X)


cdef inline Way way_of(const storage_t* X, const Pass* task) noexcept nogil:
    """By how X lies in memory, and what registers hold."""
    if task.n_coefs > 1:
        return SHORT_ROWS if vectors_take_turns(X, task) else TILES
    if task.column_stride != 1:
        return PANELS if task.unit == NULL else CENTRED_PANELS
    if task.unit != NULL:
        return CENTRED_ROWS
    if not 1 <= task.n_features <= NARROW_REGISTERS * lanes_for(X):
        return LONG_ROWS
    return SHORT_BYTES if bytes_serve(X, task) else SHORT_ROWS


cdef inline bint columns_are_shared(const storage_t* X, const Pass* task) noexcept nogil:
    """Whether parts are columns: a block of whole rows would leave the cache, or rows are few."""
    cdef Way way = task.plan.way
    cdef Py_ssize_t X_bytes = task.n_samples * task.n_features * <Py_ssize_t>sizeof(storage_t)
    cdef Py_ssize_t gradient_bytes = (
        task.n_parts * task.n_coefs * task.n_features * <Py_ssize_t>sizeof(double))
    if task.n_samples == 0 or task.n_features < MANY_FEATURES * task.n_parts:
        return False
    if way != LONG_ROWS and way != PANELS and way != TILES:
        return False
    if task.n_samples < GROUP * task.n_parts:
        return True
    if way == TILES:
        return gradient_bytes > SHARED_GRADIENT_BYTES and gradient_bytes > X_bytes
    if way == PANELS:                       # an old one and a new one
        return 2 * task.n_features * STRETCH_BYTES > NEAR_BYTES
    return GROUP * task.n_features * <Py_ssize_t>sizeof(storage_t) > NEAR_BYTES


cdef inline Py_ssize_t rows_of_block(const storage_t* X, const Pass* task) noexcept nogil:
    """Rows of a block or a panel."""
    cdef Way way = task.plan.way
    cdef Py_ssize_t size = sizeof(storage_t)
    cdef Py_ssize_t row_bytes = max(1, task.n_features) * size
    if way == SHORT_ROWS:
        return NARROW_ROWS
    if way == SHORT_BYTES:
        return BYTE_ROWS
    if way == CENTRED_PANELS:
        return PANEL_ROWS
    if way == PANELS and task.plan.columns_shared:
        return min(<Py_ssize_t>MOST_ROWS, SHARED_STRETCH_BYTES // size)
    if way == PANELS:
        return max(STRETCH_BYTES // size, min(PANEL_ROWS, PANEL_BYTES // row_bytes)) // UNIT * UNIT
    if task.plan.columns_shared:
        return GROUP
    return GROUP * max(1, min(<Py_ssize_t>MOST_ROWS, BLOCK_BYTES // row_bytes) // GROUP)


cdef inline Py_ssize_t next_rows(
    Py_ssize_t block_rows, Py_ssize_t first, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    """Rows of the block from `first`, none beyond `end` or the flush that is due after `begin`."""
    return min(min(block_rows, end - first), FLUSH_ROWS - (first - begin) % FLUSH_ROWS)


cdef inline Py_ssize_t power_of_two(Py_ssize_t n) noexcept nogil:
    """The largest that is not above n >= 1."""
    cdef Py_ssize_t power = 1
    while 2 * power <= n:
        power *= 2
    return power


cdef inline bint moves(const Pass* task) noexcept nogil:
    """Whether (x - center) unit are other numbers than x."""
    cdef Py_ssize_t j
    if task.unit != NULL:
        for j in range(task.n_features):
            if task.center[j] != 0 or task.unit[j] != 1:
                return True
    return False


cdef inline bint taken_in_place(const storage_t* X, const Pass* task) noexcept nogil:
    """Whether vectors take X where it lies; what is narrower is then widened for some at a time."""
    cdef bint wide = storage_t is double or (storage_t is float and task.unit == NULL)
    if task.plan.moved or task.n_coefs > IN_PLACE_VECTORS:
        return False
    return wide or task.column_stride == 1


cdef inline Py_ssize_t near_bytes() noexcept nogil:
    """What a block of tiles may take: most of the second cache."""
    return min(<Py_ssize_t>TILES_BYTES, second_cache() // 4 * 3)


cdef inline void plan_tiles(const storage_t* X, Pass* task) noexcept nogil:
    """Sizes of blocks and tiles: the more vectors, the more rows share what they stream."""
    cdef Py_ssize_t size = sizeof(double) if task.unit != NULL or storage_t is double else 4
    cdef Py_ssize_t n_features = max(1, task.n_features)
    cdef Py_ssize_t stretch = STRETCH // size
    cdef Py_ssize_t near = near_bytes(), fitting
    task.plan.moved = moves(task)
    task.plan.in_place = taken_in_place(X, task)
    if task.plan.columns_shared:
        n_features = (n_features + task.n_parts - 1) // task.n_parts
    if task.column_stride != 1:
        task.plan.block_rows = COLUMN_TILE_ROWS
        task.plan.link_rows = MOST_LINK_ROWS
        task.plan.tile_columns = min(
            <Py_ssize_t>FLUSH, TILES_BYTES // (COLUMN_TILE_ROWS * size + TILE_LINE_PADDING))
        # Whole blocks: none is cut short that would be whole for another number of vectors.
        task.plan.step_rows = (
            (task.plan.step_rows + COLUMN_TILE_ROWS - 1) // COLUMN_TILE_ROWS * COLUMN_TILE_ROWS)
        return
    fitting = max(<Py_ssize_t>LEAST_TILE_ROWS, near // (n_features * size))
    task.plan.link_rows = power_of_two(min(fitting, <Py_ssize_t>MOST_LINK_ROWS))
    fitting = max(fitting, ROWS_PER_VECTOR * task.n_coefs)
    task.plan.block_rows = power_of_two(min(
        min(fitting, <Py_ssize_t>MOST_TILE_ROWS), near // min(n_features * size, STRETCH)))
    task.plan.tile_columns = max(1, task.n_features)
    if not task.plan.in_place:
        near = near // task.plan.block_rows - TILE_LINE_PADDING
        task.plan.tile_columns = max(stretch, near // size // stretch * stretch)
    if not task.plan.columns_shared:        # memory would lie idle while tiles are multiplied
        task.plan.ahead = task.plan.block_rows * task.row_stride


cdef inline bint z_stays_single(const Pass* task) noexcept nogil:
    """Whether z may stay in float32: it is no result, and meets no number beyond floats."""
    if task.decision != NULL or task.sample_weight != NULL or task.verb == PRODUCT:
        return False
    if task.offset != NULL or task.fold != NULL:
        return False
    return -1e30 < task.intercept[0] < 1e30


cdef inline void make_plan(const storage_t* X, Pass* task) noexcept nogil:
    """Choose how a pass goes whose fields are complete."""
    task.plan.way = way_of(X, task)
    task.plan.columns_shared = columns_are_shared(X, task)
    task.plan.step_rows = rows_in_step(
        task.n_features * sizeof(storage_t) * ((task.n_coefs + 7) // 8), task.n_parts)
    if task.plan.way == TILES:
        plan_tiles(X, task)
    else:
        task.plan.block_rows = rows_of_block(X, task)
    task.plan.single_link = (
        storage_t is not double and task.unit == NULL
        and task.n_features <= SINGLE_LINK_FEATURES)
    task.plan.single_z = task.plan.single_link and z_stays_single(task)
