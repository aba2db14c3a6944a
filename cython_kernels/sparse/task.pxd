"""What is done with rows of a sparse X, whatever its indices and values are stored as."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t
from libc.string cimport memset

from cython_kernels.registers.storage cimport half_t
from cython_kernels.sparse.ascent cimport Ascent, ascend_rows
from cython_kernels.sparse.columns cimport Kept, count_kept, keep_entries
from cython_kernels.sparse.entries cimport Entries, entry_t, index_t, one_t, piece_begin
from cython_kernels.sparse.products cimport add_moments, add_products, add_squares
from cython_kernels.sparse.stochastic cimport LazyWalk, walk_lazily
from cython_kernels.sparse.structure cimport check_rows
from cython_kernels.sparse.sweeps cimport Sweep, sweep_rows

cdef enum:
    STEP_ENTRIES = 33554432     # of all threads together, between two looks for Ctrl-C

cdef enum Verb:
    SWEEP, CHECK, ADD_MOMENTS, ADD_SQUARES, ADD_PRODUCTS, WALK, ASCEND, COUNT, KEEP

cdef struct Task:
    Verb verb
    const Entries* X
    const Sweep* sweep
    LazyWalk* lazy
    Ascent* ascent
    const Kept* kept
    const double* row_weight    # NULL: all one
    const double* unit          # NULL: all one
    const double* mean
    double* sums                # of each part
    Py_ssize_t width            # of the sums of a part
    Py_ssize_t* places          # (n_parts, 2)


cdef inline void run_typed(
    const entry_t* values, const index_t* indices, const Task* task, int index, Py_ssize_t begin,
    Py_ssize_t end
) noexcept nogil:
    """Some rows of a part; some batches of a walk; some rows of an ascent."""
    cdef double* sums = NULL if task.sums == NULL else task.sums + index * task.width
    if task.verb == SWEEP:
        sweep_rows(values, indices, task.sweep, sums, begin, end)
    elif task.verb == ADD_MOMENTS:
        add_moments(values, indices, task.X, task.row_weight, task.unit, sums, begin, end)
    elif task.verb == ADD_SQUARES:
        add_squares(
            values, indices, task.X, task.row_weight, task.unit, task.mean, sums, begin, end)
    elif task.verb == ADD_PRODUCTS:
        add_products(values, indices, task.X, task.row_weight, sums, begin, end)
    elif task.verb == WALK:
        walk_lazily(values, indices, task.lazy, begin, end)
    elif task.verb == ASCEND:
        ascend_rows(values, indices, task.ascent, end - begin)
    elif task.verb == KEEP:
        keep_entries(values, indices, task.X, task.kept, begin, end)


cdef inline void run_indexed(
    const index_t* indices, const Task* task, int index, Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    cdef const void* values = task.X.values
    if task.verb == CHECK:
        check_rows(indices, task.X, begin, end, task.places + 2 * index)
    elif task.verb == COUNT:
        count_kept(indices, task.X, task.kept, begin, end)
    elif values == NULL:
        run_typed(<const one_t*>values, indices, task, index, begin, end)
    elif task.X.type == c"d":
        run_typed(<const double*>values, indices, task, index, begin, end)
    elif task.X.type == c"f":
        run_typed(<const float*>values, indices, task, index, begin, end)
    elif task.X.type == c"e":
        run_typed(<const half_t*>values, indices, task, index, begin, end)
    elif task.X.type == c"B":
        run_typed(<const uint8_t*>values, indices, task, index, begin, end)
    elif task.X.type == c"b":
        run_typed(<const int8_t*>values, indices, task, index, begin, end)
    else:
        run_typed(<const uint16_t*>values, indices, task, index, begin, end)


cdef inline void run(const Task* task, int index, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    if task.X.wide:
        run_indexed(<const int64_t*>task.X.indices, task, index, begin, end)
    else:
        run_indexed(<const int32_t*>task.X.indices, task, index, begin, end)


cdef inline void run_piece(
    const Task* task, int index, Py_ssize_t n_pieces, Py_ssize_t piece
) noexcept nogil:
    run(task, index, piece_begin(task.X, n_pieces, piece),
        piece_begin(task.X, n_pieces, piece + 1))


cdef inline int run_rows(const Task* task, int n_parts) except -1 nogil:
    """All rows, each part a contiguous share of them, in steps."""
    cdef Py_ssize_t n_steps = 1 + task.X.n_entries // STEP_ENTRIES
    cdef Py_ssize_t step
    cdef int index
    for step in range(n_steps):
        for index in prange(n_parts, schedule="static", chunksize=1, num_threads=n_parts,
                            use_threads_if=n_parts > 1):
            run_piece(task, index, n_parts * n_steps, index * n_steps + step)
        with gil:
            PyErr_CheckSignals()
    return 0


cdef inline Task task_of(Verb verb, const Entries* X) noexcept:
    cdef Task task
    memset(&task, 0, sizeof(Task))
    task.verb = verb
    task.X = X
    return task
