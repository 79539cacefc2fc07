//! What stands beside a convolution or a product joins it.

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
fn projections_of_one_input_become_one_product() {
    check(
        &[Pass::Products, Pass::Scales, Pass::Projections],
        "in x [b, s, 4]
         in z [b, s, 4]
         wq = f32 [4, 6]
         wk = f32 [4, 6]
         wv = f32 [4, 2]
         bq = f32 [6]
         bk = f32 [6]
         bv = f32 [2]
         mq = MatMul(x, wq)
         q = Add(mq, bq)
         mk = MatMul(x, wk)
         k = Add(mk, bk)
         mv = MatMul(x, wv)
         v = Add(mv, bv)
         o = MatMul(z, wv)
         out q [b, s, 6]
         out k [b, s, 6]
         out v [b, s, 2]
         out o [b, s, 2]",
        &expect![[r#"
            wq = F32[4, 6]
            wk = F32[4, 6]
            wv = F32[4, 2]
            bq = F32[6]
            bk = F32[6]
            bv = F32[2]
            q:3:4 = [6, 6, 2]
            wq:1 = Concat(wq, wk, wv) axis=1
            bq:2 = Concat(bq, bk, bv) axis=0
            q:3 = briq.Gemm(x, wq:1, bq:2)
            q, k, v = Split(q:3, q:3:4) axis=-1
            o = briq.Gemm(z, wv)
            -> q, k, v, o
            # MatMul 4, shift 3, product 1
        "#]],
    );
}

#[test]
fn a_product_on_merged_axes_is_carried_out_on_all() {
    check(
        &[Pass::Products, Pass::Ranks, Pass::Identities, Pass::Shapes, Pass::Identities, Pass::Scales],
        "in x [b, s, 4]
         w = f32 [4, 6]
         bias = f32 [6]
         merge = ints -1, 4
         batch = int 0
         one = ints 0
         shape = Shape(x)
         lengths = Gather(shape, both)
         both = ints 0, 1
         six = ints 6
         target = Concat(lengths, six) axis=0
         flat = Reshape(x, merge)
         product = MatMul(flat, w)
         split = Reshape(product, target)
         y = Add(split, bias)
         out y [b, s, 6]",
        &expect![[r#"
            w = F32[4, 6]
            bias = F32[6]
            y = briq.Gemm(x, w, bias)
            -> y
            # MatMul 1, product 1, Reshape 1, pair 1, shift 1
        "#]],
    );
}
