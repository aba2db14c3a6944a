"""The choice of the instruction-set level."""

import pytest

import fusedlogit
from fusedlogit import _kernels

REPORT = """
from fusedlogit import _kernels
print(_kernels.LEVEL, _kernels.dense.__name__, _kernels.dense.vector_level())
"""


def test_each_level_is_compiled_for_itself(kernels):
    expected = {"baseline", "scalar"} if kernels.level == "baseline" else {kernels.level}
    assert kernels.dense.vector_level() in expected


def test_the_best_supported_level_is_built():
    assert _kernels.built_levels()[-1] == _kernels.cpu.supported_levels()[-1]


@pytest.mark.parametrize("level", _kernels.built_levels())
def test_the_environment_forces_a_level(run_python, level):
    status, out, error = run_python(REPORT, FUSEDLOGIT_ISA=level)
    assert (status, error) == (0, "")
    assert out.startswith(f"{level} fusedlogit._kernels.{level}.dense ")


def test_the_best_level_is_the_default(run_python):
    status, out, _ = run_python(REPORT, FUSEDLOGIT_ISA="")
    assert status == 0
    assert out.split()[0] == _kernels.built_levels()[-1]


def test_an_unknown_level_fails_loudly(run_python):
    status, _, error = run_python(REPORT, FUSEDLOGIT_ISA="mmx")
    assert status == 1
    assert "ImportError: FUSEDLOGIT_ISA='mmx'" in error
    for level in _kernels.cpu.supported_levels():
        assert level in error


def test_an_unknown_level_cannot_be_loaded():
    with pytest.raises(ImportError, match="this processor supports baseline"):
        _kernels.load("mmx")


def test_the_configuration_names_the_level(capsys):
    fusedlogit.show_config()
    shown = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["instruction set"].split()[0] == _kernels.LEVEL
    assert shown["compiler"].strip() == _kernels.cpu.compiler()
