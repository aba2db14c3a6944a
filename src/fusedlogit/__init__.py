"""fusedlogit: logistic regression as fast as memory can be read."""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import functions, reference
    from .data.parts import Parts
    from .errors import PassOverflowError
    from .estimator import LogisticRegression
    from .functions import loss_and_gradient
    from .runtime.config import show_config
    from .solvers.settings import SGD

__version__ = version("fusedlogit")

__all__ = [
    "SGD",
    "LogisticRegression",
    "Parts",
    "PassOverflowError",
    "__version__",
    "functions",
    "loss_and_gradient",
    "reference",
    "show_config",
]

_MODULES = {
    "LogisticRegression": "estimator",
    "loss_and_gradient": "functions",
    "Parts": "data.parts",
    "SGD": "solvers.settings",
    "PassOverflowError": "errors",
    "show_config": "runtime.config",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: the command line must not wait for scikit-learn to print its help.
    if name in {"functions", "reference"}:
        return importlib.import_module(f".{name}", __name__)
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
