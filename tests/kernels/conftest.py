import pytest

from fusedlogit import _kernels

from .raw import Kernels


@pytest.fixture(scope="session", params=_kernels.built_levels())
def kernels(request):
    """The kernels of every level that this machine supports, one after the other."""
    return Kernels(request.param)
