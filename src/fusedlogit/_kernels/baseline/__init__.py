"""The kernels compiled for the baseline instruction-set level."""
