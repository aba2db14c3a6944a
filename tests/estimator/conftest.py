import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine


def pair(load, first, second):
    """Two of a data set's classes as a binary problem."""
    data, target = load(return_X_y=True)
    chosen = (target == first) | (target == second)
    return data[chosen], target[chosen]


#: The real binary problems that come with scikit-learn.
REAL_PROBLEMS = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "iris 0/1": lambda: pair(load_iris, 0, 1),
    "iris 1/2": lambda: pair(load_iris, 1, 2),
    "wine 0/1": lambda: pair(load_wine, 0, 1),
    "wine 1/2": lambda: pair(load_wine, 1, 2),
    "digits 3/8": lambda: pair(load_digits, 3, 8),
    "digits 1/7": lambda: pair(load_digits, 1, 7),
}


@pytest.fixture(scope="session", params=REAL_PROBLEMS)
def real_problem(request):
    """X and y of each real problem."""
    return REAL_PROBLEMS[request.param]()


@pytest.fixture(scope="session")
def cancer():
    """Breast cancer: 569 samples of 30 features on scales from 0.001 to 4,000; not separable."""
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="session")
def digits():
    """Threes and eights as uint8 images of 64 pixels from 0 to 16."""
    X, y = pair(load_digits, 3, 8)
    return X.astype(np.uint8), y


@pytest.fixture(scope="session")
def flowers():
    """Two kinds of iris that no line separates."""
    return pair(load_iris, 1, 2)
