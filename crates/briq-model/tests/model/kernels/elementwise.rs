//! Functions of one or two numbers.

use briq_graph::{Data, ElementType, Initializer};
use proptest::prelude::*;

use super::case::Case;

/// An input whose value lies channels last, as `c`.
fn image() -> Case {
    Case::new(20).input("x", &[6, 4, 5]).constant("w", &[6, 6, 1, 1]).plain("Conv", &["x", "w"], "c")
}

#[test]
fn two_operands_of_every_kind() {
    let shapes: [&[usize]; 12] = [
        &[],
        &[1],
        &[5],
        &[4, 1],
        &[6, 1, 1],
        &[1, 6, 1, 1],
        &[6, 4, 5],
        &[1, 1, 4, 5],
        &[1, 6, 1, 5],
        &[1, 6, 4, 1],
        &[1, 1, 1, 1],
        &[1, 1, 6, 4, 5],
    ];
    for operator in ["Add", "Sub", "Mul", "Div"] {
        for shape in shapes {
            let rank = shape.len().max(4);
            let case = image().constant("k", shape).plain(operator, &["c", "k"], "y").output("y", rank);
            case.agrees();
            image().constant("k", shape).plain(operator, &["k", "x"], "y").output("y", rank).agrees();
            let case = image().constant("k", shape).plain(operator, &["k", "c"], "a").plain("Relu", &["a"], "y");
            case.output("y", rank).agrees();
        }
    }
}

#[test]
fn operands_of_both_orders() {
    let case = || image().input("z", &[6, 1, 1]).input("r", &[1, 4, 5]).input("f", &[6, 4, 5]);
    for (left, right) in
        [("c", "f"), ("f", "c"), ("c", "z"), ("z", "c"), ("c", "r"), ("r", "c"), ("z", "r"), ("c", "c")]
    {
        for operator in ["Add", "Sub", "Mul"] {
            let case = case().plain(operator, &[left, right], "y").plain("Add", &["y", "c"], "s");
            case.output("y", 4).output("s", 4).agrees();
        }
    }
}

#[test]
fn functions_of_one_number() {
    let operators = [
        "Abs",
        "Ceil",
        "Erf",
        "Exp",
        "Floor",
        "Neg",
        "Reciprocal",
        "Round",
        "Sigmoid",
        "Tanh",
        "Relu",
        "HardSwish",
        "Mish",
        "Softplus",
        "Elu",
        "LeakyRelu",
        "HardSigmoid",
        "Gelu",
    ];
    for operator in operators {
        image().plain(operator, &["c"], "y").output("y", 4).agrees();
        Case::new(20).input("x", &[7]).plain(operator, &["x"], "y").output("y", 2).agrees();
        let case = image().plain(operator, &["c"], "a").plain(operator, &["a"], "b").plain("Sub", &["a", "b"], "y");
        case.output("y", 4).output("c", 4).output("a", 4).agrees();
    }
    for operator in ["Sqrt", "Log"] {
        let case = Case::new(20).input("x", &[7]).plain("Abs", &["x"], "a").plain(operator, &["a"], "y");
        case.output("y", 2).agrees();
    }
}

#[test]
fn values_that_several_nodes_read() {
    let case = image().plain("Relu", &["c"], "a").plain("Exp", &["a"], "e").plain("Neg", &["a"], "n");
    let case = case.plain("Add", &["e", "n"], "s").plain("Mul", &["s", "a"], "t").plain("Sub", &["t", "c"], "y");
    case.clone().output("y", 4).agrees();
    case.output("a", 4).output("y", 4).output("s", 4).output("c", 4).agrees();
    let case = Case::new(20).input("x", &[3]).constant("k", &[3]).plain("Add", &["x", "k"], "y");
    case.plain("Relu", &["k"], "z").plain("Add", &["y", "z"], "s").output("s", 2).output("x", 2).agrees();
}

/// `Where` of operands of these shapes; a condition that is not a constant is the sign of an input.
fn choosing([condition, yes, no]: [&[usize]; 3], fixed: bool, salt: usize) -> Case {
    let bits: Vec<u8> = (0..condition.iter().product()).map(|at: usize| u8::from((at * 5 + salt) % 7 < 3)).collect();
    let truths = Initializer {
        name: "t".into(),
        element: ElementType::Bool,
        shape: condition.to_vec(),
        data: Data::Inline(bits),
    };
    let mut case = Case::new(20).fixed("a", yes).constant("b", no);
    let name = if fixed { "t" } else { "c" };
    if fixed {
        case.graph.initializers.push(truths);
    } else {
        case.graph.initializers.push(Initializer::from_f32("zero", Vec::new(), &[0.0]));
        case = case.fixed("x", condition).plain("Less", &["x", "zero"], "c");
    }
    let rank = condition.len().max(yes.len()).max(no.len());
    case.plain("Where", &[name, "a", "b"], "y")
        .plain("Where", &[name, "b", "y"], "z")
        .output("y", rank)
        .output("z", rank)
}

#[test]
fn a_condition_chooses_among_images() {
    let case = image().constant("k", &[6, 1, 1]).input("f", &[6, 4, 5]).plain("Less", &["f", "k"], "t");
    case.plain("Where", &["t", "c", "k"], "y").plain("Where", &["t", "y", "f"], "z").output("z", 4).agrees();
    choosing([&[2, 3], &[2, 3], &[2, 3]], true, 0).agrees();
    choosing([&[1, 1, 5, 5], &[2, 3, 5, 5], &[]], true, 1).agrees();
    choosing([&[2, 1, 1, 5], &[], &[1]], false, 2).agrees();
    choosing([&[], &[], &[]], true, 3).agrees();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shapes_choose(
        shape in prop::collection::vec(1_usize..7, 0..5),
        ones: [u8; 3],
        skipped in [0_usize..6, 0..6, 0..6],
        fixed: bool,
        salt in 0_usize..7,
    ) {
        let own = |operand: usize| -> Vec<usize> {
            let lengths = shape.iter().enumerate().map(|(axis, &size)| if ones[operand] >> axis & 1 == 1 { 1 } else { size });
            lengths.skip(skipped[operand]).collect()
        };
        choosing([&own(0), &own(1), &own(2)], fixed, salt).agrees();
    }
}
