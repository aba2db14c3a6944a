"""The compiled kernels of one level, called directly, as functions that return their results.

Every output and workspace lies between bands of sentinels, which must survive the call, as must
those between the buffers of a workspace. All is full of NaN (or of ones in every bit) before it, so
that nothing is taken for granted.
"""

import numpy as np

from fusedlogit import _kernels
from fusedlogit.data.checks import stored_target
from fusedlogit.data.dense import blas_products

BAND = 64
SENTINEL = 0x5A


class Outputs:
    """Arrays for a kernel to write to; leaving the context checks that it wrote nowhere else."""

    def __enter__(self):
        self._bands = []
        return self

    def new(self, *shape, dtype=np.float64):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = np.full(BAND + size + BAND, SENTINEL, dtype=np.uint8)
        self._bands += [memory[:BAND], memory[BAND + size :]]
        memory[BAND : BAND + size] = 0xFF  # NaN in any float
        return memory[BAND : BAND + size].view(dtype).reshape(shape)

    def copy(self, values):
        out = self.new(*values.shape, dtype=values.dtype)
        out[...] = values
        return out

    def workspace(self, n_bytes, guards=(), guard=BAND):
        """Bands of sentinels also inside, at these offsets from the first multiple of `guard`."""
        memory = self.new(n_bytes, dtype=np.int8)
        begin = -memory.__array_interface__["data"][0] % guard
        for offset in guards:
            band = memory[begin + offset : begin + offset + guard].view(np.uint8)
            band[:] = SENTINEL
            self._bands.append(band)
        return memory

    def __exit__(self, kind, error, trace):
        if kind is None:
            for band in self._bands:
                assert (band == SENTINEL).all(), "written out of bounds"


