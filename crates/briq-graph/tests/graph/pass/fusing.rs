//! Passes that make one node of several.

use briq_graph::pass::Pass;
use expect_test::expect;

use super::check;

#[test]
fn batch_normalisation_goes_into_the_convolution() {
    let graph = "in x [n, 2, 8, 8]
         w = f32 [4, 2, 3, 3]
         b = f32 [4]
         scale = f32 [4]
         bias = f32 [4]
         mean = f32 [4]
         var = f32 [4]
         c = Conv(x, w, b) pads=[1,1,1,1]
         y = BatchNormalization(c, scale, bias, mean, var) epsilon=0.001
         out y [n, 4, 8, 8]";
    check(
        &[Pass::Scales],
        graph,
        &expect![[r#"
            w = F32[4, 2, 3, 3]
            b = F32[4]
            scale = F32[4]
            bias = F32[4]
            mean = F32[4]
            var = F32[4]
            var:1 = 0.001
            y:4:7 = [-1, 1, 1, 1]
            y:2 = Add(var, var:1)
            y:3 = Sqrt(y:2)
            y:4 = Div(scale, y:3)
            y:5 = Mul(mean, y:4)
            y:6 = Sub(bias, y:5)
            y:8 = Reshape(y:4, y:4:7)
            y:9 = Mul(w, y:8)
            y:10 = Mul(b, y:4)
            y:11 = Add(y:10, y:6)
            y = Conv(x, y:9, y:11) pads=[1, 1, 1, 1]
            -> y
            # BatchNormalization 1
        "#]],
    );
    check(
        &[Pass::Scales, Pass::Constants],
        graph,
        &expect![[r#"
        y:9 = F32[4, 2, 3, 3]
        y:11 = F32[4]
        y = Conv(x, y:9, y:11) pads=[1, 1, 1, 1]
        -> y
        # BatchNormalization 1, computed 9
    "#]],
    );
}

#[test]
fn scales_and_shifts_go_into_weights_and_biases() {
    check(
        &[Pass::Scales, Pass::Constants],
        "in x [n, 2, 8, 8]
         w = f32 [2, 4, 3, 3]
         f = f32 [4, 1, 1]
         g = f32 [1, 4, 1, 1]
         h = 2.0
         a = ConvTranspose(x, w)
         b = Mul(f, a)
         c = Sub(b, g)
         y = Div(c, h)
         out y [n, 4, 10, 10]",
        &expect![[r#"
            y:16 = F32[2, 4, 3, 3]
            y:17 = F32[4]
            y = ConvTranspose(x, y:16, y:17)
            -> y
            # factor 2, shift 1, computed 11
        "#]],
    );
}

#[test]
fn a_value_that_is_wanted_before_it_is_scaled_stays() {
    check(
        &[Pass::Scales],
        "in x [n, 2, 8, 8]
         w = f32 [4, 2, 3, 3]
         f = f32 [4, 1, 1]
         c = Conv(x, w)
         y = Mul(c, f)
         out y [n, 4, 6, 6]
         out c [n, 4, 6, 6]",
        &expect![[r#"
            w = F32[4, 2, 3, 3]
            f = F32[4, 1, 1]
            c = Conv(x, w)
            y = Mul(c, f)
            -> y, c
            # 
        "#]],
    );
    check(
        &[Pass::Scales],
        "in x [n, 2, 8, 4]
         w = f32 [4, 2, 3, 1]
         f = f32 [4]
         c = Conv(x, w)
         y = Mul(c, f)
         out y [n, 4, 6, 4]",
        &expect![[r#"
            w = F32[4, 2, 3, 1]
            f = F32[4]
            c = Conv(x, w)
            y = Mul(c, f)
            -> y
            # 
        "#]],
    );
}

#[test]
fn padding_goes_into_the_convolution() {
    check(
        &[Pass::Scales],
        "in x [n, 2, 8, 8]
         w = f32 [4, 2, 3, 3]
         p = ints 0, 0, 1, 2, 0, 0, 3, 4
         a = Pad(x, p)
         y = Conv(a, w) pads=[1,1,0,0]
         out y [n, 4, 11, 13]",
        &expect![[r#"
            w = F32[4, 2, 3, 3]
            y = Conv(x, w) pads=[2, 3, 3, 4]
            -> y
            # Pad 1
        "#]],
    );
}

#[test]
fn products_with_constant_matrices_are_fused_with_their_bias() {
    check(
        &[Pass::Products, Pass::Scales, Pass::Constants, Pass::Epilogues],
        "in x [n, t, 4]
         w = f32 [4, 6]
         b = f32 [6]
         v = f32 [6, 4]
         a = MatMul(x, w)
         c = Add(b, a)
         d = Relu(c)
         e = MatMul(d, v)
         y = Add(e, x)
         out y [n, t, 4]",
        &expect![[r#"
            w = F32[4, 6]
            b = F32[6]
            v = F32[6, 4]
            d = briq.Gemm(x, w, b) activation=relu
            y = briq.Gemm(d, v, _, x)
            -> y
            # MatMul 2, shift 1, activation 1, residual 1
        "#]],
    );
}

#[test]
fn gemm_folds_its_numbers_into_the_matrix() {
    check(
        &[Pass::Products, Pass::Constants],
        "in x [n, 4]
         in z [n, 6]
         w = f32 [6, 4]
         b = f32 [1, 6]
         s = f32 [1]
         a = Gemm(x, w, b) alpha=0.5 beta=2.0 transB=1
         c = Gemm(x, w, z) transB=1
         d = Gemm(x, w, s) transB=1
         e = Gemm(x, w, z) beta=2.0 transB=1
         f = Add(a, c)
         g = Add(d, e)
         y = Mul(f, g)
         out y [n, 6]",
        &expect![[r#"
            w = F32[6, 4]
            a:2 = F32[6, 4]
            a:6 = F32[6]
            d:10 = F32[6]
            a = briq.Gemm(x, a:2, a:6) transB=1
            c = briq.Gemm(x, w, _, z) transB=1
            d = briq.Gemm(x, w, d:10) transB=1
            e = Gemm(x, w, z) beta=2.0 transB=1
            f = Add(a, c)
            g = Add(d, e)
            y = Mul(f, g)
            -> y
            # Gemm 3, computed 5
        "#]],
    );
}

#[test]
fn residual_and_activation_go_behind_the_convolution() {
    check(
        &[Pass::Epilogues],
        "in x [n, 4, h, w]
         w = f32 [4, 4, 3, 3]
         v = f32 [4, 4, 1, 1]
         b = f32 [4]
         low = 0.0
         high = 6.0
         a = Conv(x, w, b) pads=[1,1,1,1]
         c = Clip(a, low, high)
         d = Conv(c, v)
         e = Add(x, d)
         y = LeakyRelu(e) alpha=0.1
         out y [n, 4, h, w]",
        &expect![[r#"
            w = F32[4, 4, 3, 3]
            v = F32[4, 4, 1, 1]
            b = F32[4]
            c = briq.Conv(x, w, b) activation=clip activation_alpha=0.0 activation_beta=6.0 pads=[1, 1, 1, 1]
            y = briq.Conv(c, v, _, x) activation=leaky_relu activation_alpha=0.1
            -> y
            # activation 2, residual 1
        "#]],
    );
}

#[test]
fn what_is_broadcast_is_no_residual() {
    check(
        &[Pass::Epilogues],
        "in x [n, 4, 8, 8]
         in r [n, 4, 1, 1]
         w = f32 [4, 4, 1, 1]
         a = Conv(x, w)
         y = Add(a, r)
         out y [n, 4, 8, 8]",
        &expect![[r#"
            w = F32[4, 4, 1, 1]
            a = Conv(x, w)
            y = Add(a, r)
            -> y
            # 
        "#]],
    );
}

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
