//! The inner loop of products whose sums are used while they are still in registers.

use crate::simd::Simd;

/// Adds to `sums` the product of each of `R` rows with a panel, which is `V` registers wide and has a row for each number of theirs.
///
/// # Safety
/// The rows have as many numbers as the panel has rows.
#[inline(always)]
pub(crate) unsafe fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: [*const f32; R],
    panel: &[f32],
    mut sums: [[S::Float; V]; R],
) -> [[S::Float; V]; R] {
    for (k, weights) in panel.chunks_exact(V * S::LANES).enumerate() {
        let weights: [S::Float; V] = std::array::from_fn(|v| simd.load(&weights[v * S::LANES..][..S::LANES]));
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: the row has a number for each row of the panel.
            let x = simd.splat(unsafe { *row.add(k) });
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add(x, weights, *sum);
            }
        }
    }
    sums
}
