"""Long vectors against a few others, which are the rows of a table: each is read once."""

from cython.parallel cimport prange

from cython_kernels.modules.views cimport out_table, out_values, table_of, values_of

cdef enum:
    BLOCK = 1024    # numbers, which stay in the nearest cache for all rows
    CHAINS = 16     # that a compiler keeps in vector registers


cdef double product_of(const double* a, const double* b, Py_ssize_t n) noexcept nogil:
    cdef double chains[CHAINS]
    cdef double result = 0
    cdef Py_ssize_t i, k, whole = n // CHAINS
    for k in range(CHAINS):
        chains[k] = 0
    for i in range(whole):
        for k in range(CHAINS):
            chains[k] += a[i * CHAINS + k] * b[i * CHAINS + k]
    for k in range(CHAINS):
        result += chains[k]
    for i in range(whole * CHAINS, n):
        result += a[i] * b[i]
    return result


cdef Py_ssize_t part_of(Py_ssize_t size, int n_parts, int index) noexcept nogil:
    """Where a part begins: at a whole number of blocks."""
    return min(size, (size + BLOCK - 1) // BLOCK * index // n_parts * BLOCK)


cdef void add_products(
    const double* table, Py_ssize_t stride, Py_ssize_t n_rows, const double* vector, double* sums,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t i, n
    while begin < end:
        n = min(<Py_ssize_t>BLOCK, end - begin)
        for i in range(n_rows):
            sums[i] += product_of(table + i * stride + begin, vector + begin, n)
        begin += n


cdef void add_rows(
    const double* table, Py_ssize_t stride, Py_ssize_t n_rows, const double* factor, double* out,
    Py_ssize_t begin, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t i, j, n
    cdef const double* row
    while begin < end:
        n = min(<Py_ssize_t>BLOCK, end - begin)
        for i in range(n_rows):
            row = table + i * stride + begin
            for j in range(n):
                out[begin + j] += factor[i] * row[j]
        begin += n


def products(const double[:, ::1] table, const double[::1] vector, double[:, ::1] sums):
    """Add the products of a vector with each row of a table to sums (n_threads, n_rows)."""
    cdef Py_ssize_t n_rows = table.shape[0], size = table.shape[1]
    cdef int n_threads = <int>sums.shape[0], part
    cdef const double* rows = table_of(table)
    cdef const double* values = values_of(vector)
    cdef double* out = out_table(sums)
    with nogil:
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            add_products(rows, size, n_rows, values, out + part * n_rows,
                         part_of(size, n_threads, part), part_of(size, n_threads, part + 1))


def combine(
    const double[:, ::1] table, const double[::1] factor, double[::1] vector, int n_threads
):
    """Add each row of a table times its factor to a vector."""
    cdef Py_ssize_t n_rows = table.shape[0], size = table.shape[1]
    cdef int part
    cdef const double* rows = table_of(table)
    cdef const double* factors = values_of(factor)
    cdef double* out = out_values(vector)
    with nogil:
        for part in prange(n_threads, schedule="static", chunksize=1, num_threads=n_threads,
                           use_threads_if=n_threads > 1):
            add_rows(rows, size, n_rows, factors, out, part_of(size, n_threads, part),
                     part_of(size, n_threads, part + 1))
