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
fn rearrangements_that_follow_each_other_become_one() {
    check(
        &[Pass::Identities],
        "in x [2, 3, 4]
         a = Transpose(x) perm=[1,0,2]
         b = Transpose(a) perm=[1,0,2]
         c = Relu(b)
         d = Transpose(c) perm=[1,0,2]
         e = Transpose(d) perm=[0,2,1]
         s = ints 4, 6
         t = ints -1
         f = Reshape(e, s)
         y = Reshape(f, t)
         out y [24]",
        &expect![[r#"
            t = [-1]
            c = Relu(x)
            e = Transpose(c) perm=[1, 2, 0]
            y = Reshape(e, t)
            -> y
            # Transpose 1, pair 3
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
fn what_is_known_of_a_dynamic_shape_is_a_constant() {
    check(
        &[Pass::Shapes],
        "in x [n, 3, 4]
         s = Shape(x)
         zero = int 0
         two = int 2
         axis = ints 0
         batch = Gather(s, zero) axis=0
         last = Gather(s, two) axis=0
         a = Unsqueeze(batch, axis)
         b = Unsqueeze(last, axis)
         three = ints 3
         t = Concat(a, three, b) axis=0
         y = Reshape(x, t)
         p = Mul(last, two)
         q = Unsqueeze(p, axis)
         u = Concat(a, q, three) axis=0
         z = Reshape(x, u)
         w = ConstantOfShape(b)
         out y [n, 3, 4]
         out z [n, 8, 3]
         out w [4]",
        &expect![[r#"
            b = [4]
            t:1 = [-1, 3, 4]
            u:2 = [-1, 8, 3]
            y = Reshape(x, t:1)
            z = Reshape(x, u:2)
            w = ConstantOfShape(b)
            -> y, z, w
            # Reshape 2, constant 4
        "#]],
    );
}

#[test]
fn two_dynamic_axes_stay_where_they_are() {
    check(
        &[Pass::Shapes],
        "in x [n, t, 8]
         s = Shape(x)
         from = ints 0
         to = ints 2
         head = Slice(s, from, to)
         rest = ints 2, 4
         t1 = Concat(head, rest) axis=0
         y = Reshape(x, t1)
         swap = ints 1, 0
         back = Gather(head, swap)
         rest2 = ints 8
         t2 = Concat(back, rest2) axis=0
         z = Reshape(x, t2)
         out y [n, t, 2, 4]
         out z [t, n, 8]",
        &expect![[r#"
            from = [0]
            to = [2]
            swap = [1, 0]
            rest2 = [8]
            t1:1 = [0, -1, 2, 4]
            s = Shape(x)
            head = Slice(s, from, to)
            y = Reshape(x, t1:1)
            back = Gather(head, swap)
            t2 = Concat(back, rest2) axis=0
            z = Reshape(x, t2)
            -> y, z
            # Reshape 1
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
fn transposes_that_are_undone_are_not_done() {
    check(
        &[Pass::Transposes],
        "in x [a, b, 4]
         half = 0.5
         row = f32 [4]
         first = ints 0
         two = ints 2
         four = ints 4
         last = ints -1
         t = Transpose(x) perm=[1,0,2]
         u = Mul(half, t)
         v = Add(u, row)
         w = Relu(v)
         p = Slice(w, first, two, last)
         q = Slice(w, two, four, last)
         y = Transpose(p) perm=[1,0,2]
         k = Neg(y)
         z = Transpose(q) perm=[1,0,2]
         l = Neg(z)
         out k [a, b, 2]
         out l [a, b, 2]",
        &expect![[r#"
            half = 0.5
            row = F32[4]
            first = [0]
            two = [2]
            four = [4]
            last = [-1]
            u = Mul(half, x)
            v = Add(u, row)
            w = Relu(v)
            p = Slice(w, first, two, last)
            q = Slice(w, two, four, last)
            k = Neg(p)
            l = Neg(q)
            -> k, l
            # Transpose 1
        "#]],
    );
}

#[test]
fn transposes_stay_where_the_order_matters() {
    check(
        &[Pass::Transposes],
        "in x [a, b, 4]
         in m [b, a, 4]
         row = f32 [4]
         t = Transpose(x) perm=[2,1,0]
         u = Add(t, row)
         k = Transpose(u) perm=[2,1,0]
         r = Transpose(x) perm=[1,0,2]
         s = Mul(r, m)
         l = Transpose(s) perm=[1,0,2]
         v = Transpose(x) perm=[1,2,0]
         w = Relu(v)
         n = Transpose(w) perm=[1,2,0]
         y = Neg(k)
         z = Neg(l)
         o = Neg(n)
         out y [a, b, 4]
         out z [a, b, 4]
         out o [4, a, b]",
        &expect![[r#"
            row = F32[4]
            t = Transpose(x) perm=[2, 1, 0]
            u = Add(t, row)
            k = Transpose(u) perm=[2, 1, 0]
            r = Transpose(x) perm=[1, 0, 2]
            s = Mul(r, m)
            l = Transpose(s) perm=[1, 0, 2]
            v = Transpose(x) perm=[1, 2, 0]
            w = Relu(v)
            n = Transpose(w) perm=[1, 2, 0]
            y = Neg(k)
            z = Neg(l)
            o = Neg(n)
            -> y, z, o
            # 
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
