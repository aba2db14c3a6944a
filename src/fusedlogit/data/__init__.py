"""X as it is stored, behind the verbs that solvers use."""
