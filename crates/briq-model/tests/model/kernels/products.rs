//! Products with constant matrices.

use briq_graph::Node;

use super::case::Case;

#[test]
fn matrices_of_any_rank() {
    for shape in [&[6][..], &[4, 6], &[2, 4, 6]] {
        let case = Case::new(18).input("x", shape).constant("w", &[6, 5]).plain("MatMul", &["x", "w"], "m");
        let rank = shape.len() + 1;
        case.clone().output("m", rank).agrees();
        for bias in [&[5][..], &[1], &[], &[1, 5]] {
            let case = case.clone().constant("b", bias).plain("Add", &["b", "m"], "s").plain("Relu", &["s"], "y");
            case.output("y", rank).agrees();
        }
    }
    Case::new(18).fixed("x", &[6]).constant("w", &[6, 5]).plain("MatMul", &["x", "w"], "m").output("m", 1).agrees();
    Case::new(18).input("x", &[3, 6]).constant("w", &[6]).plain("MatMul", &["x", "w"], "m").output("m", 2).agrees();
    Case::new(18).fixed("x", &[6, 4]).constant("w", &[5, 6]).plain("MatMul", &["w", "x"], "m").output("m", 2).agrees();
}

#[test]
fn general_products() {
    for transposed in [0, 1] {
        for (alpha, beta) in [(1.0_f32, 1.0_f32), (0.5, 2.0), (1.0, 0.0)] {
            for bias in [&[5][..], &[1], &[], &[1, 5], &[1, 1]] {
                let weights = if transposed == 1 { [5, 6] } else { [6, 5] };
                let node = Node::new("g", "Gemm", &["x", "w", "b"], &["g"]).with("transB", transposed);
                let case = Case::new(18).input("x", &[6]).constant("w", &weights).constant("b", bias);
                let case = case.node(node.with("alpha", alpha).with("beta", beta));
                case.plain("Tanh", &["g"], "y").output("y", 2).agrees();
            }
        }
    }
}

#[test]
fn general_products_of_other_kinds() {
    let node = |inputs: &[&str]| Node::new("g", "Gemm", inputs, &["g"]);
    let case = Case::new(18).fixed("x", &[6, 4]).constant("w", &[6, 5]);
    case.node(node(&["x", "w"]).with("transA", 1)).output("g", 2).agrees();
    let case = Case::new(18).fixed("x", &[4, 6]).constant("w", &[6, 5]).constant("b", &[4, 1]);
    case.node(node(&["x", "w", "b"])).output("g", 2).agrees();
    let case = Case::new(18).fixed("x", &[4, 6]).constant("w", &[6, 5]).constant("b", &[4, 5]);
    case.node(node(&["x", "w", "b"])).output("g", 2).agrees();
    let case = Case::new(18).input("x", &[6]).constant("w", &[6, 5]).input("b", &[5]);
    case.node(node(&["x", "w", "b"]).with("beta", 0.5_f32)).output("g", 2).agrees();
}

#[test]
fn residuals_behind_products() {
    let case = || Case::new(18).input("x", &[4, 6]).constant("w", &[6, 6]).constant("b", &[6]);
    let case = || case().plain("MatMul", &["x", "w"], "m").plain("Add", &["m", "b"], "s");
    case().plain("Add", &["s", "x"], "y").output("y", 3).agrees();
    case().plain("Add", &["x", "s"], "t").plain("Relu", &["t"], "y").output("y", 3).output("s", 3).agrees();
    case().input("z", &[1, 6]).plain("Add", &["s", "z"], "y").output("y", 3).agrees();
    case().fixed("z", &[1, 1, 6]).plain("Add", &["z", "s"], "y").output("y", 3).agrees();
}

#[test]
fn an_erf_gelu_between_two_products() {
    let case = Case::new(18).input("x", &[4, 6]).constant("w", &[6, 9]).constant("v", &[9, 6]);
    let case = case.constant("one", &[]).constant("root", &[]).constant("half", &[]);
    let mut case = case.plain("MatMul", &["x", "w"], "m").plain("Div", &["m", "root"], "d").plain("Erf", &["d"], "e");
    for (name, number) in [("one", 1.0_f32), ("root", std::f32::consts::SQRT_2), ("half", 0.5)] {
        case.graph.initializer_mut(name).unwrap().data = briq_graph::Data::Inline(number.to_le_bytes().to_vec());
    }
    let case = case.plain("Add", &["e", "one"], "f").plain("Mul", &["m", "f"], "g").plain("Mul", &["g", "half"], "h");
    case.plain("MatMul", &["h", "v"], "y").output("y", 3).agrees();
}
