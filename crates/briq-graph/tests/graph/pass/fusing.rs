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
