//! Loops over slices, a register at a time; the last one is partial.

use super::Simd;

/// Replaces each number by `f` of it. Lanes past the end of the slice hold zero.
#[inline(always)]
pub fn map<S: Simd>(simd: S, values: &mut [f32], mut f: impl FnMut(S::Float) -> S::Float) {
    let mut chunks = values.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        let value = f(simd.load(chunk));
        simd.store(chunk, value);
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let value = f(simd.load(rest));
        simd.store(rest, value);
    }
}

/// Writes `f` of each pair of numbers to `out`.
///
/// # Panics
/// If the slices are of different lengths.
#[inline(always)]
pub fn zip<S: Simd>(
    simd: S,
    left: &[f32],
    right: &[f32],
    out: &mut [f32],
    mut f: impl FnMut(S::Float, S::Float) -> S::Float,
) {
    assert!(left.len() == out.len() && right.len() == out.len(), "slices of one length");
    let operands = left.chunks(S::LANES).zip(right.chunks(S::LANES));
    for (out, (left, right)) in out.chunks_mut(S::LANES).zip(operands) {
        let value = f(simd.load(left), simd.load(right));
        simd.store(out, value);
    }
}

/// Combines all numbers, a register at a time, starting from `start`. Lanes past the end of the slice are left as they were.
#[inline(always)]
pub fn fold<S: Simd>(
    simd: S,
    values: &[f32],
    start: S::Float,
    mut f: impl FnMut(S::Float, S::Float) -> S::Float,
) -> S::Float {
    let mut folded = start;
    let chunks = values.chunks_exact(S::LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        folded = f(folded, simd.load(chunk));
    }
    if rest.is_empty() {
        return folded;
    }
    simd.select(simd.first(rest.len()), f(folded, simd.load(rest)), folded)
}
