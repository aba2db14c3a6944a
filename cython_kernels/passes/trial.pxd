"""Which of the ways to tell of memory to come (sweeps/rows.pxd) is the fastest here and now.

A thread tries each on a few blocks of its rows, and goes on with the one whose blocks took the
least time, but for the slowest of each, which may have been interrupted. All give the same bits.
"""

from cython_kernels.passes.plan cimport LEAST_BLOCKS
from cython_kernels.sweeps.rows cimport LEADS, Lead, lead_of

cdef extern from "team.h" nogil:
    double team_seconds() noexcept

cdef enum:
    TRIAL_BLOCKS = 8        # for each, one after the other

cdef struct Trial:
    Lead lead               # of the block to come
    Py_ssize_t row_bytes
    Py_ssize_t block_rows
    Py_ssize_t block        # its number; negative: there is nothing to try
    double began
    double seconds[LEADS]   # a row, of all blocks together,
    double slowest[LEADS]   # and of one


cdef inline Lead nth_lead(const Trial* trial, int index) noexcept nogil:
    return lead_of(index, trial.row_bytes, trial.block_rows)


cdef inline Trial new_trial(
    Py_ssize_t n_rows, Py_ssize_t row_bytes, Py_ssize_t block_rows
) noexcept nogil:
    cdef Trial trial
    cdef int i
    trial.block = 0 if n_rows // block_rows >= LEAST_BLOCKS else -1
    trial.row_bytes = row_bytes
    trial.block_rows = block_rows
    trial.lead = nth_lead(&trial, 0)
    trial.began = team_seconds()
    for i in range(LEADS):
        trial.seconds[i] = 0
        trial.slowest[i] = 0
    return trial


cdef inline void end_block(Trial* trial, Py_ssize_t n_rows) noexcept nogil:
    """Note what a block of n_rows took, and choose for the next."""
    cdef int index = <int>(trial.block // TRIAL_BLOCKS)
    cdef int i, best = 0
    cdef double now, seconds
    if trial.block < 0:
        return
    now = team_seconds()
    # The first block of each pays for what the last one asked for.
    if trial.block % TRIAL_BLOCKS:
        seconds = (now - trial.began) / n_rows
        trial.seconds[index] += seconds
        trial.slowest[index] = max(trial.slowest[index], seconds)
    trial.began = now
    trial.block += 1
    if trial.block < LEADS * TRIAL_BLOCKS:
        trial.lead = nth_lead(trial, <int>(trial.block // TRIAL_BLOCKS))
        return
    for i in range(LEADS):
        trial.seconds[i] -= trial.slowest[i]
        if trial.seconds[i] < trial.seconds[best]:
            best = i
    trial.lead = nth_lead(trial, best)
    trial.block = -1
