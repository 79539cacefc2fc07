//! Attention, against plain loops.

use briq_kernels::attention::{AttentionSpec, Mask, Operand, attend, attention};
use proptest::prelude::*;

use crate::support::{Numbers, assert_close, for_each_unit};

/// `mask` gives what is added to the score of (batch, head, query, key).
fn reference(spec: &AttentionSpec, [query, key, value]: [&[f32]; 3], mask: impl Fn([usize; 4]) -> f64) -> Vec<f64> {
    let AttentionSpec { batch, heads, queries, keys, depth, value_depth, scale, .. } = *spec;
    let at = |of: &[f32], row: usize, head: usize, depth: usize, column: usize| {
        f64::from(of[(row * heads + head) * depth + column])
    };
    let mut out = vec![0.0; batch * queries * heads * value_depth];
    for (b, h, q) in (0..batch).flat_map(|b| (0..heads).flat_map(move |h| (0..queries).map(move |q| (b, h, q)))) {
        let scores: Vec<f64> = (0..keys)
            .map(|k| {
                let product = |c| at(query, b * queries + q, h, depth, c) * at(key, b * keys + k, h, depth, c);
                (0..depth).map(product).sum::<f64>() * f64::from(scale) + mask([b, h, q, k])
            })
            .collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        for c in 0..value_depth {
            let total: f64 =
                (0..keys).map(|k| (scores[k] - most).exp() / sum * at(value, b * keys + k, h, value_depth, c)).sum();
            out[((b * queries + q) * heads + h) * value_depth + c] = total;
        }
    }
    out
}

#[track_caller]
fn check(spec: &AttentionSpec, mask_shape: Option<&[usize]>, seed: u64) {
    let AttentionSpec { batch, heads, queries, keys, depth, value_depth, .. } = *spec;
    let mut numbers = Numbers::new(seed);
    let query = numbers.scaled(batch * queries * heads * depth, 2.0);
    let key = numbers.scaled(batch * keys * heads * depth, 2.0);
    let value = numbers.take(batch * keys * heads * value_depth);
    let shape = mask_shape.unwrap_or(&[]);
    let masked = numbers.scaled(shape.iter().product(), 3.0);
    let full = [1; 4].iter().take(4 - shape.len()).chain(shape).copied().collect::<Vec<_>>();
    let expected = reference(spec, [&query, &key, &value], |place| {
        let index = full.iter().zip(place).fold(0, |index, (&size, at)| index * size + if size == 1 { 0 } else { at });
        if mask_shape.is_some() { f64::from(masked[index]) } else { 0.0 }
    });
    for_each_unit(|unit| {
        let mask = mask_shape.map(|shape| Mask::new(&masked, shape, spec).expect("the mask fits"));
        let mut out = vec![f32::NAN; expected.len()];
        attention(spec, &query, &key, &value, mask.as_ref(), &mut out);
        assert_close(unit, &out, &expected, 5e-6);
    });
}

const SPEC: AttentionSpec =
    AttentionSpec { batch: 2, heads: 3, queries: 37, keys: 53, depth: 24, value_depth: 40, scale: 0.2, guarded: false };

#[test]
fn masks_of_all_shapes_are_added() {
    for shape in [&[2, 3, 37, 53][..], &[2, 1, 1, 53], &[37, 53], &[1], &[3, 1, 1], &[2, 1, 37, 1]] {
        check(&SPEC, Some(shape), 1);
    }
    check(&SPEC, None, 1);
}

#[test]
fn keys_masked_by_minus_infinity_count_for_nothing() {
    let spec =
        AttentionSpec { batch: 1, heads: 1, queries: 2, keys: 3, depth: 1, value_depth: 1, scale: 1.0, guarded: false };
    let masked = [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY];
    let mask = Mask::new(&masked, &[3], &spec).expect("the mask fits");
    for_each_unit(|unit| {
        let mut out = [f32::NAN; 2];
        attention(&spec, &[5.0, -5.0], &[1.0, 2.0, 3.0], &[7.0, 8.0, 9.0], Some(&mask), &mut out);
        assert_eq!(out, [7.0, 7.0], "{unit:?}");
    });
}

#[test]
fn a_query_without_keys_gets_zeros_where_it_is_guarded() {
    let masked = [f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0];
    for_each_unit(|unit| {
        for guarded in [false, true] {
            let spec = AttentionSpec {
                batch: 1,
                heads: 1,
                queries: 3,
                keys: 2,
                depth: 1,
                value_depth: 2,
                scale: 1.0,
                guarded,
            };
            let masked = [&masked[..], &[0.0, 0.0]].concat();
            let mask = Mask::new(&masked, &[3, 2], &spec).expect("the mask fits");
            let mut out = [f32::NAN; 6];
            let query = [1.0, 1.0, f32::NAN];
            attention(&spec, &query, &[1.0, 2.0], &[5.0, 6.0, 7.0, 8.0], Some(&mask), &mut out);
            assert_eq!(out[2..4], [7.0, 8.0], "{unit:?}");
            let odd = [out[0], out[1], out[4], out[5]];
            assert!(
                if guarded { odd == [0.0; 4] } else { odd.iter().all(|number| number.is_nan()) },
                "{unit:?}: {odd:?}"
            );
        }
    });
}

