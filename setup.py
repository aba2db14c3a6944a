"""Build the kernels: each module of cython_kernels/ becomes C once, and is compiled once per level.

The rest of the metadata is in pyproject.toml. Environment variables:

FUSEDLOGIT_DEBUG=1      bounds checks on, no optimisation
FUSEDLOGIT_OPENMP=0     build without threads (detected otherwise)
FUSEDLOGIT_SANITIZE=..  e.g. "address,undefined", given to -fsanitize
FUSEDLOGIT_LEVELS=..    levels to build, e.g. "avx2,baseline" (all that the machine's kind has);
                        "native" is the best one of this machine, for development
"""

import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

PACKAGE = "fusedlogit._kernels"
SOURCES = "cython_kernels/modules"

#: What takes longest to compile comes first, so that no core waits for it at the end.
KERNELS = (
    "dense", "sparse", "matrix", "stochastic", "margins", "link", "patches", "coordinate",
    "vectors",
)  # fmt: skip

#: What Cython needs for memoryviews, compiled once rather than into each module.
SHARED = f"{PACKAGE}._cyutility"
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
# Arrays of a few registers are filled in a loop, which a call of memset would keep from unrolling.
UNIX_FLAGS += ["-fno-tree-loop-distribute-patterns"]
# Cython calls inline whatever a .pxd defines, also what is to be compiled apart: GCC would warn.
UNIX_FLAGS += ["-Wno-attributes"]
MSVC_FLAGS = ["/Od" if DEBUG else "/O2"]

X86_LEVELS = {
    "baseline": (["-O2"], []),  # a third of the time, for processors of ten years ago and more
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
    if LEVELS == ["native"]:
        return known  # the compiler at hand will tell which
    unknown = set(LEVELS) - set(known)
    if unknown:
        sys.exit(f"FUSEDLOGIT_LEVELS={','.join(LEVELS)}: this machine has {', '.join(known)}")
    return {level: known[level] for level in LEVELS or known}


def kernel(level, name):
    """A module of one level."""
    extension = Extension(f"{PACKAGE}.{level}.{name}", [f"{SOURCES}/{name}.pyx"])
    extension.level = level
    return extension


def extensions():
    """One extension module per kernel and level, the detector that chooses, and what they share."""
    kernels = [kernel(level, name) for name in KERNELS for level in levels()]
    detector = Extension(f"{PACKAGE}.cpu", [f"{SOURCES}/cpu.pyx"])
    return [*kernels, detector, Extension(SHARED, [f"{SOURCES}/_cyutility.c"])]


def last_name(extension):
    """Of the module: the same at all levels."""
    return extension.name.rpartition(".")[2]


class BuildKernels(build_ext):
    """build_ext that adds the flags of the compiler at hand, and OpenMP where it is there."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self):
        if LEVELS == ["native"]:
            best = self.best_level()
            self.extensions = [e for e in self.extensions if getattr(e, "level", best) == best]
        self.translate()
        self.choose_flags()
        super().build_extensions()

    def translate(self):
        """From Cython to C, each module once; each level compiles a copy.

        A compiler names its output after the source, so that levels sharing one would overwrite it.
        """
        from Cython.Build import cythonize  # no other command needs Cython

        modules = cythonize(
            list({last_name(e): Extension(f"{PACKAGE}.{last_name(e)}", e.sources)
                  for e in self.extensions}.values()),
            nthreads=self.parallel,
            force=self.force,
            build_dir=C_FILES,
            include_path=["."],
            compiler_directives=DIRECTIVES,
            shared_utility_qualified_name=SHARED if self.holds(SHARED) else None,
        )  # fmt: skip
        modules = {last_name(module): module for module in modules}
        for extension in self.extensions:
            module = modules[last_name(extension)]
            (c_file,) = module.sources
            if hasattr(extension, "level"):
                folder = f"{C_FILES}/{extension.level}"
                self.mkpath(folder)
                c_file, _ = self.copy_file(c_file, folder)
            extension.sources, extension.depends = [c_file], module.depends
            extension.include_dirs = module.include_dirs

    def holds(self, name):
        return any(extension.name == name for extension in self.extensions)

    def choose_flags(self):
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
            level = getattr(extension, "level", "baseline")
            extension.extra_compile_args = compile_flags + X86_LEVELS[level][msvc]
            extension.extra_link_args = link_flags

    def has_openmp(self, flags):
        """Whether a program with OpenMP compiles and links."""
        if os.environ.get("FUSEDLOGIT_OPENMP", "1") == "0":
            return False
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.compile_program(
                    "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n",
                    folder,
                    flags,
                )
            except (CompileError, LinkError):
                print(f"fusedlogit: no OpenMP with {shlex.join(flags)}; building for one thread")
                return False
        return True

    def best_level(self):
        """The best level of those that this machine supports."""
        with tempfile.TemporaryDirectory() as folder:
            program = self.compile_program(
                '#include "cpu.h"\nint main(void) { return cpu_level(); }\n', folder
            )
            return list(X86_LEVELS)[subprocess.run([program], check=False).returncode]

    def compile_program(self, text, folder, flags=()):
        """Compile and link a program in C; its path."""
        source = Path(folder) / "probe.c"
        source.write_text(text)
        objects = self.compiler.compile(
            [str(source)], output_dir=folder, include_dirs=[SOURCES], extra_postargs=list(flags)
        )
        self.compiler.link_executable(
            objects, "probe", output_dir=folder, extra_postargs=list(flags)
        )
        return Path(folder) / self.compiler.executable_filename("probe")


if __name__ == "__main__":  # Cython's processes import this file
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
