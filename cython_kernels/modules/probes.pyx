"""What the machine can do at best: the two limits that benchmarks hold the kernels against.

`read` is a sum over the bytes of X and nothing else; no pass over X can take less time. `compute`
is multiply-adds between registers and nothing else. `sweep` goes through long rows in one of the
ways among which a pass chooses by time. All are compiled once per instruction-set level, as the
kernels are; the limits are split over threads as they are.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from cython_kernels.modules.views cimport Stored, stored
from cython_kernels.passes.sums cimport flush, to_registers
from cython_kernels.registers.storage cimport storage_t
from cython_kernels.registers.vector cimport fill, lanes, muladd, sums_of_four, vec32, vec64, vec_t
from cython_kernels.sweeps.rows cimport Lead, lead_of, sweep_rows

cdef enum:
    WORD = sizeof(uint64_t)
    STREAMS = 4     # read at once by a thread; more open memory pages than one stream has
    CHAINS = 12     # two units of latency 4 need 8; many more do not fit into 16 registers
    ALIGNMENT = 64


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


cdef inline void sweep_blocks(
    const storage_t* X, const Stored* rows, int index, Py_ssize_t block_rows, const double* coef,
    const double* factor, double* z, double* gradient, vec_t* coef_registers,
    vec_t* gradient_registers
) noexcept nogil:
    """Block after block, as passes/by_rows.pxd does, without a link between the halves."""
    cdef Py_ssize_t d = rows.n_features, stride = rows.row_stride, first = 0, n_old = 0, n_new
    cdef Lead lead = lead_of(index, stride * sizeof(storage_t), block_rows)
    to_registers(coef, d, coef_registers)
    memset(gradient_registers, 0, (d // lanes(coef_registers) + 1) * sizeof(vec_t))
    while first < rows.n_samples or n_old > 0:
        n_new = min(lead.block_rows, rows.n_samples - first)
        sweep_rows(X + (first - n_old) * stride, n_old, factor + first - n_old,
                   gradient_registers, X + first * stride, n_new, coef_registers,
                   z + first, stride, d, lead)
        first += n_new
        n_old = n_new
        if lead.apart:
            sweep_rows(X + (first - n_old) * stride, n_old, factor + first - n_old,
                       gradient_registers, X + first * stride, 0, coef_registers, z + first,
                       stride, d, lead)
            n_old = 0
    flush(gradient_registers, d, gradient)


def sweep(
    object X, int lead, Py_ssize_t block_rows, const double[::1] coef, const double[::1] factor,
    double[::1] z, double[::1] gradient, char[::1] workspace,
):
    """z = X coef and gradient += X^T factor in way `lead` of sweeps/rows.pxd, by one thread.

    X is float64, float32 or uint8 in C order; its blocks are those of a pass that plans for
    block_rows. z and factor have four elements more than X rows, zeros in factor. workspace is of
    16 * (n_features + 32) bytes.
    """
    cdef Stored rows = stored(X)
    cdef char* first = &workspace[0] + (-<uintptr_t>&workspace[0]) % ALIGNMENT
    cdef char* second = first + (8 * rows.n_features // ALIGNMENT + 2) * ALIGNMENT
    with nogil:
        if rows.type == c"d":
            sweep_blocks(<const double*>rows.elements, &rows, lead, block_rows, &coef[0],
                         &factor[0], &z[0], &gradient[0], <vec64*>first, <vec64*>second)
        elif rows.type == c"f":
            sweep_blocks(<const float*>rows.elements, &rows, lead, block_rows, &coef[0],
                         &factor[0], &z[0], &gradient[0], <vec32*>first, <vec32*>second)
        else:
            sweep_blocks(<const uint8_t*>rows.elements, &rows, lead, block_rows, &coef[0],
                         &factor[0], &z[0], &gradient[0], <vec32*>first, <vec32*>second)