#[test]
fn large_attentions_are_split_and_complete() {
    check(
        &AttentionSpec {
            batch: 2,
            heads: 4,
            queries: 96,
            keys: 96,
            depth: 32,
            value_depth: 32,
            scale: 0.18,
            guarded: false,
        },
        None,
        1,
    );
    check(
        &AttentionSpec {
            batch: 1,
            heads: 1,
            queries: 260,
            keys: 611,
            depth: 64,
            value_depth: 64,
            scale: 0.125,
            guarded: false,
        },
        None,
        2,
    );
}

#[test]
fn masks_by_minus_infinity_may_hide_whole_blocks() {
    let spec = AttentionSpec {
        batch: 1,
        heads: 2,
        queries: 15,
        keys: 3000,
        depth: 64,
        value_depth: 64,
        scale: 0.1,
        guarded: false,
    };
    let mut masked = vec![0.0; 15 * 3000];
    for query in 0..15 {
        masked[query * 3000..][200 * query..].fill(f32::NEG_INFINITY);
        masked[query * 3000..][..100 * query].fill(f32::NEG_INFINITY);
        masked[query * 3000 + 150 * query] = 1.0;
    }
    let mut numbers = Numbers::new(3);
    let [query, key, value] = [15, 3000, 3000].map(|rows| numbers.scaled(rows * 128, 2.0));
    let expected = reference(&spec, [&query, &key, &value], |[_, _, q, k]| f64::from(masked[q * 3000 + k]));
    let mask = Mask::new(&masked, &[15, 3000], &spec).expect("the mask fits");
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; expected.len()];
        attention(&spec, &query, &key, &value, Some(&mask), &mut out);
        assert_close(unit, &out, &expected, 5e-6);
    });
}

/// Each head of keys and values, in an order of its own, serves some heads of queries.
#[track_caller]
fn check_shared(spec: &AttentionSpec, sharing: usize, seed: u64) {
    let AttentionSpec { batch, heads, queries, keys, depth, value_depth, .. } = *spec;
    let own = heads / sharing;
    let mut numbers = Numbers::new(seed);
    let query = numbers.scaled(batch * heads * queries * depth, 2.0);
    let key = numbers.scaled(batch * own * keys * depth, 2.0);
    let value = numbers.take(own * batch * keys * value_depth);
    // What the reference reads: each position of all heads behind one another.
    let joined = |positions: usize, depth: usize, from: &dyn Fn(usize, usize, usize) -> Vec<f32>| -> Vec<f32> {
        let places =
            (0..batch * positions * heads).map(|at| (at / heads / positions, at % heads, at / heads % positions));
        places.flat_map(|(b, h, p)| from(b, h, p)[..depth].to_vec()).collect()
    };
    let queries_joined = joined(queries, depth, &|b, h, p| query[((b * heads + h) * queries + p) * depth..].to_vec());
    let keys_joined = joined(keys, depth, &|b, h, p| key[((b * keys + p) * own + h / sharing) * depth..].to_vec());
    let values_joined =
        joined(keys, value_depth, &|b, h, p| value[((h / sharing * batch + b) * keys + p) * value_depth..].to_vec());
    let expected = reference(spec, [&queries_joined, &keys_joined, &values_joined], |_| 0.0);
    let operands = [
        Operand { numbers: &query, strides: [heads * queries * depth, queries * depth, depth], sharing: 1 },
        Operand { numbers: &key, strides: [keys * own * depth, depth, own * depth], sharing },
        Operand { numbers: &value, strides: [keys * value_depth, batch * keys * value_depth, value_depth], sharing },
    ];
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; expected.len()];
        attend(spec, operands, None, &mut out);
        assert_close(unit, &out, &expected, 5e-6);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sizes_are_right(
        (batch, heads) in (1_usize..3, 1_usize..4),
        (queries, keys) in (1_usize..40, 1_usize..70),
        (depth, value_depth) in (1_usize..40, 1_usize..70),
        seed: u64,
    ) {
        check(&AttentionSpec { batch, heads, queries, keys, depth, value_depth, scale: 0.3, guarded: false }, None, seed);
    }

    #[test]
    fn any_order_and_sharing_is_right(
        (batch, own, sharing) in (1_usize..3, 1_usize..4, 1_usize..4),
        (queries, keys) in (1_usize..20, 1_usize..40),
        (depth, value_depth) in (1_usize..20, 1_usize..40),
        seed: u64,
    ) {
        let heads = own * sharing;
        let spec = AttentionSpec { batch, heads, queries, keys, depth, value_depth, scale: 0.3, guarded: false };
        check_shared(&spec, sharing, seed);
    }
}
