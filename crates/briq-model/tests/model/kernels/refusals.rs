//! What does not fit is refused by name, before it runs.

use briq_graph::Initializer;
use briq_graph::onnx::Datum;
use briq_model::{Backend, ModelErrorKind, Optimization};

use super::case::{Case, told};

fn datum(shape: &[usize]) -> Datum {
    Datum::Tensor(Initializer::from_f32("x", shape.to_vec(), &vec![1.0; shape.iter().product()]))
}

#[test]
fn rejects_shapes_that_are_not_the_declared_ones() {
    let case = Case::new(18).input("x", &[3, 4]).plain("Relu", &["x"], "y").output("y", 3);
    for optimization in [Optimization::default(), Optimization::none()] {
        let runner = case.runner(Backend::Flex, &optimization);
        for shape in [&[2, 3, 5][..], &[2, 4, 3], &[2, 3], &[2, 3, 4, 1], &[0, 3, 5]] {
            let error = runner.run(vec![datum(shape)]).unwrap_err();
            assert_eq!(error.kind(), ModelErrorKind::Invalid);
            let expected = format!("input `x` has shape {shape:?} where the network takes [?, 3, 4]");
            assert_eq!(error.to_string(), expected);
        }
        assert!(runner.run(vec![datum(&[2, 3, 4])]).is_ok());
    }
}

#[test]
fn rejects_another_number_of_inputs() {
    let case = Case::new(18).input("x", &[3]).input("z", &[3]).plain("Add", &["x", "z"], "y").output("y", 2);
    let runner = case.runner(Backend::Flex, &Optimization::default());
    for count in [0, 1, 3] {
        let error = runner.run(vec![datum(&[1, 3]); count]).unwrap_err();
        assert_eq!(error.to_string(), format!("the network has 2 inputs, not {count}"));
    }
}

#[test]
fn rejects_padding_that_no_memory_holds() {
    let huge = 1_i64 << 40;
    let node = briq_graph::Node::new("c", "Conv", &["x", "w"], &["c"]).with("pads", vec![huge, huge, huge, huge]);
    let case = Case::new(18).input("x", &[2, 4, 4]).constant("w", &[2, 2, 3, 3]).node(node).output("c", 4);
    let runner = case.runner(Backend::Flex, &Optimization::default());
    let error = runner.run(case.data(1)).unwrap_err();
    assert!(told(&error).starts_with("cannot run node `c` (Conv): "), "{}", told(&error));
}
