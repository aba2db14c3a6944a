"""What the machine can do at best: the two limits that benchmarks hold the kernels against.

`read` is a sum over the bytes of X and nothing else; no pass over X can take less time. `compute`
is multiply-adds between registers and nothing else. Both are compiled once per instruction-set
level, as the kernels are, and split over threads as they are.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from cython_kernels.registers.vector cimport fill, lanes, muladd, sums_of_four, vec32, vec64, vec_t

cdef enum:
    WORD = sizeof(uint64_t)
    STREAMS = 4     # read at once by a thread; more open memory pages than one stream has
    CHAINS = 12     # two units of latency 4 need 8; many more do not fit into 16 registers


cdef inline uint64_t word_at(const uint8_t* data, Py_ssize_t index) noexcept nogil:
    """The index-th word, at any alignment."""
    cdef uint64_t word
    memcpy(&word, data + index * WORD, WORD)
    return word


cdef inline uint64_t sum_words(const uint8_t* data, Py_ssize_t n_bytes) noexcept nogil:
    """The sum of the words, modulo 2^64, but for a rest of fewer than WORD * STREAMS bytes.

    Integers, because bytes taken for floats hold subnormal numbers, which are slow.
    """
    cdef Py_ssize_t n_words = n_bytes // (WORD * STREAMS)
    cdef uint64_t a = 0, b = 0, c = 0, d = 0
    cdef Py_ssize_t i
    for i in range(n_words):
        a += word_at(data, i)
        b += word_at(data, n_words + i)
        c += word_at(data, 2 * n_words + i)
        d += word_at(data, 3 * n_words + i)
    return a + b + c + d


cdef inline double run_chains(Py_ssize_t n_steps, const vec_t* kind) noexcept nogil:
    """n_steps multiply-adds in each of CHAINS registers; the argument only names the type.

    Each chain x = x / 2 + 1 has a start of its own, or a compiler could merge them.
    """
    cdef vec_t chains[CHAINS]
    cdef vec_t half, one
    cdef double sums[4]
    cdef double result = 0
    cdef Py_ssize_t _step, k
    fill(0.5, &half)
    fill(1.0, &one)
    for k in range(CHAINS):
        fill(k, &chains[k])
    for _step in range(n_steps):
        for k in range(CHAINS):
            chains[k] = muladd(chains[k], half, one)
    for k in range(CHAINS // 4):
        sums_of_four(&chains[4 * k], sums)
        result += (sums[0] + sums[1]) + (sums[2] + sums[3])
    return result


def read(const uint8_t[::1] data, int n_threads):
    """Read every byte once; return their sum as 64-bit words, modulo 2^64.

    Each thread leaves out what is left beyond whole groups of 32 bytes.
    """
    cdef Py_ssize_t n_bytes = data.shape[0]
    cdef const uint8_t* start = &data[0] if n_bytes else NULL
    cdef uint64_t result = 0
    cdef int index
    for index in prange(n_threads, nogil=True, schedule="static", chunksize=1,
                        num_threads=n_threads, use_threads_if=n_threads > 1):
        result += sum_words(start + n_bytes * index // n_threads,
                            n_bytes * (index + 1) // n_threads - n_bytes * index // n_threads)
    return result


def compute(Py_ssize_t n_steps, bint double_precision, double[::1] results):
    """Run chains of multiply-adds, one set for each entry of results, each in a thread.

    Returns the number of multiply-adds made, every lane of a register counted. results receives
    the sums, so that a compiler cannot leave the work out.
    """
    cdef int n_threads = <int>results.shape[0]
    cdef double* sums = &results[0] if n_threads else NULL
    cdef const vec32* float_kind = NULL
    cdef const vec64* double_kind = NULL
    cdef int index
    for index in prange(n_threads, nogil=True, schedule="static", chunksize=1,
                        num_threads=n_threads, use_threads_if=n_threads > 1):
        if double_precision:
            sums[index] = run_chains(n_steps, double_kind)
        else:
            sums[index] = run_chains(n_steps, float_kind)
    return n_threads * n_steps * CHAINS * (
        lanes(double_kind) if double_precision else lanes(float_kind))
