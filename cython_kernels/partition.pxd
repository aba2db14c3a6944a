"""How the rows of X are split over threads, and how often a pass looks up for signals.

Rows are split statically into n_parts contiguous parts of whole groups, one a thread. The parts
are walked in steps, side by side, so that Ctrl-C is seen between two steps.
"""

from cython_kernels.rows cimport GROUP, groups_in

cdef enum:
    STEP_BYTES = 268435456    # of all parts together: some 10 ms of memory traffic


cdef inline Py_ssize_t part_begin(
    Py_ssize_t n_samples, Py_ssize_t n_parts, Py_ssize_t index
) noexcept nogil:
    """The first row of a part."""
    return min(n_samples, groups_in(n_samples) * index // n_parts * GROUP)


cdef inline Py_ssize_t rows_in_step(Py_ssize_t row_bytes, Py_ssize_t n_parts) noexcept nogil:
    """Rows of each part that one step takes."""
    return max(1, STEP_BYTES // max(1, row_bytes) // n_parts // GROUP) * GROUP


cdef inline Py_ssize_t steps_in(
    Py_ssize_t n_samples, Py_ssize_t n_parts, Py_ssize_t step_rows
) noexcept nogil:
    """Steps until the longest part is done."""
    cdef Py_ssize_t longest = (groups_in(n_samples) + n_parts - 1) // n_parts * GROUP
    return (longest + step_rows - 1) // step_rows
