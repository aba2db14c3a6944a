"""Build the kernels: each module of cython_kernels/ once per instruction-set level.

The rest of the metadata is in pyproject.toml. Environment variables:

FUSEDLOGIT_DEBUG=1      bounds checks on, no optimisation
FUSEDLOGIT_OPENMP=0     build without threads (detected otherwise)
FUSEDLOGIT_SANITIZE=..  e.g. "address,undefined", given to -fsanitize
FUSEDLOGIT_LEVELS=..    levels to build, e.g. "avx2,baseline" (all that the machine's kind has)
"""

import os
import platform
import shlex
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

KERNELS = ("link", "dense", "loops", "coordinate", "patches", "probes")
SOURCES = "cython_kernels"
DEBUG = os.environ.get("FUSEDLOGIT_DEBUG", "0") == "1"
SANITIZE = os.environ.get("FUSEDLOGIT_SANITIZE", "")
LEVELS = [level for level in os.environ.get("FUSEDLOGIT_LEVELS", "").split(",") if level]

# cythonize compares times only, so each kind of build has C files of its own.
C_FILES = "build/cython-debug" if DEBUG else "build/cython"

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "embedsignature": True,
    # Modules keep no state, and kernels write only to what their caller allocated.
    "freethreading_compatible": True,
}

# No -ffast-math, nor any flag of it that touches NaN or the order of a sum: the kernels spell out
# their parallel sums. These two only say that nobody reads errno or the exception flags.
UNIX_FLAGS = ["-O1" if DEBUG else "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"]

# The kernels are compiled once for each constant they are called with. GCC stops doing so when a
# file has grown by 40%, silently and anywhere, so that a change in one kernel could make another
# three times slower. Clang takes these flags and ignores them.
UNIX_FLAGS += [
    "--param=inline-unit-growth=500",
    "--param=large-function-growth=5000",
    "--param=ipa-cp-unit-growth=500",
]
MSVC_FLAGS = ["/Od" if DEBUG else "/O2"]

X86_LEVELS = {
    "baseline": ([], []),
    "avx2": (["-mavx2", "-mfma", "-mf16c"], ["/arch:AVX2"]),
    "avx512": (
        ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mfma", "-mf16c",
         "-mprefer-vector-width=512"],
        ["/arch:AVX512"],
    ),
}  # fmt: skip


def levels():
    """The instruction-set levels to build, each with its flags for Unix compilers and MSVC."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"} and sys.platform != "darwin"
    known = X86_LEVELS if x86 else {"baseline": ([], [])}
    unknown = set(LEVELS) - set(known)
    if unknown:
        sys.exit(f"FUSEDLOGIT_LEVELS={','.join(LEVELS)}: this machine has {', '.join(known)}")
    return {level: known[level] for level in LEVELS or known}


def extensions():
    """One extension module per kernel and level, and the detector that chooses among them."""
    found = cythonize(
        [Extension("fusedlogit._kernels.cpu", [f"{SOURCES}/modules/cpu.pyx"])],
        build_dir=C_FILES,
        include_path=["."],
        compiler_directives=DIRECTIVES,
    )
    for level, flags in levels().items():
        modules = cythonize(
            [
                Extension(
                    f"fusedlogit._kernels.{level}.{kernel}",
                    [f"{SOURCES}/modules/{kernel}.pyx"],
                )
                for kernel in KERNELS
            ],
            build_dir=f"{C_FILES}/{level}",
            include_path=["."],
            compiler_directives=DIRECTIVES,
        )
        for module in modules:
            module.level_flags = flags
        found += modules
    return found


class BuildKernels(build_ext):
    """build_ext that adds the flags of the compiler at hand, and OpenMP where it is there."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        compile_flags = list(MSVC_FLAGS if msvc else UNIX_FLAGS)
        link_flags = []
        if SANITIZE and not msvc:
            compile_flags += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g1"]
            link_flags += [f"-fsanitize={SANITIZE}"]
        openmp = ["/openmp"] if msvc else ["-fopenmp"]
        if self.has_openmp(openmp):
            compile_flags += openmp
            link_flags += [] if msvc else openmp
        for extension in self.extensions:
            level_flags = getattr(extension, "level_flags", ([], []))[msvc]
            extension.extra_compile_args = compile_flags + level_flags
            extension.extra_link_args = link_flags
        super().build_extensions()

    def has_openmp(self, flags):
        """Whether a program with OpenMP compiles and links."""
        if os.environ.get("FUSEDLOGIT_OPENMP", "1") == "0":
            return False
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text(
                "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
            )
            try:
                objects = self.compiler.compile(
                    [str(source)], output_dir=folder, extra_postargs=flags
                )
                self.compiler.link_executable(
                    objects, "probe", output_dir=folder, extra_postargs=flags
                )
            except (CompileError, LinkError):
                print(f"fusedlogit: no OpenMP with {shlex.join(flags)}; building for one thread")
                return False
        return True


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
