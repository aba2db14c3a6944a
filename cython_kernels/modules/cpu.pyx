"""What this machine and this build can do. The one kernel compiled without architecture flags."""

cdef extern from "cpu.h" nogil:
    int cpu_level() noexcept

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define OPENMP_VERSION _OPENMP
    #else
    #define OPENMP_VERSION 0
    #define omp_get_max_threads() 1
    #endif
    #if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9
    #define end_waiting_threads() (omp_pause_resource_all(omp_pause_soft) == 0)
    #else
    #define end_waiting_threads() 0
    #endif
    #if defined(__clang__)
    #define COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define COMPILER "gcc " __VERSION__
    #elif defined(_MSC_VER)
    #define COMPILER "msvc"
    #else
    #define COMPILER "unknown"
    #endif
    """
    const int OPENMP_VERSION
    const char* COMPILER
    int omp_get_max_threads() noexcept nogil
    bint end_waiting_threads() noexcept nogil


def supported_levels():
    """The levels this processor can run, from the least to the best."""
    return ("baseline", "avx2", "avx512")[:cpu_level() + 1]


def openmp_version():
    """The date of the OpenMP standard built with, as an integer; 0 without OpenMP."""
    return OPENMP_VERSION


def openmp_threads():
    """How many threads OpenMP would use by itself (OMP_NUM_THREADS, or what a caller set)."""
    return omp_get_max_threads()


def end_team():
    """End the OpenMP threads that wait for this thread's next work; whether that could be done.

    The next parallel region starts new ones.
    """
    return end_waiting_threads()


def compiler():
    """The compiler's name and version."""
    return COMPILER.decode("ascii").strip()
