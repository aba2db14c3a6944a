"""The neuron on compiled kernels: the functions of :mod:`fusedlogit.reference`, fast.

Same names, arguments and results. X of float64, float32, float16, uint8, int8, uint16 or bool is
read where it lies, by rows or by columns (C or Fortran order, at any distance). Integers of other
types are copied into the narrowest of these that holds their values (float32 up to 2^24, else
float64), any other numbers into float64: convert what many calls read once yourself. float64 is
computed in float64, the others in float32 with sums in float64.
"""

from .descents import coordinate_descent, gradient_descent
from .link import curvature, log_loss, residual, sigmoid
from .passes import (
    decision_values,
    first_nonfinite,
    gram,
    hessian_product,
    loss,
    loss_and_gradient,
    moments,
    sandwich,
    softmax_loss_and_gradient,
)

__all__ = [
    "coordinate_descent",
    "curvature",
    "decision_values",
    "first_nonfinite",
    "gradient_descent",
    "gram",
    "hessian_product",
    "log_loss",
    "loss",
    "loss_and_gradient",
    "moments",
    "residual",
    "sandwich",
    "sigmoid",
    "softmax_loss_and_gradient",
]
