"""The cost of a fit and its minimum, in long double and without the package."""

import numpy as np

Long = np.longdouble


class Exact:
    """J of an estimator's parameters on some data, and its least value found by any means at hand.

    Points hold coefficients of the scaled features, then the intercept.
    """

    def __init__(self, model, X, y, weight=None):
        self.x = X.astype(Long)
        self.y = (y == np.unique(y)[1]).astype(Long)
        weight = np.ones(len(y), Long) if weight is None else weight.astype(Long)
        total = weight.sum()
        self.weight = weight / total
        d = X.shape[1]
        self.center, self.scale = np.zeros(d, Long), np.ones(d, Long)
        if model.scaling == "standard":
            seen = self.x[self.weight > 0]
            self.center = self.weight @ self.x
            self.scale = np.sqrt(self.weight @ (self.x - self.center) ** 2)
            self.scale[(seen == seen[0]).all(axis=0)] = np.inf
        elif model.scaling is not None:
            self.scale = np.full(d, Long(model.scaling))
        self.features = np.column_stack([(self.x - self.center) / self.scale, np.ones(len(y))])
        penalty = 1 / (Long(model.C) * total) if np.isfinite(model.C) else Long(0)
        self.l1, self.l2 = model.l1_ratio * penalty, (1 - model.l1_ratio) * penalty
        self.free = np.arange(d + bool(model.fit_intercept))
        self.shrinks = np.arange(d + 1) < d  # whether a number is a coefficient, and no intercept

    def cost_of(self, z, point):
        losses = np.maximum(z, 0) - self.y * z + np.log1p(np.exp(-np.abs(z)))
        coef = point[:-1]
        return self.weight @ losses + self.l2 / 2 * coef @ coef + self.l1 * np.abs(coef).sum()

    def cost(self, point):
        return self.cost_of(self.features @ point, point)

    def cost_of_model(self, model):
        """J of the coefficients as they are stored, in X's own units."""
        coef, intercept = model.coef_[0].astype(Long), Long(model.intercept_[0])
        return self.cost_of(self.x @ coef + intercept, self._point(coef, intercept))

    def _point(self, coef, intercept):
        varies = np.isfinite(self.scale)
        scaled = np.where(varies, coef * np.where(varies, self.scale, 1), 0)
        return np.append(scaled, intercept + self.center @ coef)

    def least(self, model):
        """The lowest cost found, from the model's coefficients and from zero."""
        coef, intercept = model.coef_[0].astype(Long), Long(model.intercept_[0])
        starts = self._point(coef, intercept), np.zeros(len(coef) + 1, Long)
        search = self._newton if self.l1 == 0 else self._proximal
        return min(min(self.cost(start), search(start)) for start in starts)

    def _model_at(self, point):
        """Gradient of the smooth part, and its Hessian in float64."""
        a = 1 / (1 + np.exp(-np.clip(self.features @ point, -11000, 11000)))
        gradient = self.features.T @ (self.weight * (a - self.y))
        gradient[:-1] += self.l2 * point[:-1]
        A = self.features.astype(float)
        hessian = (A.T * (self.weight * a * (1 - a)).astype(float)) @ A
        hessian[np.arange(len(point) - 1), np.arange(len(point) - 1)] += float(self.l2)
        return gradient.astype(float), hessian

    def _search_line(self, point, step, cost):
        for halvings in range(50):
            there = point + Long(0.5) ** halvings * step
            now = self.cost(there)
            if now < cost:
                return there, now
        return point, cost

    def _newton(self, point, steps=60):
        cost = self.cost(point)
        for _ in range(steps):
            gradient, hessian = self._model_at(point)
            size = np.sqrt(np.maximum(hessian.diagonal(), 1e-300))
            matrix = (hessian / size / size[:, None])[np.ix_(self.free, self.free)]
            matrix += 1e-15 * np.eye(len(matrix))
            step = np.zeros(len(point))
            slope = (gradient / size)[self.free]
            try:
                step[self.free] = -np.linalg.lstsq(matrix, slope, rcond=1e-15)[0] / size[self.free]
            except np.linalg.LinAlgError:
                return cost  # it may be lower yet
            point, now = self._search_line(point, step, cost)
            if cost - now < 1e-17 * now:
                return now
            cost = now
        return cost

    def _proximal(self, point, steps=200):
        cost = self.cost(point)
        for _ in range(steps):
            gradient, hessian = self._model_at(point)
            step = self._towards_least_of_quadratic(point.astype(float), gradient, hessian)
            point, now = self._search_line(point, step, cost)
            if cost - now < 1e-16 * now:
                return now
            cost = now
        return cost

    def _towards_least_of_quadratic(self, point, slope, hessian, rounds=50):
        """Sweeps of coordinate descent, and between them what their signs allow for."""
        new, slope = point.copy(), slope.copy()
        with np.errstate(over="ignore", invalid="ignore"):  # a step that is no use is not taken
            for _ in range(rounds):
                if self._sweep(new, slope, hessian) < 1e-28:
                    break
                while self._go_under_signs(new, slope, hessian):
                    pass
            return new - point

    def _sweep(self, new, slope, hessian):
        """Each number once; the largest fall of the quadratic."""
        largest, l1 = 0.0, float(self.l1)
        for j in self.free:
            curvature = hessian[j, j]
            if curvature <= 0:
                continue
            to = new[j] - slope[j] / curvature
            if self.shrinks[j]:
                to = np.sign(to) * max(abs(to) - l1 / curvature, 0.0)
            change = to - new[j]
            if change == 0:
                continue
            new[j] = to
            slope += change * hessian[j]
            largest = max(largest, curvature * change * change)
        return largest

    def _go_under_signs(self, new, slope, hessian):
        """To the least under these signs, or where the first of them ends; whether one does."""
        among = self.free[(new[self.free] != 0) | ~self.shrinks[self.free]]
        l1 = np.where(self.shrinks[among], float(self.l1), 0.0)
        pull = slope[among] + l1 * np.sign(new[among])
        quadratic = hessian[np.ix_(among, among)]
        size = np.sqrt(np.maximum(quadratic.diagonal(), 1e-300))
        equilibrated = quadratic / size / size[:, None] + 1e-15 * np.eye(len(size))
        try:
            step = -np.linalg.solve(equilibrated, pull / size) / size
        except np.linalg.LinAlgError:
            step = -np.linalg.lstsq(equilibrated, pull / size, rcond=1e-15)[0] / size
        ends = np.full(len(among), np.inf)
        np.divide(-new[among], step, out=ends, where=(l1 > 0) & (new[among] * step < 0))
        first = int(np.argmin(ends)) if len(ends) else 0
        share = min(1.0, ends[first]) if len(ends) else 1.0
        change = share * step
        if not share * (pull @ step) + change @ quadratic @ change / 2 < 0:
            return False
        new[among] += change
        slope += change @ hessian[among]
        if share < 1:
            new[among[first]] = 0
        return share < 1
