//! From the modules of an adapter to the initializers of the base's graph.

use briq_graph::{Attribute, Graph, Initializer, Node, brackets};
use briq_spec::manifest::AdapterUpdate;

use super::{Lora, LoraModule};
use crate::ImportError;

/// A module and the parameter of the base that it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The module.
    pub module: String,
    /// What is done to which initializer, as a manifest has it.
    pub update: AdapterUpdate,
}

impl Lora {
    /// Finds the parameter of each module in the base's graph.
    ///
    /// That is the initializer of the module's name and `.weight`, alone or behind a prefix; else the constant of the
    /// `MatMul` or `Gemm` whose node has the module's path, as `torch.onnx` names nodes. `map` says it where neither
    /// does: module, parameter.
    ///
    /// # Errors
    /// Everything that does not match, in one error: modules without a parameter, shapes that differ, parameters that are
    /// read in ways for which LoRA means nothing.
    pub fn fit(&self, graph: &Graph, map: &[(String, String)]) -> Result<Vec<Fitted>, ImportError> {
        self.check_map(map)?;
        let found: Vec<_> = self.modules.iter().map(|module| fit(module, graph, map)).collect();
        let wrong: Vec<String> = found.iter().filter_map(|found| found.as_ref().err()).cloned().collect();
        if !wrong.is_empty() {
            let of = format!("{} of {} modules", wrong.len(), self.modules.len());
            let what = format!("{of} of the adapter do not fit the base: {}", wrong.join("; "));
            return Err(ImportError::mismatch(what).advise(
                "is it the base that the adapter was trained on? --parameter MODULE=NAME says what belongs together",
            ));
        }
        let fitted: Vec<Fitted> = found.into_iter().flatten().collect();
        check_once(&fitted)?;
        Ok(fitted)
    }

    fn check_map(&self, map: &[(String, String)]) -> Result<(), ImportError> {
        let known = |name: &str| self.modules.iter().any(|module| module.name == name);
        match map.iter().find(|(module, _)| !known(module)) {
            Some((module, _)) => {
                let names: Vec<&str> = self.modules.iter().map(|module| module.name.as_str()).collect();
                let what = format!("the adapter has no module `{module}`");
                Err(ImportError::mismatch(what).advise(format!("it has {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }
}

fn check_once(fitted: &[Fitted]) -> Result<(), ImportError> {
    let mut parameters: Vec<&str> = fitted.iter().map(|fitted| fitted.update.parameter.as_str()).collect();
    parameters.sort_unstable();
    match parameters.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ImportError::mismatch(format!("two modules of the adapter would change `{}`", pair[0]))),
        None => Ok(()),
    }
}

fn fit(module: &LoraModule, graph: &Graph, map: &[(String, String)]) -> Result<Fitted, String> {
    let of = |reason: String| format!("`{}`: {reason}", module.name);
    let parameter = find(&module.name, graph, map).map_err(of)?;
    let transposed = transposed(&parameter.name, graph).map_err(of)?;
    check_shape(module, parameter, transposed).map_err(of)?;
    if !parameter.element.is_float() {
        return Err(of(format!("`{}` holds {}", parameter.name, parameter.element)));
    }
    let update = AdapterUpdate {
        parameter: parameter.name.clone(),
        down: module.down.name.clone(),
        up: module.up.name.clone(),
        rank: module.rank as u64,
        scale: module.scale,
        transposed,
    };
    Ok(Fitted { module: module.name.clone(), update })
}

fn find<'g>(module: &str, graph: &'g Graph, map: &[(String, String)]) -> Result<&'g Initializer, String> {
    let absent = |name: &str| format!("the base has no parameter `{name}`");
    if let Some((_, name)) = map.iter().find(|(from, _)| from == module) {
        return graph.initializer(name).ok_or_else(|| absent(name));
    }
    let name = format!("{module}.weight");
    if let Some(exact) = graph.initializer(&name) {
        return Ok(exact);
    }
    let behind = |candidate: &&Initializer| candidate.name.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'));
    let mut candidates = graph.initializers.iter().filter(behind);
    match (candidates.next(), candidates.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(format!("`{}` and `{}` could both be its weight", one.name, other.name)),
        _ => by_path(module, graph).ok_or_else(|| format!("{}, and no node of that path", absent(&name))),
    }
}

/// The constant of the product that `torch.onnx` computes for a module. Not that of a convolution: the exporter may have
/// folded a normalisation into it.
fn by_path<'g>(module: &str, graph: &'g Graph) -> Option<&'g Initializer> {
    let product = |node: &&Node| matches!(node.operator.as_str(), "MatMul" | "Gemm") && path(&node.name) == module;
    let mut constants = graph.nodes.iter().filter(product).filter_map(|node| graph.initializer(node.input(1)?));
    let one = constants.next();
    one.filter(|_| constants.next().is_none())
}

