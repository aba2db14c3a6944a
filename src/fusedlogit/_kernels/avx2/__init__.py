"""The kernels compiled for the avx2 instruction-set level."""
