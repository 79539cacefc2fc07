//! An evaluator for passes that would compute.

use std::borrow::Cow;

use briq_graph::pass::Evaluate;
use briq_graph::{Graph, Initializer};

/// Computes nothing; it has the bytes that lie in the graph.
pub(crate) struct Nothing;

impl Evaluate for Nothing {
    fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>> {
        initializer.inline().map(Cow::Borrowed)
    }

    fn evaluate(&mut self, _: &Graph) -> Option<Vec<Initializer>> {
        None
    }
}
