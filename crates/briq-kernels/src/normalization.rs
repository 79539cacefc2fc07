//! Layer, root-mean-square, batch, instance and group normalisation.
