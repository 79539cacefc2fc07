//! An ONNX model.

use briq_graph::comparison::compare;
use briq_graph::pass::{Pass, optimize};
use briq_graph::plan::Plan;
use briq_graph::{onnx, shape};

use crate::nothing::Nothing;

/// Decodes, infers shapes, plans, optimises, compares and encodes.
pub fn onnx(bytes: &[u8]) {
    let Ok(graph) = onnx::decode(bytes) else { return };
    let _ = shape::infer(&graph);
    let _ = onnx::encode(&graph);
    let planned = Plan::new(&graph).is_ok();
    if let Ok(found) = compare(&graph, &graph) {
        assert_eq!(found.pairs.len(), graph.nodes.len(), "a graph has other nodes than itself");
    }
    for passes in [Pass::INFERENCE, Pass::TRAINING] {
        match optimize(graph.clone(), passes, &mut Nothing) {
            Ok((after, _)) => assert!(!planned || Plan::new(&after).is_ok(), "optimised, and no longer to be planned"),
            Err(error) => assert!(!planned, "planned, and not to be optimised: {error}"),
        }
    }
}