/// The module of a node: `/encoder/layers.0/linear1/MatMul` is `encoder.layers.0.linear1`, and what is in a sequence is
/// named after it again, `/net/net.0/Gemm`.
fn path(node: &str) -> String {
    let mut parts: Vec<&str> = node.trim_start_matches('/').split('/').collect();
    parts.pop();
    let repeated = |at: usize| {
        let (part, next) = (parts[at], parts.get(at + 1));
        next.and_then(|next| next.strip_prefix(part)).is_some_and(|rest| rest.starts_with('.'))
    };
    let kept: Vec<&str> = (0..parts.len()).filter(|&at| !repeated(at)).map(|at| parts[at]).collect();
    kept.join(".")
}

/// Whether a parameter is kept as [in, out], as the node that reads it says.
fn transposed(parameter: &str, graph: &Graph) -> Result<bool, String> {
    let mut value = parameter;
    let mut turned = false;
    loop {
        let node = only_reader(value, graph).map_err(|reason| format!("`{parameter}` {reason}"))?;
        match (node.operator.as_str(), node.outputs.first()) {
            ("Transpose", Some(output)) if turns(node) => (value, turned) = (output, !turned),
            ("Identity", Some(output)) => value = output,
            _ => {
                let straight = kept_in_out(node, value);
                let unknown = || format!("`{parameter}` is read by {}, for which LoRA means nothing", node.label());
                return straight.map(|straight| straight != turned).ok_or_else(unknown);
            }
        }
    }
}

/// Whether a transposition can be that of a matrix; what else it turns has not the shape of one.
fn turns(node: &Node) -> bool {
    let order = node.attributes.get("perm").and_then(Attribute::as_ints);
    order.is_none_or(|order| order == [1, 0])
}

fn only_reader<'g>(value: &str, graph: &'g Graph) -> Result<&'g Node, String> {
    let mut readers = graph.nodes.iter().filter(|node| node.reads().any(|read| read == value));
    match (readers.next(), readers.next()) {
        (Some(node), None) => Ok(node),
        (Some(node), Some(other)) => Err(format!("is shared by {} and {}", node.label(), other.label())),
        _ => Err("is read by no node".into()),
    }
}

/// Whether a node takes this input as [in, out]; nothing where it is no weight of a linear map.
fn kept_in_out(node: &Node, value: &str) -> Option<bool> {
    let integer = |name: &str, default| node.attributes.get(name).and_then(Attribute::as_int).unwrap_or(default);
    let (first, second) = (node.input(0) == Some(value), node.input(1) == Some(value));
    match node.operator.as_str() {
        "MatMul" if first != second => Some(second),
        "Gemm" if second && !first => Some(integer("transB", 0) == 0),
        "Conv" if second && integer("group", 1) == 1 => Some(false),
        // A table of embeddings has a row for each input.
        "Gather" if first && !second && integer("axis", 0) == 0 => Some(true),
        _ => None,
    }
}

fn check_shape(module: &LoraModule, parameter: &Initializer, transposed: bool) -> Result<(), String> {
    let (inner, out) = (&module.down.shape[1..], module.up.shape[0]);
    let due: Vec<usize> = match transposed {
        true => inner.iter().copied().chain([out]).collect(),
        false => [out].into_iter().chain(inner.iter().copied()).collect(),
    };
    if due == parameter.shape && (!transposed || inner.len() == 1) {
        return Ok(());
    }
    let (due, found) = (brackets(&due), brackets(&parameter.shape));
    Err(format!("its matrices make {due}, and `{}` is {found}", parameter.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_after_their_modules() {
        assert_eq!(path("/encoder/layers.0/linear1/MatMul"), "encoder.layers.0.linear1");
        assert_eq!(path("/stem/stem.0/stem.0.0/Conv"), "stem.0.0");
        assert_eq!(path("/q/MatMul"), "q");
        assert_eq!(path("MatMul_1"), "");
    }
}
