"""How the rows of X are split over threads, and how often a pass looks up for signals.

Rows are split statically into n_parts contiguous parts, one a thread. The parts are walked in
steps, side by side, so that Ctrl-C is seen between two steps.
"""

cdef enum:
    UNIT = 64                 # rows; a whole number of groups and of registers
    STEP_BYTES = 268435456    # of all parts together: some 10 ms of memory traffic

cdef struct Span:
    Py_ssize_t begin
    Py_ssize_t end


cdef inline Py_ssize_t part_begin(
    Py_ssize_t n_samples, Py_ssize_t n_parts, Py_ssize_t index
) noexcept nogil:
    """The first row of a part: a multiple of UNIT, unless that would leave some without work."""
    cdef Py_ssize_t unit = UNIT if n_samples >= 16 * UNIT * n_parts else 1
    cdef Py_ssize_t units = (n_samples + unit - 1) // unit
    return min(n_samples, units * index // n_parts * unit)


cdef inline Py_ssize_t rows_in_step(Py_ssize_t row_bytes, Py_ssize_t n_parts) noexcept nogil:
    """Rows of each part that one step takes."""
    return max(1, STEP_BYTES // max(1, row_bytes) // n_parts // UNIT) * UNIT


cdef inline Py_ssize_t steps_in(
    Py_ssize_t n_samples, Py_ssize_t n_parts, Py_ssize_t step_rows
) noexcept nogil:
    """Steps until the longest part is done: one at least, in which sums begin."""
    cdef Py_ssize_t longest = min(n_samples, n_samples // n_parts + 2 * UNIT)
    return max(1, (longest + step_rows - 1) // step_rows)


cdef inline Span rows_of_step(
    Py_ssize_t n_samples, Py_ssize_t n_parts, Py_ssize_t index, Py_ssize_t step,
    Py_ssize_t step_rows
) noexcept nogil:
    """What a step takes of a part; nothing, where begin >= end."""
    cdef Span rows
    rows.begin = part_begin(n_samples, n_parts, index) + step * step_rows
    rows.end = min(rows.begin + step_rows, part_begin(n_samples, n_parts, index + 1))
    return rows
