//! What is done to a graph before it runs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use briq_graph::pass::{self, Evaluate, Pass, Report};
use briq_graph::{Data, ElementType, Graph, Initializer};
use burn::backend::DispatchDevice;

use crate::backend::Backend;
use crate::error::ModelError;
use crate::network::{Network, Stored, upload_all};
use crate::operator::Run;
use crate::runner::{initializer, without_values};
use crate::value::{Mapped, Value};

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

    /// Everything but what is named: a pass, or `kernels`. Gives the names that there are where one is none of them.
    ///
    /// # Errors
    /// When a name is neither a pass nor `kernels`.
    pub fn without(names: &[String]) -> Result<Self, String> {
        let mut optimization = Self::default();
        let all = optimization.names();
        for name in names {
            let known = all.contains(&name.as_str());
            match name.as_str() {
                "kernels" => optimization.kernels = false,
                _ if known => optimization.passes.retain(|pass| pass.name() != *name),
                _ => return Err(format!("`{name}` is none of kernels, {}", all.join(", "))),
            }
        }
        Ok(optimization)
    }

    /// The names of the passes, each once.
    fn names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for pass in &self.passes {
            if !names.contains(&pass.name()) {
                names.push(pass.name());
            }
        }
        names
    }

    /// Carries the passes out.
    pub(crate) fn apply<'a>(
        &self,
        graph: &Graph,
        external: &HashMap<&'a str, Stored<'a>>,
    ) -> Result<(Graph, Report, Products), ModelError> {
        let device = Backend::Flex.device()?.as_dispatch().clone();
        let mut constants = Constants { external, products: Products::new(), device };
        let (graph, report) = pass::optimize(graph.clone(), &self.passes, &mut constants)?;
        Ok((graph, report, constants.products))
    }
}

/// Weights that are multiplied when they are read, by name.
pub(crate) type Products = HashMap<String, Mapped>;

/// Computes what follows from constants, on the CPU default.
struct Constants<'e, 'a> {
    external: &'e HashMap<&'a str, Stored<'a>>,
    products: Products,
    device: DispatchDevice,
}

impl Evaluate for Constants<'_, '_> {
    fn bytes<'b>(&'b self, initializer: &'b Initializer) -> Option<Cow<'b, [u8]>> {
        match &initializer.data {
            Data::Inline(bytes) => Some(Cow::Borrowed(bytes)),
            Data::Unset | Data::External { .. } => {
                let name = initializer.name.as_str();
                let stored = self.external.get(name).map(Stored::bytes);
                stored.or_else(|| self.products.get(name).map(Mapped::bytes))
            }
        }
    }

    fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>> {
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        let absent = |initializer: &Initializer| Err(ModelError::no_such_value(&initializer.name));
        let mut parameters = upload_all(graph, &self.device, absent).ok()?;
        let mut network = Network::new(Arc::new(without_values(graph.clone())), &names, self.device.clone()).ok()?;
        network.settle(&mut parameters, &Products::new()).ok()?;
        let values = network.run(&parameters, Vec::new(), &mut Run::default()).ok()?;
        let tensor = |(name, value): (&&str, Value)| initializer(name, value).ok();
        names.iter().zip(values).map(tensor).collect()
    }

    fn defer(&mut self, weights: &Initializer, factor: &Initializer, product: &str) -> Option<Data> {
        let Some(Stored::Mapped(mapped)) = self.external.get(weights.name.as_str()) else { return None };
        let whole = weights.element == ElementType::F32 && weights.shape.len() == factor.shape.len();
        let (axis, factors) = along_one_axis(factor).filter(|_| whole)?;
        let scaled = mapped.times(&weights.shape, axis, factors)?;
        self.products.insert(product.to_owned(), scaled);
        // The name alone finds it; the place tells it from every other.
        let offset = self.products.len() as u64;
        Some(Data::External { location: String::new(), offset, length: weights.byte_length() as u64 })
    }
}

/// The index of the only axis along which a factor differs, and its numbers.
fn along_one_axis(factor: &Initializer) -> Option<(usize, Vec<f32>)> {
    let mut axes = (0..factor.shape.len()).filter(|&axis| factor.shape[axis] != 1);
    let (axis, None) = (axes.next()?, axes.next()) else { return None };
    let numbers = factor.inline().filter(|_| factor.element == ElementType::F32)?.as_chunks().0;
    Some((axis, numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_named() {
        let optimization = Optimization::without(&["kernels".into(), "scales".into()]).expect("both are known");
        assert!(!optimization.kernels && !optimization.passes.contains(&Pass::Scales));
        assert!(optimization.passes.contains(&Pass::Constants));
    }

    #[test]
    fn rejects_a_name_that_is_none_with_those_that_are() {
        let error = Optimization::without(&["speed".into()]).expect_err("no pass has this name");
        assert!(error.starts_with("`speed` is none of kernels, dead, learning"), "{error}");
    }
}
