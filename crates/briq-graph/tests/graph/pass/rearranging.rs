//! Shapes that are known, and axes that are moved to and fro.

use briq_graph::pass::Pass;
use expect_test::expect;

use super::check;

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
fn parts_of_columns_are_taken_before_they_are_split() {
    check(
        &[Pass::Slices],
        "in x [n, 5, 24]
         split = ints 0, 5, 3, 2, 4
         zero = ints 0
         one = ints 1
         two = ints 2
         three = ints 3
         a = Reshape(x, split)
         b = Transpose(a) perm=[2,0,3,1,4]
         c = Slice(b, one, two, zero, one)
         y = Squeeze(c, zero)
         d = Slice(a, two, three, two, one)
         z = Squeeze(d, two)
         e = Slice(a, zero, one, three)
         w = Squeeze(e, three)
         out y [n, 2, 5, 4]
         out z [n, 5, 2, 4]
         out w [n, 5, 3, 4]",
        &expect![[r#"
            split = [0, 5, 3, 2, 4]
            zero = [0]
            one = [1]
            three = [3]
            y:1 = [8]
            y:2 = [16]
            y:3 = [-1]
            y:5 = [0, 0, 2, 4]
            z:7 = [16]
            z:8 = [24]
            z:9 = [-1]
            z:11 = [0, 0, 2, 4]
            a = Reshape(x, split)
            y:4 = Slice(x, y:1, y:2, y:3)
            y:6 = Reshape(y:4, y:5)
            y = Transpose(y:6) perm=[0, 2, 1, 3]
            z:10 = Slice(x, z:7, z:8, z:9)
            z = Reshape(z:10, z:11)
            e = Slice(a, zero, one, three)
            w = Squeeze(e, three)
            -> y, z, w
            # Slice 2
        "#]],
    );
}
