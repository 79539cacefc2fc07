//! Convolutions and pools.

use briq_graph::Node;
use proptest::prelude::*;

use super::case::Case;

/// Groups, filters of each group, kernel, strides, dilations, pads.
type Shape<'a> = (usize, usize, usize, &'a [usize], &'a [i64], &'a [i64], &'a [i64]);

fn window(node: Node, strides: &[i64], dilations: &[i64], pads: &[i64]) -> Node {
    node.with("strides", strides.to_vec()).with("dilations", dilations.to_vec()).with("pads", pads.to_vec())
}

fn conv((groups, inner, outer, kernel, strides, dilations, pads): Shape, image: &[usize]) -> Case {
    let weights = [&[groups * outer, inner], kernel].concat();
    let node = window(Node::new("c", "Conv", &["x", "w", "b"], &["c"]), strides, dilations, pads);
    Case::new(18)
        .input("x", &[&[groups * inner], image].concat())
        .constant("w", &weights)
        .constant("b", &[groups * outer])
        .node(node.with("group", groups as i64))
}

#[test]
fn planes() {
    let cases: [Shape; 10] = [
        (1, 3, 8, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]),
        (1, 3, 16, &[7, 7], &[2, 2], &[1, 1], &[3, 3, 3, 3]),
        (1, 16, 24, &[1, 1], &[1, 1], &[1, 1], &[0, 0, 0, 0]),
        (1, 16, 5, &[1, 1], &[2, 2], &[1, 1], &[0, 0, 0, 0]),
        (2, 4, 6, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]),
        (17, 1, 1, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]),
        (16, 1, 2, &[5, 3], &[2, 1], &[1, 1], &[2, 0, 1, 2]),
        (1, 5, 7, &[3, 2], &[1, 2], &[2, 3], &[0, 3, 2, 1]),
        (1, 16, 16, &[3, 3], &[1, 1], &[1, 1], &[0, 2, 1, 0]),
        (3, 2, 1, &[2, 2], &[3, 3], &[1, 1], &[1, 0, 0, 1]),
    ];
    for case in cases {
        conv(case, &[11, 13]).output("c", 4).agrees();
    }
}

#[test]
fn lines() {
    let cases: [Shape; 5] = [
        (1, 4, 6, &[3], &[1], &[1], &[1, 1]),
        (1, 4, 6, &[5], &[2], &[2], &[3, 0]),
        (8, 1, 1, &[4], &[1], &[1], &[0, 3]),
        (2, 3, 5, &[1], &[1], &[1], &[0, 0]),
        (1, 1, 16, &[10], &[5], &[1], &[0, 0]),
    ];
    for case in cases {
        conv(case, &[29]).plain("Relu", &["c"], "y").output("y", 3).output("c", 3).agrees();
    }
}

#[test]
fn residuals_and_activations() {
    for operator in ["Relu", "Sigmoid", "Tanh", "HardSwish", "Elu", "LeakyRelu", "Softplus", "Mish", "HardSigmoid"] {
        let case = conv((1, 8, 8, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]), &[6, 5]);
        case.plain("Add", &["c", "x"], "s").plain(operator, &["s"], "y").output("y", 4).agrees();
    }
    let case = conv((1, 8, 8, &[1, 1], &[1, 1], &[1, 1], &[0, 0, 0, 0]), &[6, 5]);
    let case = case.plain("Sigmoid", &["c"], "g").plain("Mul", &["c", "g"], "y").output("y", 4);
    case.clone().agrees();
    case.plain("Add", &["x", "c"], "s").plain("Relu", &["s"], "z").output("s", 4).output("z", 4).agrees();
}

