//! Fused single-precision kernels for the CPU, over plain slices.
