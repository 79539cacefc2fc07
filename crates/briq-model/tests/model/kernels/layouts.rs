//! Values that lie channels last and are turned, cut, joined and reshaped.

use briq_graph::Node;

use super::case::Case;

fn image() -> Case {
    Case::new(18)
        .input("x", &[6, 4, 5])
        .constant("w", &[8, 6, 3, 3])
        .constant("v", &[6, 8, 1, 1])
        .node(Node::new("c", "Conv", &["x", "w"], &["c"]).with("pads", vec![1, 1, 1, 1]))
}

#[test]
fn turned() {
    let turns = [[0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2], [1, 0, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]];
    for perm in turns {
        let node = Node::new("t", "Transpose", &["c"], &["t"]).with("perm", perm.to_vec());
        image().node(node.clone()).plain("Relu", &["t"], "y").output("y", 4).output("t", 4).agrees();
        let back = Node::new("u", "Transpose", &["y"], &["u"]).with("perm", vec![0, 3, 1, 2]);
        image().node(node).plain("Exp", &["t"], "y").node(back).output("u", 4).agrees();
    }
}

#[test]
fn reshaped() {
    for (shape, rank) in [(&[0, -1][..], 2), (&[0, 8, 20], 3), (&[-1, 5], 2), (&[0, 2, 4, 4, 5], 5)] {
        let case = image().integers("s", shape).plain("Reshape", &["c", "s"], "r");
        case.plain("Softmax", &["r"], "y").output("y", rank).agrees();
    }
    image()
        .plain("Flatten", &["c"], "f")
        .constant("m", &[160, 3])
        .plain("MatMul", &["f", "m"], "y")
        .output("y", 2)
        .agrees();
}

#[test]
fn cut_and_joined() {
    let sliced = |name: &str, starts: &str, ends: &str| Node::new(name, "Slice", &["c", starts, ends, "axes"], &[name]);
    let case = || image().integers("axes", &[1]).integers("zero", &[0]).integers("three", &[3]).integers("end", &[8]);
    let case = || case().node(sliced("a", "zero", "three")).node(sliced("b", "three", "end"));
    case().plain("Relu", &["a"], "y").plain("Exp", &["b"], "z").output("y", 4).output("z", 4).agrees();
    let joined = || Node::new("j", "Concat", &["b", "a"], &["j"]).with("axis", 1);
    case().node(joined()).plain("Conv", &["j", "v"], "y").output("y", 4).output("a", 4).agrees();
    let other = Node::new("j", "Concat", &["x", "c", "a"], &["j"]).with("axis", 1);
    case().node(other).plain("Relu", &["j"], "y").output("y", 4).agrees();
    let split = Node::new("s", "Split", &["c"], &["p", "q"]).with("axis", 1).with("num_outputs", 2);
    image().node(split).plain("Mul", &["p", "q"], "m").plain("Add", &["m", "p"], "y").output("y", 4).agrees();
}

#[test]
fn between_convolutions() {
    let case = image().plain("Relu", &["c"], "a").plain("Conv", &["a", "v"], "d").plain("Add", &["d", "x"], "s");
    let mean = Node::new("m", "ReduceMean", &["s"], &["m"]).with("keepdims", 0);
    case.clone().output("s", 4).output("a", 4).agrees();
    case.clone().node(mean).output("s", 4).agrees();
    let pad = case.integers("p", &[0, 0, 1, 1, 0, 0, 0, 2]).plain("Pad", &["s", "p"], "y");
    pad.output("y", 4).agrees();
}

#[test]
fn images_of_one_channel_or_point() {
    for (channels, height, width) in [(1, 4, 5), (6, 1, 1), (1, 1, 7), (6, 3, 1)] {
        let case = Case::new(18).input("x", &[channels, height, width]).constant("w", &[channels, channels, 1, 1]);
        let case =
            case.plain("Conv", &["x", "w"], "c").constant("k", &[1, channels, 1, 1]).plain("Mul", &["c", "k"], "m");
        let case = case.node(Node::new("t", "Transpose", &["m"], &["t"]).with("perm", vec![0, 2, 3, 1]));
        case.plain("Add", &["m", "x"], "y").output("y", 4).output("t", 4).agrees();
    }
}
