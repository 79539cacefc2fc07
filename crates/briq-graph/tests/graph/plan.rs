//! Orders that can be carried out, and lives that end.

use std::collections::BTreeSet;

use briq_graph::plan::Plan;
use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
use expect_test::expect;
use proptest::prelude::*;

use crate::samples::digits;

fn value(name: &str) -> Value {
    Value::new(name, ElementType::F32, vec![Dim::Fixed(1)])
}

fn graph(inputs: &[&str], outputs: &[&str], nodes: Vec<Node>) -> Graph {
    Graph {
        opset: 20,
        inputs: inputs.iter().map(|name| value(name)).collect(),
        outputs: outputs.iter().map(|name| value(name)).collect(),
        nodes,
        ..Graph::default()
    }
}

fn print(graph: &Graph, plan: &Plan) -> String {
    let name = |slot: &usize| plan.names[*slot].as_str();
    let list = |slots: &[usize]| slots.iter().map(name).collect::<Vec<_>>().join(" ");
    let lines = plan.steps.iter().map(|step| {
        let shown = |slots: &[Option<usize>]| {
            slots.iter().map(|slot| slot.as_ref().map_or("_", name)).collect::<Vec<_>>().join(" ")
        };
        let (inputs, outputs) = (shown(&step.inputs), shown(&step.outputs));
        format!("{}: {outputs} <- {inputs}; free {}\n", graph.nodes[step.node].name, list(&step.releases))
    });
    lines.collect()
}

#[test]
fn nodes_wait_for_what_they_read_and_values_die_after_their_last_use() {
    let nodes = vec![
        Node::new("join", "Add", &["b", "c"], &["out"]),
        Node::new("second", "Relu", &["a"], &["c"]),
        Node::new("dead", "Relu", &["c"], &["nobody"]),
        Node::new("first", "Relu", &["in"], &["a"]),
        Node::new("third", "Clip", &["a", "", "in"], &["b"]),
    ];
    let graph = graph(&["in"], &["out"], nodes);
    let plan = Plan::new(&graph).unwrap();
    expect![[r#"
        first: a <- in; free 
        second: c <- a; free 
        third: b <- a _ in; free in a
        join: out <- b c; free c b
    "#]]
    .assert_eq(&print(&graph, &plan));
    assert_eq!(plan.peak(), 4);
    assert_eq!(plan.slots(), 5);
}

#[test]
fn an_output_that_nobody_reads_is_freed_at_once() {
    let nodes = vec![Node::new("drop", "Dropout", &["in"], &["out", "mask"])];
    let graph = graph(&["in"], &["out"], nodes);
    expect![[r#"
        drop: out mask <- in; free in mask
    "#]]
    .assert_eq(&print(&graph, &Plan::new(&graph).unwrap()));
}

#[test]
fn a_plan_for_logits_leaves_the_softmax_out() {
    let network = digits();
    let whole = Plan::new(&network.graph).unwrap();
    let plan = Plan::for_values(&network.graph, &[&network.logits]).unwrap();
    assert_eq!(plan.steps.len() + 1, whole.steps.len());
    assert_eq!(plan.names[plan.outputs[0]], "dense_2");
    assert!(plan.steps.iter().all(|step| !step.releases.contains(&plan.outputs[0])));
}

#[test]
fn initializers_have_slots_and_are_never_freed() {
    let network = digits();
    let plan = Plan::new(&network.graph).unwrap();
    assert_eq!(plan.initializers.len(), network.graph.initializers.len());
    let kept: BTreeSet<usize> = plan.initializers.iter().map(|(slot, _)| *slot).collect();
    assert!(plan.steps.iter().flat_map(|step| &step.releases).all(|slot| !kept.contains(slot)));
    assert!(plan.initializers.iter().all(|&(slot, at)| plan.names[slot] == network.graph.initializers[at].name));
}

#[test]
fn an_input_may_be_an_output() {
    let graph = graph(&["in"], &["in"], Vec::new());
    let plan = Plan::new(&graph).unwrap();
    assert_eq!((plan.inputs.as_slice(), plan.outputs.as_slice()), ([0].as_slice(), [0].as_slice()));
}

#[test]
fn rejects_nodes_that_wait_for_one_another() {
    let nodes = vec![Node::new("hen", "Relu", &["egg"], &["hen"]), Node::new("egg", "Relu", &["hen"], &["egg"])];
    let error = Plan::new(&graph(&[], &["egg"], nodes)).unwrap_err();
    assert!(error.is_malformed());
    expect!["cannot plan node `hen` (Relu): it depends on its own result"].assert_eq(&error.to_string());
}

#[test]
fn rejects_values_from_nowhere_and_from_two_places() {
    let nowhere = graph(&[], &["b"], vec![Node::new("", "Relu", &["a"], &["b"])]);
    expect!["cannot plan node `b` (Relu): it reads `a`, which nothing produces"]
        .assert_eq(&Plan::new(&nowhere).unwrap_err().to_string());
    let twice = graph(&["a"], &["a"], vec![Node::new("again", "Relu", &["a"], &["a"])]);
    expect!["cannot plan value `a`: it is produced more than once"]
        .assert_eq(&Plan::new(&twice).unwrap_err().to_string());
    let mut constant = graph(&["a"], &["a"], Vec::new());
    constant.initializers.push(Initializer::from_f32("a", vec![], &[1.0]));
    assert!(Plan::new(&constant).unwrap_err().is_malformed());
    let unknown = graph(&["a"], &["z"], Vec::new());
    expect!["cannot plan value `z`: nothing produces it"].assert_eq(&Plan::new(&unknown).unwrap_err().to_string());
}

proptest! {
    /// Carries a random plan out on names: nothing is read before it is there or after it is gone.
    #[test]
    fn every_plan_can_be_carried_out(links in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..30), order in any::<prop::sample::Index>()) {
        let name = |place: usize| format!("v{place}");
        let mut nodes: Vec<Node> = links.iter().enumerate().map(|(place, (a, b))| {
            let (a, b) = (name(a.index(place + 1)), name(b.index(place + 1)));
            Node::new(format!("n{place}"), "Add", &[&a, &b], &[&name(place + 1)])
        }).collect();
        let turn = order.index(nodes.len());
        nodes.rotate_left(turn);
        nodes.reverse();
        let graph = graph(&["v0"], &[&name(links.len())], nodes);
        let plan = Plan::new(&graph).unwrap();
        let mut alive: BTreeSet<usize> = plan.inputs.iter().copied().collect();
        let mut peak = alive.len();
        for step in &plan.steps {
            prop_assert!(step.inputs.iter().flatten().all(|slot| alive.contains(slot)));
            alive.extend(step.outputs.iter().flatten());
            peak = peak.max(alive.len());
            for slot in &step.releases {
                prop_assert!(alive.remove(slot));
            }
        }
        prop_assert_eq!(alive, plan.outputs.iter().copied().collect::<BTreeSet<_>>());
        prop_assert_eq!(peak, plan.peak());
    }
}
