"""fusedlogit: logistic regression as fast as memory can be read."""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import functions, reference
    from .cross_validation import LogisticRegressionCV
    from .data.parts import Parts
    from .displays import CoefficientDisplay, HistoryDisplay, PathDisplay
    from .errors import PassOverflowError
    from .estimator import LogisticRegression
    from .functions import loss_and_gradient
    from .patch import patch_sklearn, unpatch_sklearn
    from .paths import LogisticPath, logistic_path
    from .runtime.config import show_config
    from .selection.left_out import leave_one_out
    from .solvers.settings import SGD

__version__ = version("fusedlogit")

__all__ = [
    "SGD",
    "CoefficientDisplay",
    "HistoryDisplay",
    "LogisticPath",
    "LogisticRegression",
    "LogisticRegressionCV",
    "Parts",
    "PassOverflowError",
    "PathDisplay",
    "__version__",
    "functions",
    "leave_one_out",
    "logistic_path",
    "loss_and_gradient",
    "patch_sklearn",
    "reference",
    "show_config",
    "unpatch_sklearn",
]

_MODULES = {
    "CoefficientDisplay": "displays",
    "HistoryDisplay": "displays",
    "PathDisplay": "displays",
    "LogisticPath": "paths",
    "LogisticRegression": "estimator",
    "logistic_path": "paths",
    "LogisticRegressionCV": "cross_validation",
    "leave_one_out": "selection.left_out",
    "loss_and_gradient": "functions",
    "Parts": "data.parts",
    "SGD": "solvers.settings",
    "PassOverflowError": "errors",
    "patch_sklearn": "patch",
    "show_config": "runtime.config",
    "unpatch_sklearn": "patch",
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
