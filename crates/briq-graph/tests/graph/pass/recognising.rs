//! Activations and normalisations that were written out.

use briq_graph::pass::Pass;
use expect_test::expect;

use super::check;

#[test]
fn gelu_is_recognised_in_every_order() {
    let torch = "in x [n, 4]
         root = 1.4142135381698608
         one = 1.0
         half = 0.5
         a = Div(x, root)
         b = Erf(a)
         c = Add(b, one)
         d = Mul(x, c)
         y = Mul(d, half)
         out y [n, 4]";
    check(
        &[Pass::Activations],
        torch,
        &expect![[r#"
        y = Gelu(x)
        -> y
        # Gelu 1
    "#]],
    );
    let keras = "in x [n, 4]
         root = 0.7071067690849304
         one = 1.0
         half = 0.5
         a = Mul(root, x)
         b = Erf(a)
         c = Add(one, b)
         d = Mul(half, x)
         y = Mul(d, c)
         out y [n, 4]";
    check(
        &[Pass::Activations],
        keras,
        &expect![[r#"
        y = Gelu(x)
        -> y
        # Gelu 1
    "#]],
    );
    let tanh = "in x [n, 4]
         three = 3.0
         cubic = 0.044715
         scale = 0.7978845834732056
         one = 1.0
         half = 0.5
         a = Pow(x, three)
         b = Mul(cubic, a)
         c = Add(x, b)
         d = Mul(c, scale)
         e = Tanh(d)
         f = Add(e, one)
         g = Mul(x, f)
         y = Mul(half, g)
         out y [n, 4]";
    check(
        &[Pass::Activations],
        tanh,
        &expect![[r#"
        y = Gelu(x) approximate=tanh
        -> y
        # Gelu 1
    "#]],
    );
}

#[test]
fn gated_activations_are_recognised() {
    check(
        &[Pass::Activations],
        "in x [n, 4]
         three = 3.0
         six = 6.0
         zero = 0.0
         s = Sigmoid(x)
         a = Mul(s, x)
         b = Add(a, three)
         c = Clip(b, zero, six)
         d = Mul(a, c)
         e = Div(d, six)
         f = Softplus(e)
         g = Tanh(f)
         h = Mul(e, g)
         i = Add(h, three)
         j = Relu(i)
         k = Min(j, six)
         y = Div(k, six)
         out y [n, 4]",
        &expect![[r#"
            a = briq.Silu(x)
            e = HardSwish(a)
            h = Mish(e)
            y = HardSigmoid(h) alpha=0.16666667 beta=0.5
            -> y
            # Clip 1, HardSigmoid 1, HardSwish 1, Mish 1, Silu 1
        "#]],
    );
}

#[test]
fn layer_normalisation_is_recognised() {
    check(
        &[Pass::Normalizations],
        "in x [n, 4]
         last = ints -1
         two = 2.0
         small = 0.00001
         scale = f32 [4]
         bias = f32 [4]
         a = ReduceMean(x, last)
         b = Sub(x, a)
         c = Pow(b, two)
         d = ReduceMean(c, last)
         e = Add(d, small)
         f = Sqrt(e)
         g = Div(b, f)
         h = Mul(g, scale)
         y = Add(bias, h)
         i = Mul(b, b)
         j = ReduceMean(i, last)
         k = Add(small, j)
         l = Sqrt(k)
         m = Reciprocal(l)
         z = Mul(m, b)
         out y [n, 4]
         out z [n, 4]",
        &expect![[r#"
            scale = F32[4]
            bias = F32[4]
            x:1 = F32[4]
            y = LayerNormalization(x, scale, bias) axis=-1 epsilon=1e-5
            z = LayerNormalization(x, x:1) axis=-1 epsilon=1e-5
            -> y, z
            # LayerNormalization 2
        "#]],
    );
}

#[test]
fn layer_normalisation_is_recognised_multiplied_out() {
    check(
        &[Pass::Normalizations],
        "in x [n, 6, 4]
         small = 0.001
         scale = f32 [1, 1, 4]
         bias = f32 [1, 1, 4]
         a = GlobalAveragePool(x)
         n = Neg(a)
         b = Sub(x, a)
         c = Mul(b, b)
         d = GlobalAveragePool(c)
         e = Add(d, small)
         f = Sqrt(e)
         r = Reciprocal(f)
         m = Mul(r, scale)
         p = Mul(x, m)
         q = Mul(n, m)
         s = Add(q, bias)
         y = Add(p, s)
         out y [n, 6, 4]",
        &expect![[r#"
            scale = F32[1, 1, 4]
            bias = F32[1, 1, 4]
            scale:1 = [-1]
            bias:3 = [-1]
            y:2 = Reshape(scale, scale:1)
            y:4 = Reshape(bias, bias:3)
            y = LayerNormalization(x, y:2, y:4) axis=-1 epsilon=0.001
            -> y
            # LayerNormalization 1
        "#]],
    );
}

#[test]
fn root_mean_square_normalisation_is_recognised() {
    check(
        &[Pass::Normalizations],
        "in x [n, 4]
         last = ints -1
         two = 2.0
         one = 1.0
         small = 0.00001
         scale = f32 [4]
         c = Pow(x, two)
         d = ReduceMean(c, last)
         e = Add(d, small)
         f = Sqrt(e)
         r = Div(one, f)
         g = Mul(x, r)
         y = Mul(scale, g)
         out y [n, 4]",
        &expect![[r#"
            scale = F32[4]
            y = RMSNormalization(x, scale) axis=-1 epsilon=1e-5
            -> y
            # RMSNormalization 1
        "#]],
    );
}
