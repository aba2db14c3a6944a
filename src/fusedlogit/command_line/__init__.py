"""The ``fusedlogit`` command."""