#[test]
fn what_broadcasts_is_no_residual() {
    for shape in [&[1, 8, 1, 1][..], &[8, 1, 1], &[1, 1, 5], &[6, 5], &[1], &[]] {
        let case = conv((1, 8, 8, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]), &[6, 5]);
        let case = case.constant("k", shape).plain("Add", &["c", "k"], "s").plain("Relu", &["s"], "y");
        case.output("y", 4).agrees();
    }
    let case = conv((1, 8, 8, &[3, 3], &[1, 1], &[1, 1], &[1, 1, 1, 1]), &[6, 5]).input("z", &[8, 1, 1]);
    case.plain("Add", &["c", "z"], "s").plain("Relu", &["s"], "y").output("y", 4).agrees();
}

#[test]
fn a_normalised_block_with_squeeze_and_excitation() {
    let node = Node::new("n", "BatchNormalization", &["c", "s", "t", "m", "v"], &["n"]);
    let mut case = conv((1, 3, 8, &[3, 3], &[2, 2], &[1, 1], &[1, 1, 1, 1]), &[9, 7]).node(node);
    for name in ["s", "t", "m", "v"] {
        case = case.constant(name, &[8]);
    }
    case.graph.initializers.last_mut().unwrap().data =
        briq_graph::Data::Inline([0.5_f32; 8].iter().flat_map(|number| number.to_le_bytes()).collect());
    case.constant("u", &[8, 8, 1, 1])
        .plain("Relu", &["n"], "r")
        .plain("GlobalAveragePool", &["r"], "g")
        .plain("Conv", &["g", "u"], "h")
        .plain("Sigmoid", &["h"], "i")
        .plain("Mul", &["i", "r"], "y")
        .output("y", 4)
        .agrees();
}

#[test]
fn pools() {
    let windows: [(&[i64], &[i64], &[i64]); 5] = [
        (&[2, 2], &[2, 2], &[0, 0, 0, 0]),
        (&[3, 3], &[2, 2], &[1, 1, 1, 1]),
        (&[3, 2], &[1, 2], &[0, 1, 1, 0]),
        (&[3, 3], &[2, 2], &[0, 0, 1, 1]),
        (&[5, 5], &[3, 3], &[2, 1, 1, 2]),
    ];
    for (kernel, strides, pads) in windows {
        for (operator, ceil, include) in [
            ("MaxPool", 0, 0),
            ("MaxPool", 1, 0),
            ("AveragePool", 0, 0),
            ("AveragePool", 0, 1),
            ("AveragePool", 1, 0),
            ("AveragePool", 1, 1),
        ] {
            let mut node = Node::new("p", operator, &["c"], &["p"]).with("kernel_shape", kernel.to_vec());
            node = node.with("strides", strides.to_vec()).with("pads", pads.to_vec()).with("ceil_mode", ceil);
            if operator == "AveragePool" {
                node = node.with("count_include_pad", include);
            }
            let case = conv((1, 3, 5, &[1, 1], &[1, 1], &[1, 1], &[0, 0, 0, 0]), &[10, 8]);
            case.node(node).output("p", 4).output("c", 4).agrees();
        }
    }
}

#[test]
fn pools_of_lines_and_whole_images() {
    for operator in ["MaxPool", "AveragePool"] {
        let node = Node::new("p", operator, &["x"], &["p"]).with("kernel_shape", vec![3]).with("strides", vec![2]);
        Case::new(18).input("x", &[4, 12]).node(node.with("pads", vec![1, 0])).output("p", 3).agrees();
    }
    for image in [&[12][..], &[5, 7]] {
        let shape = [&[4], image].concat();
        Case::new(18).input("x", &shape).plain("GlobalAveragePool", &["x"], "y").output("y", shape.len() + 1).agrees();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution(
        (groups, inner, outer) in (1_usize..4, 1_usize..6, 1_usize..6),
        kernel in prop::collection::vec(1_usize..5, 2),
        strides in prop::collection::vec(1_i64..4, 2),
        dilations in prop::collection::vec(1_i64..3, 2),
        pads in prop::collection::vec(0_i64..3, 4),
        image in prop::collection::vec(8_usize..15, 2),
    ) {
        let case = conv((groups, inner, outer, &kernel, &strides, &dilations, &pads), &image);
        case.plain("Relu", &["c"], "y").output("y", 4).agrees();
    }
}
