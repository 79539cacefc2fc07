//! Passes that leave every result as it was.

use briq_graph::pass::{Pass, optimize};
use expect_test::expect;

use super::arithmetic::Arithmetic;
use super::{check, text};

#[test]
fn dead_nodes_and_unread_constants_go() {
    check(
        &[Pass::Dead],
        "in x [n, 4]
         w = f32 [4, 4]
         a = Relu(x)
         b = MatMul(a, w)
         y = Neg(x)
         out y [n, 4]",
        &expect![[r#"
            y = Neg(x)
            -> y
            # node 2
        "#]],
    );
}

#[test]
fn dropout_goes_unless_its_mask_is_wanted() {
    check(
        &[Pass::Learning],
        "in x [n, 4]
         a, m = Dropout(x)
         y = Relu(a)
         z, keep = Dropout(x)
         out y [n, 4]
         out keep [n, 4]
         out z [n, 4]",
        &expect![[r#"
            y = Relu(x)
            z, keep = Dropout(x)
            -> y, keep, z
            # Dropout 1
        "#]],
    );
}

#[test]
fn identities_go_and_outputs_keep_their_names() {
    check(
        &[Pass::Identities, Pass::Scalars],
        "in x [n, 4]
         a = Identity(x)
         b = Relu(a)
         c = Cast(b) to=1
         d = Concat(c) axis=0
         one = 1.0
         e = Mul(d, one)
         y = Identity(e)
         out y [n, 4]",
        &expect![[r#"
            y = Relu(x)
            -> y
            # Cast 1, Concat 1, Identity 2, Mul 1
        "#]],
    );
}

#[test]
fn an_output_that_is_an_input_keeps_its_identity() {
    check(
        &[Pass::Identities],
        "in x [n]\ny = Identity(x)\nout y [n]",
        &expect![[r#"
        y = Identity(x)
        -> y
        # 
    "#]],
    );
}

#[test]
fn adding_zero_is_kept_for_numbers_that_have_a_negative_zero() {
    check(
        &[Pass::Scalars],
        "in x [n, 4]
         in i i64 [n]
         zero = 0.0
         none = int 0
         y = Add(x, zero)
         a = Add(i, none)
         z = Neg(a)
         out y [n, 4]
         out z i64 [n]",
        &expect![[r#"
            zero = 0
            y = Add(x, zero)
            z = Neg(i)
            -> y, z
            # Add 1
        "#]],
    );
}

#[test]
fn constants_are_computed_once() {
    check(
        &[Pass::Constants],
        "in x [n, 4]
         a = f32 [4]
         b = f32 [4]
         two = Constant() value_float=2.0
         c = Mul(a, two)
         d = Add(c, b)
         e = Sqrt(d)
         y = Add(x, e)
         out y [n, 4]
         out d [4]",
        &expect![[r#"
            d = F32[4]
            e = F32[4]
            y = Add(x, e)
            -> y, d
            # computed 3, constant 1
        "#]],
    );
}

#[test]
fn constants_that_would_fill_the_memory_stay_nodes() {
    check(
        &[Pass::Constants],
        "in x [n]
         c = f32 [1]
         s = ints 1000000, 1000000
         big = Expand(c, s)
         y = Mul(x, big)
         out y [n, n]",
        &expect![[r#"
            c = 1.080198
            s = [1000000, 1000000]
            big = Expand(c, s)
            y = Mul(x, big)
            -> y
            # 
        "#]],
    );
}

#[test]
fn what_is_random_is_never_folded_or_merged() {
    check(
        &[Pass::Constants, Pass::Duplicates],
        "in x [2]
         a = RandomNormal() shape=[2]
         b = RandomNormal() shape=[2]
         c = Sub(a, b)
         y = Add(x, c)
         out y [2]",
        &expect![[r#"
            a = RandomNormal() shape=[2]
            b = RandomNormal() shape=[2]
            c = Sub(a, b)
            y = Add(x, c)
            -> y
            # 
        "#]],
    );
}

#[test]
fn equals_become_one() {
    check(
        &[Pass::Duplicates],
        "in x [n, 4]
         c = 0.5
         d = 0.5
         a = Mul(x, c)
         b = Mul(x, d)
         e = Relu(a)
         f = Relu(b)
         g = Softmax(x) axis=0
         h = Softmax(x) axis=1
         i = Add(g, h)
         j = Add(e, f)
         y = Add(i, j)
         out y [n, 4]
         out b [n, 4]",
        &expect![[r#"
            c = 0.5
            b = Mul(x, c)
            e = Relu(b)
            g = Softmax(x) axis=0
            h = Softmax(x) axis=1
            i = Add(g, h)
            j = Add(e, e)
            y = Add(i, j)
            -> y, b
            # constant 1, node 2
        "#]],
    );
}

#[test]
fn initial_states_of_zeros_are_left_out() {
    check(
        &[Pass::Defaults],
        "in x [t, n, 4]
         in h0 [1, n, 2]
         w = f32 [1, 8, 4]
         r = f32 [1, 8, 2]
         shape = ints 2, 3, 2
         from = ints 0
         to = ints 1
         zeros = ConstantOfShape(shape)
         c0 = Slice(zeros, from, to, from)
         y, _, _ = LSTM(x, w, r, _, _, h0, c0) hidden_size=2
         out y [t, 1, n, 2]",
        &expect![[r#"
            w = F32[1, 8, 4]
            r = F32[1, 8, 2]
            y, _, _ = LSTM(x, w, r, _, _, h0, _) hidden_size=2
            -> y
            # initial state 1
        "#]],
    );
}

#[test]
fn constants_of_one_element_are_scalars_where_that_changes_no_shape() {
    check(
        &[Pass::Scalars],
        "in x [n, 4]
         c = f32 [1, 1]
         d = f32 [1, 1, 1]
         y = Mul(c, x)
         z = Mul(d, x)
         out y [n, 4]
         out z [1, n, 4]",
        &expect![[r#"
            d = 1.090099
            c:1 = 1.080198
            y = Mul(c:1, x)
            z = Mul(d, x)
            -> y, z
            # scalar 1
        "#]],
    );
}

/// A factor of one may be where a parameter starts.
#[test]
fn what_learns_keeps_its_parameters() {
    check(
        Pass::TRAINING,
        "in x [n, 4]
         gain = 1.0
         w = f32 [4, 2]
         a = Identity(x)
         b = Mul(a, gain)
         c = Dropout(b)
         d = MatMul(c, w)
         e = MatMul(c, w)
         y = Add(d, e)
         out y [n, 2]",
        &expect![[r#"
            gain = 1
            w = F32[4, 2]
            b = Mul(x, gain)
            c = Dropout(b)
            d = MatMul(c, w)
            e = MatMul(c, w)
            y = Add(d, e)
            -> y
            # Identity 1
        "#]],
    );
}

/// Ten thousand nodes over one constant that all of them read: time has to stay about linear.
#[test]
fn large_graphs_are_optimised() {
    let layer = |place: usize| format!("h{} = Mul(h{place}, c)\nt{place} = Identity(c)\n", place + 1);
    let nodes: String = (0..5000).map(layer).collect();
    let graph = text::parse(&format!("in h0 [n, 4]\nc = 0.5\n{nodes}out h5000 [n, 4]"));
    let (graph, report) = optimize(graph, Pass::INFERENCE, &mut Arithmetic).unwrap();
    assert_eq!((graph.nodes.len(), report.nodes()), (5000, Some((10_000, 5000))));
}