class Kernels:
    """One instruction-set level."""

    def __init__(self, level):
        self.level = level
        modules = _kernels.load(level)
        self.dense, self.matrix = modules["dense"], modules["matrix"]
        self.link, self.margins = modules["link"], modules["margins"]
        self.coordinate = modules["coordinate"]

    def __repr__(self):
        return self.level

    def apply_link(self, name, *arrays):
        with Outputs() as outputs:
            out = outputs.new(*arrays[0].shape, dtype=arrays[0].dtype)
            getattr(self.link, name)(*arrays, out)
        return out

    def decision_values(self, X, coef, intercept, n_threads=1, frame=(), **rows):
        """(n_coefs, n_samples).

        Here and below, `frame` is center and unit, or empty, and `rows` names offset, fold and
        held_out.
        """
        with Outputs() as outputs:
            decision = outputs.new(len(coef), len(X))
            self.dense.decision_values(
                X, coef, intercept, decision, n_threads,
                self._workspace(outputs, coef, n_threads), *frame, **rows,
            )  # fmt: skip
        return decision

    def loss(self, X, y, weight, coef, intercept, n_threads=1, frame=(), **rows):
        """(n_coefs,), sums over rows."""
        with Outputs() as outputs:
            loss = outputs.new(len(coef))
            self.dense.loss(
                X, *stored_target(y), weight, coef, intercept, loss, n_threads,
                self._workspace(outputs, coef, n_threads), *frame, **rows,
            )  # fmt: skip
        return loss

    def loss_and_gradient(
        self, X, y, weight, coef, intercept, n_threads=1, decisions=True, frame=(), **rows
    ):
        """Sums: losses, gradients, intercept gradients; and the decision values or None."""
        with Outputs() as outputs:
            loss, intercept_gradient = outputs.new(len(coef)), outputs.new(len(coef))
            gradient = outputs.new(*coef.shape)
            decision = outputs.new(len(coef), len(X)) if decisions else None
            self.dense.loss_and_gradient(
                X, *stored_target(y), weight, coef, intercept, loss, gradient,
                intercept_gradient, decision, n_threads,
                self._workspace(outputs, coef, n_threads), *frame, **rows,
            )  # fmt: skip
        return loss, gradient, intercept_gradient, decision

    def softmax_loss_and_gradient(
        self, X, y, weight, coef, intercept, n_threads=1, decisions=True, frame=()
    ):
        """The sum of the losses, gradients, intercept gradients; the decision values or None."""
        with Outputs() as outputs:
            loss, intercept_gradient = outputs.new(1), outputs.new(len(coef))
            gradient = outputs.new(*coef.shape)
            decision = outputs.new(len(coef), len(X)) if decisions else None
            self.dense.softmax_loss_and_gradient(
                X, *stored_target(y), weight, coef, intercept, loss, gradient,
                intercept_gradient, decision, n_threads,
                self._workspace(outputs, coef, n_threads), *frame,
            )  # fmt: skip
        return loss[0], gradient, intercept_gradient, decision

    def hessian_product(self, X, curvature, vector, vector_intercept, n_threads=1, frame=()):
        """Products and intercept products, one for each vector."""
        with Outputs() as outputs:
            product, intercept_product = outputs.new(*vector.shape), outputs.new(len(vector))
            self.dense.hessian_product(
                X, curvature, vector, vector_intercept, product, intercept_product,
                n_threads, self._workspace(outputs, vector, n_threads), *frame,
            )  # fmt: skip
        return product, intercept_product

    def sandwich(self, X, row_weight, n_threads=1, frame=()):
        size = X.shape[1] + 1
        with Outputs() as outputs:
            product = outputs.new(size, size)
            workspace = outputs.workspace(
                self.matrix.sandwich_workspace_size(X.shape[1], n_threads)
            )
            self.matrix.sandwich(X, row_weight, product, n_threads, workspace, *frame)
        return product

    def gram(self, X, root, mean, scale, n_threads=1, frame=(), dtype=np.float64):
        """Of rows; the upper triangle is zero."""
        n_samples = len(X)
        with Outputs() as outputs:
            product = outputs.copy(np.zeros((n_samples, n_samples), dtype))
            tile = outputs.new(self.matrix.gram_tile_size(*X.shape), dtype=dtype)
            self.matrix.gram(
                X, mean, scale, root, product.T, tile, n_threads,
                *blas_products(dtype), *frame,
            )  # fmt: skip
        return product.T

    def moments(self, X, weight, n_threads=1, unit=None):
        """Means, sums of squared deviations, total weight."""
        with Outputs() as outputs:
            sums = outputs.copy(np.zeros((4, n_threads, X.shape[1] + n_threads % 3)))
            total = outputs.copy(np.zeros(n_threads))
            self.matrix.moments(X, weight, unit, sums, total)
        return sums[0, 0, : X.shape[1]], sums[1, 0, : X.shape[1]], total[0]

    def first_nonfinite(self, X, n_threads=1):
        """Row and column."""
        with Outputs() as outputs:
            return self.matrix.first_nonfinite(X, outputs.new(n_threads, 2, dtype=np.intp))

    def along(self, z, change, share, y, weight=None, n_threads=1):
        """Sums of losses, of their first and of their second derivatives."""
        with Outputs() as outputs:
            sums = outputs.copy(np.zeros((n_threads, 3)))
            self.margins.along(z, change, share, *stored_target(y), weight, sums)
        return sums.sum(axis=0)

    def dual(self, z, share, y, weight=None, n_threads=1):
        with Outputs() as outputs:
            sums = outputs.copy(np.zeros((n_threads, 1)))
            self.margins.dual(z, share, *stored_target(y), weight, sums)
        return sums.sum()

    def extremes(self, z, other, y, weight=None, n_threads=1):
        """The largest difference, and how many signs are wrong."""
        with Outputs() as outputs:
            sums = outputs.copy(np.zeros((n_threads, 2)))
            self.margins.extremes(z, other, *stored_target(y), weight, sums)
        return sums[:, 0].max(), sums[:, 1].sum()

    def coordinate_descent(self, hessian, gradient, l1_penalty, coef, *, tol, max_sweeps):
        """Coefficients, gradient of the quadratic there, number of sweeps."""
        with Outputs() as outputs:
            w, slope = outputs.copy(coef), outputs.copy(gradient)
            n_sweeps = self.coordinate.coordinate_descent(
                hessian, l1_penalty, tol, max_sweeps, w, slope
            )
        return w, slope, n_sweeps

    def column_descent(self, X, weight, unit, about, slope, coef, l2, l1, sweeps):
        """Coefficients, numbers of sweeps, sum of the falls and of the entries read, of each call.

        X is a csc_array; `sweeps` are those of calls that go on from each other.
        """
        dense = X.toarray().astype(np.float64)
        squares = weight @ ((dense - about) * unit) ** 2
        with Outputs() as outputs:
            w, row = outputs.copy(coef), outputs.copy(np.column_stack([weight, 0 * weight]))
            moved = outputs.copy(np.zeros(2))
            found = [
                self.coordinate.column_descent(
                    X.indptr.astype(np.int64), X.indices, X.data, weight.sum(), unit, about,
                    weight @ dense, squares + l2, slope, coef, l2, l1, 1e-10, n, w, row, moved,
                )
                for n in sweeps
            ]  # fmt: skip
        n_sweeps, falls, n_read = zip(*found, strict=True)
        return w, n_sweeps, sum(falls), sum(n_read)

    def _workspace(self, outputs, coef, n_threads):
        n_coefs, n_features = coef.shape
        return outputs.workspace(
            self.dense.workspace_size(n_features, n_coefs, n_threads),
            *self.dense.workspace_guards(n_features, n_coefs, n_threads),
        )
