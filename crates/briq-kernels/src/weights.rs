//! What is packed: numbers, and what they are multiplied with on the way.

/// Weights as they lie in memory, and what each output of theirs is multiplied with while they are packed.
///
/// ```
/// use briq_kernels::matrix::{PackedMatrix, Transposed, multiply};
/// use briq_kernels::{Epilogue, Weights};
///
/// let weights = Weights { numbers: &[1.0, 2.0, 3.0, 4.0], factors: Some(&[1.0, -1.0]) };
/// let matrix = PackedMatrix::pack(weights, 2, 2, Transposed::No);
/// let mut out = [0.0; 2];
/// multiply(&[1.0, 10.0], 1, &matrix, &Epilogue::NONE, &mut out);
/// assert_eq!(out, [31.0, -42.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// One factor for each filter of a convolution or column of a matrix; without them, the numbers stay as they are.
    pub factors: Option<&'a [f32]>,
}

impl<'a> Weights<'a> {
    /// The factor of an output.
    pub(crate) fn factor(&self, output: usize) -> f32 {
        self.factors.map_or(1.0, |factors| factors[output])
    }

    /// The `index`-th of `groups` equal parts.
    pub(crate) fn group(&self, index: usize, groups: usize) -> Self {
        let part = |numbers: &'a [f32]| &numbers[index * numbers.len() / groups..(index + 1) * numbers.len() / groups];
        Self { numbers: part(self.numbers), factors: self.factors.map(part) }
    }
}

impl<'a, N: AsRef<[f32]> + ?Sized> From<&'a N> for Weights<'a> {
    fn from(numbers: &'a N) -> Self {
        Self { numbers: numbers.as_ref(), factors: None }
    }
}
