//! The kernels, against plain loops.
