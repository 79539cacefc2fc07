//! What follows a product before its result is stored.

use crate::activation::Activation;

/// `activation(product + bias + residual)`, done while the product is still in registers or in the nearest cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One number for each column (output channel).
    pub bias: Option<&'a [f32]>,
    /// One number for each number of the result, laid out as the result is.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

impl<'a> Epilogue<'a> {
    /// The product as it is.
    pub const NONE: Epilogue<'static> = Epilogue { bias: None, residual: None, activation: Activation::Identity };

    /// Adds one number for each column, then applies the activation.
    #[must_use]
    pub const fn new(bias: Option<&'a [f32]>, activation: Activation) -> Self {
        Self { bias, residual: None, activation }
    }

    /// The same with a residual.
    #[must_use]
    pub const fn with_residual(self, residual: Option<&'a [f32]>) -> Self {
        Self { residual, ..self }
    }
}
