"""Entry point of the ``fusedlogit`` command."""

import io
import sys
from importlib.util import find_spec

REQUIRED = ("click", "jinja2", "matplotlib", "PIL", "rich")


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        sys.stderr.write(f'Error: {names} not installed: run pip install "fusedlogit[cli]"\n')
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        # A label or file name that the terminal cannot show must not end the run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from .command_line.cli import app

    app(prog_name="fusedlogit")


if __name__ == "__main__":
    main()
