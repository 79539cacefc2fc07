//! What is done to a graph before it runs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use briq_graph::pass::{self, Evaluate, Pass, Report};
use briq_graph::{Data, Graph, Initializer};
use burn::backend::DispatchDevice;

use crate::backend::Backend;
use crate::error::ModelError;
use crate::network::{Network, Stored, upload_all};
use crate::operator::Run;
use crate::runner::{initializer, without_values};
use crate::value::Value;

/// What is done to a graph before it runs: everything, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Optimization {
    /// The passes over the graph, in order.
    pub passes: Vec<Pass>,
    /// Whether flex computes with the kernels of `briq-kernels` where there is one for a node.
    pub kernels: bool,
}

impl Default for Optimization {
    fn default() -> Self {
        Self { passes: Pass::INFERENCE.to_vec(), kernels: true }
    }
}

impl Optimization {
    /// The graph as it stands, on Burn's own kernels.
    #[must_use]
    pub fn none() -> Self {
        Self { passes: Vec::new(), kernels: false }
    }

    /// Carries the passes out.
    pub(crate) fn apply<'a>(
        &self,
        graph: &Graph,
        external: &HashMap<&'a str, Stored<'a>>,
    ) -> Result<(Graph, Report), ModelError> {
        let device = Backend::Flex.device()?.as_dispatch().clone();
        Ok(pass::optimize(graph.clone(), &self.passes, &mut Constants { external, device })?)
    }
}

/// Computes what follows from constants, on the CPU default.
struct Constants<'e, 'a> {
    external: &'e HashMap<&'a str, Stored<'a>>,
    device: DispatchDevice,
}

impl Evaluate for Constants<'_, '_> {
    fn bytes<'b>(&'b self, initializer: &'b Initializer) -> Option<Cow<'b, [u8]>> {
        match &initializer.data {
            Data::Inline(bytes) => Some(Cow::Borrowed(bytes)),
            Data::Unset | Data::External { .. } => {
                self.external.get(initializer.name.as_str()).map(|stored| Cow::Borrowed(stored.bytes()))
            }
        }
    }

    fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>> {
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        let absent = |initializer: &Initializer| Err(ModelError::no_such_value(&initializer.name));
        let mut parameters = upload_all(graph, &self.device, absent).ok()?;
        let mut network = Network::new(Arc::new(without_values(graph.clone())), &names, self.device.clone()).ok()?;
        network.settle(&mut parameters).ok()?;
        let values = network.run(&parameters, Vec::new(), &mut Run::default()).ok()?;
        let tensor = |(name, value): (&&str, Value)| initializer(name, value).ok();
        names.iter().zip(values).map(tensor).collect()
    }
}
