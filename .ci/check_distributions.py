"""Check what an sdist and a wheel hold: check_distributions.py SDIST WHEEL."""

import sys
import tarfile
import zipfile
from pathlib import Path

SOURCES = {".pyx", ".pxd", ".h"}
INSTALLED = ("fusedlogit/", "fusedlogit-", "fusedlogit.libs/")


def check_sdist(path):
    """Every kernel source, nothing generated."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kernels = {str(file) for file in Path("cython_kernels").rglob("*")}
    missing = {name for name in kernels if Path(name).suffix in SOURCES} - names
    assert not missing, f"the sdist lacks {sorted(missing)}"
    generated = {name for name in names if Path(name).suffix in {".c", ".so", ".pyc"}}
    assert not generated, f"the sdist holds {sorted(generated)}"


def check_wheel(path):
    """The package and its libraries, with kernels, stubs, templates and marker, without sources."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    foreign = [n for n in names if not n.startswith(INSTALLED)]
    assert not foreign, f"the wheel installs {foreign}"
    sources = [n for n in names if Path(n).suffix in SOURCES | {".c"}]
    assert not sources, f"the wheel holds {sources}"
    for suffix in (".typed", ".pyi", ".j2"):
        assert any(n.endswith(suffix) for n in names), f"the wheel holds no {suffix} file"
    kernels = [n for n in names if n.endswith((".so", ".pyd"))]
    levels = {n.split("/")[2] for n in kernels if n.count("/") == 3}
    modules = {n.split("/")[3] for n in kernels if n.count("/") == 3}
    missing = {(a, b) for a in levels for b in modules} - {tuple(n.split("/")[2:]) for n in kernels}
    assert not missing, f"the wheel lacks {missing}"
    print(f"{len(names)} files, {Path(path).stat().st_size / 1e6:.1f} MB, kernels:", *kernels)


if __name__ == "__main__":
    check_sdist(sys.argv[1])
    check_wheel(sys.argv[2])
