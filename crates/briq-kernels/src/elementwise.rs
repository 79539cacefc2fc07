//! Arithmetic of tensors, element by element.
