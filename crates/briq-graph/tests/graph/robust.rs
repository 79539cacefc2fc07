//! Models that something went wrong with: no panic, no plan that cannot be carried out.

use std::borrow::Cow;

use briq_graph::pass::{Evaluate, Pass, optimize};
use briq_graph::plan::Plan;
use briq_graph::{Attribute, Graph, Initializer, onnx, shape};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::samples::{digits, filled};

/// Computes nothing.
struct Nothing;

impl Evaluate for Nothing {
    fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>> {
        initializer.inline().map(Cow::Borrowed)
    }

    fn evaluate(&mut self, _: &Graph) -> Option<Vec<Initializer>> {
        None
    }
}

/// Models of several kinds, as exporters and this crate write them.
fn models() -> [Vec<u8>; 6] {
    let (graph, _) = filled(digits(), "w.safetensors");
    [
        onnx::encode(&graph).unwrap(),
        include_bytes!("exports/torch_resnet.onnx").to_vec(),
        include_bytes!("exports/torch_transformer.onnx").to_vec(),
        include_bytes!("exports/torch_lstm.onnx").to_vec(),
        include_bytes!("exports/keras_cnn.onnx").to_vec(),
        include_bytes!("exports/keras_transformer.onnx").to_vec(),
    ]
}

/// Puts a graph through everything: it must hold together after as it did before.
fn survives(graph: Graph) {
    let _ = shape::infer(&graph);
    let planned = Plan::new(&graph).is_ok();
    let (inputs, outputs) = (graph.inputs.clone(), graph.outputs.clone());
    for passes in [Pass::INFERENCE, Pass::TRAINING] {
        let Ok((after, _)) = optimize(graph.clone(), passes, &mut Nothing) else {
            assert!(!planned, "what could be planned could not be optimised");
            continue;
        };
        assert_eq!((&after.inputs, &after.outputs), (&inputs, &outputs));
        if let Err(error) = Plan::new(&after) {
            assert!(!planned, "{error}");
        }
    }
}

/// One thing that goes wrong in a graph.
#[derive(Debug, Clone)]
enum Mishap {
    DropInput(Index, Index),
    DropOutput(Index),
    Rewire(Index, Index, Index),
    Rename(Index, Index),
    DropAttribute(Index, Index),
    Number(Index, Index, i64),
    Constant(Index, Vec<u8>),
    Shape(Index, Vec<usize>),
    DropNode(Index),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let at = any::<Index>;
    prop_oneof![
        (at(), at()).prop_map(|(a, b)| Mishap::DropInput(a, b)),
        at().prop_map(Mishap::DropOutput),
        (at(), at(), at()).prop_map(|(a, b, c)| Mishap::Rewire(a, b, c)),
        (at(), at()).prop_map(|(a, b)| Mishap::Rename(a, b)),
        (at(), at()).prop_map(|(a, b)| Mishap::DropAttribute(a, b)),
        (at(), at(), prop_oneof![-3_i64..5, any::<i64>()]).prop_map(|(a, b, c)| Mishap::Number(a, b, c)),
        (at(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(a, b)| Mishap::Constant(a, b)),
        (at(), prop::collection::vec(0_usize..5, 0..5)).prop_map(|(a, b)| Mishap::Shape(a, b)),
        at().prop_map(Mishap::DropNode),
    ]
}

fn happen(graph: &mut Graph, mishap: &Mishap) {
    let count = graph.nodes.len();
    if count == 0 || graph.initializers.is_empty() {
        return;
    }
    match mishap {
        Mishap::DropInput(node, input) => {
            let inputs = &mut graph.nodes[node.index(count)].inputs;
            if !inputs.is_empty() {
                inputs.remove(input.index(inputs.len()));
            }
        }
        Mishap::DropOutput(node) => graph.nodes[node.index(count)].outputs[0].clear(),
        Mishap::Rewire(from, to, input) => {
            let name = graph.nodes[from.index(count)].outputs[0].clone();
            let inputs = &mut graph.nodes[to.index(count)].inputs;
            if !inputs.is_empty() {
                let place = input.index(inputs.len());
                inputs[place] = name;
            }
        }
        Mishap::Rename(node, other) => {
            graph.nodes[node.index(count)].operator = graph.nodes[other.index(count)].operator.clone();
        }
        Mishap::DropAttribute(node, attribute) => {
            let attributes = &mut graph.nodes[node.index(count)].attributes;
            let name = attributes.keys().nth(attribute.index(attributes.len().max(1))).cloned();
            name.map(|name| attributes.remove(&name));
        }
        Mishap::Number(node, attribute, number) => {
            let attributes = &mut graph.nodes[node.index(count)].attributes;
            let place = attribute.index(attributes.len().max(1));
            match attributes.values_mut().nth(place) {
                Some(Attribute::Int(own)) => *own = *number,
                Some(Attribute::Ints(own)) => own.push(*number),
                Some(other) => *other = Attribute::Int(*number),
                None => {}
            }
        }
        Mishap::Constant(tensor, bytes) => {
            let place = tensor.index(graph.initializers.len());
            graph.initializers[place].data = briq_graph::Data::Inline(bytes.clone());
        }
        Mishap::Shape(tensor, shape) => {
            let place = tensor.index(graph.initializers.len());
            graph.initializers[place].shape.clone_from(shape);
        }
        Mishap::DropNode(node) => drop(graph.nodes.remove(node.index(count))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_graph_makes_a_pass_panic(model in any::<Index>(), mishaps in prop::collection::vec(mishap(), 0..6)) {
        let mut graph = onnx::decode(&models()[model.index(6)]).unwrap();
        mishaps.iter().for_each(|mishap| happen(&mut graph, mishap));
        survives(graph);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        model in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), 0_usize..12, prop::collection::vec(any::<u8>(), 0..6)), 1..6),
        end in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let mut bytes = models()[model.index(6)].clone();
        for (at, length, put) in edits {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put);
        }
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len().max(1))));
        if let Ok(graph) = onnx::decode(&bytes) {
            survives(graph);
        }
    }
}
