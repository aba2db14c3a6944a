"""The package's rooms: each may know those before it, none after."""

import ast
from pathlib import Path

import pytest

import fusedlogit

PACKAGE = Path(fusedlogit.__file__).parent

#: Rooms and single modules, from the lowest layer to the highest.
LAYERS = (
    ("errors",),
    ("_kernels",),
    ("reference",),
    ("runtime", "files", "displays"),
    ("data",),
    ("problems",),
    ("solvers",),
    ("functions",),
    ("fitting", "validation", "streaming"),
    ("classifier",),
    ("selection",),
    ("estimator", "paths"),
    ("cross_validation",),
    ("patch", "dask"),
    ("evaluation",),
    ("photographs", "embeddings", "text"),
    ("features", "reporting"),
    ("command_line",),
    ("__init__", "__main__"),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

#: What is known to all: names that the package gives without importing them.
KNOWN_TO_ALL = {"__version__"}


def room_of(parts):
    return parts[0] if parts else "__init__"


def imports(path):
    """Rooms that a module imports from, with the line."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = inside[: len(inside) - node.level]
        named = base + tuple((node.module or "").split(".") if node.module else ())
        for alias in node.names:
            if not named and alias.name in KNOWN_TO_ALL:
                continue
            yield room_of(named or (alias.name,)), node.lineno


MODULES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_a_rank():
    assert {room_of(path.relative_to(PACKAGE).with_suffix("").parts) for path in MODULES} == set(
        RANK
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_runs_upward(path):
    room = room_of(path.relative_to(PACKAGE).with_suffix("").parts)
    for other, line in imports(path):
        same = other == room
        assert same or RANK[other] < RANK[room], f"line {line}: {room} imports {other}"


def test_few_modules_lie_flat():
    assert len([path for path in PACKAGE.iterdir() if path.suffix == ".py"]) <= 12
