"""fusedlogit: logistic regression as fast as memory can be read."""

from importlib.metadata import version

from . import functions, reference
from .estimator import LogisticRegression
from .functions import loss_and_gradient

__version__ = version("fusedlogit")

__all__ = ["LogisticRegression", "__version__", "functions", "loss_and_gradient", "reference"]
