"""A plugin of pytest: scikit-learn's tests with our classes in the place of its own."""

import logging
import re

import pytest
from not_expected import FAILS, NOT_OURS, REASONS

import fusedlogit
from fusedlogit.patch import OURS

fusedlogit.patch_sklearn()


class Unexpected(logging.Handler):
    """Collects reasons for going on to scikit-learn that are not listed."""

    def __init__(self):
        super().__init__()
        self.reasons = set()

    def emit(self, record):
        reason = record.getMessage().partition("goes on to scikit-learn: ")[2]
        if not any(re.fullmatch(pattern, reason) for pattern in REASONS):
            self.reasons.add(reason)


unexpected = Unexpected()
logging.getLogger("fusedlogit").addHandler(unexpected)
logging.getLogger("fusedlogit").setLevel(logging.INFO)


def reason_for(name, reasons):
    """The first reason whose pattern is this name; None if there is none."""
    return next((why for pattern, why in reasons.items() if re.fullmatch(pattern, name)), None)


def pytest_collection_modifyitems(config, items):
    for name, cls in OURS.items():
        assert getattr(items[0].module, name) is cls, f"{name} is not patched"
    for pattern in FAILS | NOT_OURS:
        if not any(re.fullmatch(pattern, item.name) for item in items):
            raise pytest.UsageError(f"no test is named {pattern}")
    left_out = [item for item in items if reason_for(item.name, NOT_OURS)]
    items[:] = [item for item in items if item not in set(left_out)]
    config.hook.pytest_deselected(items=left_out)
    for item in items:
        why = reason_for(item.name, FAILS)
        if why:
            item.add_marker(pytest.mark.xfail(reason=why, strict=True))


def pytest_sessionfinish(session):
    if unexpected.reasons:
        print("Not listed as a reason to go on to scikit-learn:", *unexpected.reasons, sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
