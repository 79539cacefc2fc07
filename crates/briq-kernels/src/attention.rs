//! Scaled dot-product attention with several heads.
//!
//! A thread works on one head, a block of keys and a few queries at a time, so that keys, values and scores stay in its nearest
//! caches. The softmax goes from block to block by its largest score and its sum so far (Milakov and Gimelshein, *Online
//! normalizer calculation for softmax*, 2018), and is divided by the sum only in the result.

mod head;
mod mask;
mod product;

pub use mask::Mask;

use crate::parallel::{self, Cost, SharedMut};
use crate::simd::Unit;
use head::Head;

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionSpec {
    /// Sequences.
    pub batch: usize,
    /// Heads.
    pub heads: usize,
    /// Queries of each sequence.
    pub queries: usize,
    /// Keys, and values, of each sequence.
    pub keys: usize,
    /// Numbers in one head's query, and key.
    pub depth: usize,
    /// Numbers in one head's value, and result.
    pub value_depth: usize,
    /// The factor of the scores, as a rule 1 / √depth.
    pub scale: f32,
    /// Whether a query gets zeros instead of what is not a number, where its weights are none: all its keys are masked by
    /// minus infinity, or a score is itself not a number.
    pub guarded: bool,
}

/// Queries, keys or values as they lie in memory; the numbers of one head at one position are without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// All of them.
    pub numbers: &'a [f32],
    /// How many numbers further the next sequence, head and position begins.
    pub strides: [usize; 3],
    /// How many heads of queries each head serves (Ainslie et al., *GQA*, 2023).
    pub sharing: usize,
}

impl<'a> Operand<'a> {
    #[inline(always)]
    fn start(&self, batch: usize, head: usize, position: usize) -> usize {
        let [sequence, own, next] = self.strides;
        batch * sequence + head / self.sharing * own + position * next
    }

    /// The numbers of one position that serve a head of queries.
    #[inline(always)]
    fn row(&self, batch: usize, head: usize, position: usize, depth: usize) -> &'a [f32] {
        &self.numbers[self.start(batch, head, position)..][..depth]
    }
}

/// `softmax(Q · Kᵀ · scale + mask) · V` for each sequence and head.
///
/// `query` is `[batch, queries, heads · depth]`, `key` is `[batch, keys, heads · depth]`, `value` is
/// `[batch, keys, heads · value_depth]`, and `out` is `[batch, queries, heads · value_depth]`. A query all of whose keys are
/// masked by minus infinity gets what is not a number, unless that is guarded against.
///
/// # Panics
/// If a slice is not of that size, or the mask is one of other sizes.
pub fn attention(
    spec: &AttentionSpec,
    query: &[f32],
    key: &[f32],
    value: &[f32],
    mask: Option<&Mask<'_>>,
    out: &mut [f32],
) {
    let AttentionSpec { batch, heads, queries, keys, depth, value_depth, .. } = *spec;
    assert_eq!(query.len(), batch * queries * heads * depth, "queries of batch × queries × heads · depth");
    assert_eq!(key.len(), batch * keys * heads * depth, "keys of batch × keys × heads · depth");
    assert_eq!(value.len(), batch * keys * heads * value_depth, "values of batch × keys × heads · value_depth");
    let joined = |numbers, positions, depth| Operand {
        numbers,
        strides: [positions * heads * depth, depth, heads * depth],
        sharing: 1,
    };
    attend(
        spec,
        [joined(query, queries, depth), joined(key, keys, depth), joined(value, keys, value_depth)],
        mask,
        out,
    );
}

/// As [`attention`], of queries, keys and values that may lie in any order, heads of keys and values serving several of
/// queries.
///
/// # Panics
/// If an operand is too short, `out` is not `[batch, queries, heads · value_depth]`, or the mask is one of other sizes.
pub fn attend(spec: &AttentionSpec, [query, key, value]: [Operand<'_>; 3], mask: Option<&Mask<'_>>, out: &mut [f32]) {
    let AttentionSpec { batch, heads, queries, keys, depth, value_depth, .. } = *spec;
    assert_eq!(out.len(), batch * queries * heads * value_depth, "a result of batch × queries × heads · value_depth");
    assert!(mask.is_none_or(|mask| mask.fits(spec)), "a mask of the attention's sizes");
    if out.is_empty() || keys == 0 {
        return out.fill(0.0);
    }
    for (operand, positions, depth) in [(query, queries, depth), (key, keys, depth), (value, keys, value_depth)] {
        operand.row(batch - 1, heads - 1, positions - 1, depth);
    }
    let (unit, out) = (Unit::current(), SharedMut::new(out));
    let parts = parts(spec);
    let cost = Cost::per_item(queries.div_ceil(parts) * keys * (depth + value_depth + 16) / unit.lanes());
    parallel::for_each_range(batch * heads * parts, cost, |items| {
        for item in items {
            let (head, part) = (item / parts, item % parts);
            let range = part * queries / parts..(part + 1) * queries / parts;
            unit.run(Head {
                spec,
                batch: head / heads,
                head: head % heads,
                queries: range,
                query,
                key,
                value,
                mask,
                out,
            });
        }
    });
}

/// Into how many parts the queries of a head are cut, so that there is work for all threads where there are few heads.
fn parts(spec: &AttentionSpec) -> usize {
    /// Queries for which the keys and values are worth packing once more.
    const LEAST: usize = 64;
    let threads = rayon::current_num_threads();
    let heads = spec.batch * spec.heads;
    if threads == 1 || heads >= 2 * threads {
        1
    } else {
        (2 * threads).div_ceil(heads).min(spec.queries.div_ceil(LEAST))
    }
}
