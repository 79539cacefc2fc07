//! Parameters into declared layers.

use briq_graph::ElementType;
use briq_import::{Architecture, StateDict, Tensor, assemble};
use briq_spec::recipe::{Dense, Layer};

use crate::numbers;

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let data = (0..count).flat_map(|number| (number as f32).to_le_bytes()).collect();
    Tensor { name: name.into(), element: ElementType::F32, shape: shape.to_vec(), data }
}

fn state(tensors: &[(&str, &[usize])], ordered: bool) -> StateDict {
    let tensors = tensors.iter().map(|(name, shape)| tensor(name, shape)).collect();
    StateDict { tensors, ordered, notes: Vec::new() }
}

fn dense(units: usize) -> Layer {
    Layer::Dense(Dense { units, activation: None, bias: true })
}

const TWO: [(&str, &[usize]); 4] =
    [("first.weight", &[3, 3]), ("first.bias", &[3]), ("second.weight", &[3, 3]), ("second.bias", &[3])];

#[test]
fn linear_weights_are_transposed_and_the_input_follows_from_them() {
    let state = state(&[("fc.weight", &[2, 3]), ("fc.bias", &[2])], true);
    let layers = [dense(2)];
    let architecture = Architecture { name: "one", layers: &layers, ..Architecture::default() };
    let assembled = assemble(&state, &architecture).expect("it fits");
    assert_eq!(numbers(&assembled.graph, "dense_1.weight"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(assembled.graph.inputs[0].to_string(), "input F32[batch, 3]");
}

#[test]
fn a_map_overrides_the_order() {
    let layers = [dense(3), dense(3)];
    let map = vec![("second".to_owned(), "dense_1".to_owned())];
    let architecture = Architecture { name: "two", layers: &layers, map, ..Architecture::default() };
    let matched = assemble(&state(&TWO, true), &architecture).expect("it fits").matched;
    let names: Vec<_> = matched.iter().map(|(module, layer)| (module.as_str(), layer.as_str())).collect();
    assert_eq!(names, [("second", "dense_1"), ("first", "dense_2")]);
}

#[test]
fn rejects_equal_shapes_where_the_file_has_no_order() {
    let layers = [dense(3), dense(3)];
    let architecture = Architecture { name: "two", layers: &layers, ..Architecture::default() };
    let error = assemble(&state(&TWO, false), &architecture).expect_err("which is first?");
    assert!(error.is_mismatch());
    assert!(error.hint().is_some_and(|hint| hint.contains("--map")));
}

#[test]
fn rejects_what_does_not_match_with_both_sides() {
    let layers = [dense(3), dense(5)];
    let architecture = Architecture { name: "two", layers: &layers, ..Architecture::default() };
    let error = assemble(&state(&TWO, true), &architecture).expect_err("5 is not 3").to_string();
    assert!(error.contains("layer `dense_2` (weight [3, 5], bias [5]) has no module"), "{error}");
    assert!(error.contains("module `second` (weight [3, 3], bias [3]) has no layer"), "{error}");
}

#[test]
fn rejects_a_map_of_names_that_are_not_there() {
    let layers = [dense(3), dense(3)];
    for (map, absent) in [(("third", "dense_1"), "third"), (("first", "dense_9"), "dense_9")] {
        let map = vec![(map.0.to_owned(), map.1.to_owned())];
        let architecture = Architecture { name: "two", layers: &layers, map, ..Architecture::default() };
        let error = assemble(&state(&TWO, true), &architecture).expect_err("it is not there");
        assert!(error.to_string().contains(absent), "{error}");
    }
}
