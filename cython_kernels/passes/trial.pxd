"""Which of the ways to tell of memory to come (sweeps/rows.pxd) is the fastest here and now.

A thread tries each on a few blocks of its rows, and goes on with the one whose best block took the
least time. All give the same bits.
"""

from cython_kernels.passes.plan cimport LEAST_BLOCKS
from cython_kernels.sweeps.rows cimport LEADS, Lead, lead_of

cdef extern from "team.h" nogil:
    double team_seconds() noexcept

cdef enum:
    TRIAL_BLOCKS = 4        # for each, one after the other

cdef struct Trial:
    Lead lead               # of the block to come
    Py_ssize_t row_bytes
    Py_ssize_t block        # its number; negative: there is nothing to try
    double began
    double fastest[LEADS]   # seconds a block


cdef inline Trial new_trial(Py_ssize_t n_blocks, Py_ssize_t row_bytes) noexcept nogil:
    cdef Trial trial
    cdef int i
    trial.block = 0 if n_blocks >= LEAST_BLOCKS else -1
    trial.row_bytes = row_bytes
    trial.lead = lead_of(0, row_bytes)
    trial.began = team_seconds()
    for i in range(LEADS):
        trial.fastest[i] = 1e30
    return trial


cdef inline void end_block(Trial* trial) noexcept nogil:
    """Note what a block took, and choose for the next."""
    cdef int index = <int>(trial.block // TRIAL_BLOCKS)
    cdef int i, best = 0
    cdef double now
    if trial.block < 0:
        return
    now = team_seconds()
    # The first block of each pays for what the last one asked for.
    if trial.block % TRIAL_BLOCKS and now - trial.began < trial.fastest[index]:
        trial.fastest[index] = now - trial.began
    trial.began = now
    trial.block += 1
    if trial.block < LEADS * TRIAL_BLOCKS:
        trial.lead = lead_of(<int>(trial.block // TRIAL_BLOCKS), trial.row_bytes)
        return
    for i in range(LEADS):
        if trial.fastest[i] < trial.fastest[best]:
            best = i
    trial.lead = lead_of(best, trial.row_bytes)
    trial.block = -1
