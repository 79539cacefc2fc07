//! Attention that was written out.

use briq_graph::pass::{Pass, optimize};
use expect_test::expect;

use super::peer::Peer;
use super::{check, text};

/// Queries, keys and values of two heads of depth three.
const HEADS: &str = "in q [b, s, 6]
     in k [b, t, 6]
     in v [b, t, 6]
     in mask [b, 1, 1, t]
     split = ints 0, 0, 2, 3
     join = ints 0, 0, 6
     scale = 0.5
     q4 = Reshape(q, split)
     k4 = Reshape(k, split)
     v4 = Reshape(v, split)
     qh = Transpose(q4) perm=[0,2,1,3]
     kh = Transpose(k4) perm=[0,2,3,1]
     vh = Transpose(v4) perm=[0,2,1,3]
     out y [b, s, 6]\n";

#[test]
fn attention_is_recognised() {
    let masked = "scores = MatMul(qh, kh)
         scaled = Mul(scores, scale)
         masked = Add(mask, scaled)
         weights = Softmax(masked) axis=-1
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)";
    check(
        &[Pass::Attention],
        &format!("{HEADS}{masked}"),
        &expect![[r#"
        y = briq.Attention(q, k, v, mask) num_heads=2 scale=0.5
        -> y
        # Attention 1
    "#]],
    );
    let scaled_before = "qs = Mul(qh, scale)
         ks = Div(kh, scale)
         scores = MatMul(qs, ks)
         weights = Softmax(scores) axis=3
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)";
    check(
        &[Pass::Attention],
        &format!("{HEADS}{scaled_before}"),
        &expect![[r#"
        y = briq.Attention(q, k, v) num_heads=2 scale=1.0
        -> y
        # Attention 1
    "#]],
    );
}

#[test]
fn what_only_resembles_attention_stays() {
    let over_queries = "scores = MatMul(qh, kh)
         weights = Softmax(scores) axis=2
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)";
    check(
        &[Pass::Attention],
        &format!("{HEADS}{over_queries}"),
        &expect![[r#"
        split = [0, 0, 2, 3]
        join = [0, 0, 6]
        q4 = Reshape(q, split)
        k4 = Reshape(k, split)
        v4 = Reshape(v, split)
        qh = Transpose(q4) perm=[0, 2, 1, 3]
        kh = Transpose(k4) perm=[0, 2, 3, 1]
        vh = Transpose(v4) perm=[0, 2, 1, 3]
        scores = MatMul(qh, kh)
        weights = Softmax(scores) axis=2
        context = MatMul(weights, vh)
        merged = Transpose(context) perm=[0, 2, 1, 3]
        y = Reshape(merged, join)
        -> y
        # 
    "#]],
    );
    let heads_behind = "back = ints 0, 0, 3, 2
         k5 = Reshape(k, back)
         kd = Transpose(k5) perm=[0,3,2,1]
         scores = MatMul(qh, kd)
         weights = Softmax(scores) axis=-1
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)";
    check(
        &[Pass::Attention],
        &format!("{HEADS}{heads_behind}"),
        &expect![[r#"
        split = [0, 0, 2, 3]
        join = [0, 0, 6]
        back = [0, 0, 3, 2]
        q4 = Reshape(q, split)
        v4 = Reshape(v, split)
        qh = Transpose(q4) perm=[0, 2, 1, 3]
        vh = Transpose(v4) perm=[0, 2, 1, 3]
        k5 = Reshape(k, back)
        kd = Transpose(k5) perm=[0, 3, 2, 1]
        scores = MatMul(qh, kd)
        weights = Softmax(scores) axis=-1
        context = MatMul(weights, vh)
        merged = Transpose(context) perm=[0, 2, 1, 3]
        y = Reshape(merged, join)
        -> y
        # 
    "#]],
    );
}

#[test]
fn attention_with_positions_first_is_brought_into_order() {
    check(
        &[Pass::Attention, Pass::Identities],
        "in x [s, b, 6]
         split = ints 0, -1, 3
         join = ints -1, 6
         q3 = Reshape(x, split)
         q = Transpose(q3) perm=[1,0,2]
         k = Transpose(q3) perm=[1,2,0]
         scores = MatMul(q, k)
         weights = Softmax(scores) axis=-1
         context = MatMul(weights, q)
         merged = Transpose(context) perm=[1,0,2]
         y = Reshape(merged, join)
         out y [n, 6]",
        &expect![[r#"
            join = [-1, 6]
            x:1 = Transpose(x) perm=[1, 0, 2]
            x:2 = Transpose(x) perm=[1, 0, 2]
            x:3 = Transpose(x) perm=[1, 0, 2]
            y:4 = briq.Attention(x:1, x:2, x:3) num_heads=2 scale=1.0
            y:4:5 = Transpose(y:4) perm=[1, 0, 2]
            y = Reshape(y:4:5, join)
            -> y
            # Attention 1
        "#]],
    );
}

/// Attention whose weights are read through a guard: the condition, and what is put where it holds.
fn guarded(condition: &str, instead: &str) -> String {
    format!(
        "{HEADS}scores = MatMul(qh, kh)
         masked = Add(scores, mask)
         weights = Softmax(masked) axis=-1
         absent = {condition}
         instead = {instead}
         kept = Where(absent, instead, weights)
         context = MatMul(kept, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)"
    )
}

#[test]
fn zeros_may_stand_for_weights_that_are_not_numbers() {
    check(
        &[Pass::Attention],
        &guarded("IsNaN(weights)", "0.0"),
        &expect![[r#"
            y = briq.Attention(q, k, v, mask) guarded=1 num_heads=2 scale=1.0
            -> y
            # Attention 1
        "#]],
    );
    let stays = |text: &str| {
        let (graph, _) = optimize(text::parse(text), &[Pass::Attention], &mut super::arithmetic::Arithmetic).unwrap();
        assert!(graph.nodes.iter().all(|node| node.operator != "Attention"), "{text}");
    };
    stays(&guarded("IsNaN(weights)", "0.5"));
    stays(&guarded("IsNaN(masked)", "0.0"));
    stays(&guarded("IsInf(weights)", "0.0"));
    stays(&format!("{}\nout weights [b, 2, s, t]", guarded("IsNaN(weights)", "0.0")));
    stays(&format!("{}\nout absent [b, 2, s, t]", guarded("IsNaN(weights)", "0.0")));
}

#[test]
fn scores_may_be_replaced_instead_of_masked() {
    let behind = "weights = Softmax(masked) axis=-1
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)";
    let replaced = |choice: &str, number: &str| {
        let scores = "scores = MatMul(qh, kh)\nscaled = Mul(scores, scale)\nhidden = Cast(mask) to=9";
        format!("{HEADS}never = {number}\n{scores}\nmasked = Where(hidden, {choice})\n{behind}")
    };
    check(
        &[Pass::Attention],
        &replaced("never, scaled", "-1e9"),
        &expect![[r#"
        never = -1000000000
        never:1 = 0
        hidden = Cast(mask) to=9
        y:2 = Where(hidden, never, never:1)
        y = briq.Attention(q, k, v, y:2) num_heads=2 scale=0.5
        -> y
        # Attention 1
    "#]],
    );
    check(
        &[Pass::Attention],
        &replaced("scaled, never", "-inf"),
        &expect![[r#"
        never = -inf
        never:1 = 0
        hidden = Cast(mask) to=9
        y:2 = Where(hidden, never:1, never)
        y = briq.Attention(q, k, v, y:2) num_heads=2 scale=0.5
        -> y
        # Attention 1
    "#]],
    );
    let mild = optimize(
        text::parse(&replaced("never, scaled", "-10.0")),
        &[Pass::Attention],
        &mut super::arithmetic::Arithmetic,
    );
    assert!(mild.unwrap().0.nodes.iter().all(|node| node.operator != "Attention"));
    let Some(mut peer) = Peer::start() else { return };
    let before = text::parse(&replaced("scaled, never", "-1e9").replace("mask [b, 1, 1, t]", "mask i64 [b, 1, 1, t]"));
    let (after, _) = optimize(before.clone(), &[Pass::Attention], &mut peer).unwrap();
    assert!(peer.compare(&before, &after) < 1e-5);
}

/// Attention of four heads of queries, computed apart, to two of keys and values, each of which is repeated along an axis.
fn grouped(axis: usize, blown: &str) -> String {
    format!(
        "in q [b, 4, s, 3]
         in k [b, 2, t, 3]
         in v [b, 2, t, 3]
         out y [b, s, 12]
         axis = ints {axis}
         blown = ints {blown}
         whole = ints 0, 4, -1, 3
         join = ints 0, 0, 12
         k5 = Unsqueeze(k, axis)
         ke = Expand(k5, blown)
         kh = Reshape(ke, whole)
         kt = Transpose(kh) perm=[0,1,3,2]
         v5 = Unsqueeze(v, axis)
         ve = Expand(v5, blown)
         vh = Reshape(ve, whole)
         scores = MatMul(q, kt)
         weights = Softmax(scores) axis=-1
         context = MatMul(weights, vh)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)"
    )
}

#[test]
fn heads_that_queries_share_are_not_repeated() {
    check(
        &[Pass::Attention],
        &grouped(2, "1, 1, 2, 1, 1"),
        &expect![[r#"
            y = briq.Attention(q, k, v) num_heads=4 scale=1.0
            -> y
            # Attention 1
        "#]],
    );
    let turned = text::parse(&grouped(1, "1, 2, 1, 1, 1"));
    let (graph, _) = optimize(turned, &[Pass::Attention], &mut super::arithmetic::Arithmetic).unwrap();
    assert!(graph.nodes.iter().all(|node| node.operator != "Attention"), "heads take turns");
}

#[test]
fn heads_may_lie_apart() {
    check(
        &[Pass::Attention],
        "in q [b, 4, s, 3]
         in k [b, t, 12]
         in v [b, 4, t, 5]
         out y [b, s, 20]
         split = ints 0, 0, 4, 3
         join = ints 0, 0, 20
         scale = 0.5
         k4 = Reshape(k, split)
         kt = Transpose(k4) perm=[0,2,3,1]
         qs = Mul(q, scale)
         scores = MatMul(qs, kt)
         weights = Softmax(scores) axis=-1
         context = MatMul(weights, v)
         merged = Transpose(context) perm=[0,2,1,3]
         y = Reshape(merged, join)",
        &expect![[r#"
            y = briq.Attention(q, k, v) num_heads=4 scale=0.5
            -> y
            # Attention 1
        "#]],
    );
}

#[test]
fn heads_of_queries_are_not_shared() {
    let text = grouped(2, "1, 1, 2, 1, 1").replace("in q [b, 4, s, 3]", "in x [b, 2, s, 3]");
    let queries = "x5 = Unsqueeze(x, axis)\nxe = Expand(x5, blown)\nq = Reshape(xe, whole)\nscores =";
    let graph = text::parse(&text.replace("scores =", queries));
    let (graph, _) = optimize(graph, &[Pass::Attention], &mut super::arithmetic::Arithmetic).unwrap();
    assert!(graph.nodes.iter().all(|node| node.operator != "Attention"));
}
