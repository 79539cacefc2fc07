//! Local functions: every call becomes the nodes of the function.
//!
//! Values inside a function are named anew for each call. How much a model may grow by that is bounded, since functions that
//! call functions can double at every level; a function that calls itself is refused.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

use super::proto::{Attribute, Function, Graph, Model, Node, OperatorSet};
use super::{MAX_DEPTH, MAX_RECORDS, revisions};
use crate::{GraphError, GraphErrorKind};

/// Replaces the calls of the model's functions, and leaves it without functions.
pub(super) fn inline(model: &mut Model) -> Result<(), GraphError> {
    let functions = std::mem::take(&mut model.functions);
    let Some(graph) = model.graph.as_mut().filter(|_| !functions.is_empty()) else { return Ok(()) };
    adopt(&mut model.opset_import, &functions);
    let mut inliner =
        Inliner { functions: indexed(&functions)?, versions: versions(&model.opset_import), ..Inliner::default() };
    inliner.collect(graph);
    inliner.graph(graph, &mut Vec::new(), 0)
}

/// How many functions may call one another in a chain.
const MAX_CHAIN: usize = 64;

/// How many calls may be replaced.
const MAX_CALLS: usize = 100_000;

/// How many bytes calls may add, as they would be in a file.
const MAX_ADDED_BYTES: usize = 1 << 28;

/// The domain, name and overload of a function.
type Key = (String, String, String);

fn key_of(node: &Node) -> Key {
    (node.domain.clone(), node.op_type.clone(), node.overload.clone())
}

fn indexed(functions: &[Function]) -> Result<HashMap<Key, &Function>, GraphError> {
    let mut index = HashMap::new();
    for function in functions {
        let key = (function.domain.clone(), function.name.clone(), function.overload.clone());
        if index.insert(key, function).is_some() {
            return Err(refuse(GraphErrorKind::Malformed, function, "it is defined twice"));
        }
    }
    Ok(index)
}

fn refuse(kind: GraphErrorKind, function: &Function, reason: impl Into<String>) -> GraphError {
    GraphError::new(kind, "inline", format!("function `{}` of domain `{}`", function.name, function.domain), reason)
}

fn malformed(function: &Function, reason: impl Into<String>) -> GraphError {
    refuse(GraphErrorKind::Malformed, function, reason)
}

/// The standard domain has two names.
fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

fn versions(imports: &[OperatorSet]) -> BTreeMap<String, i64> {
    imports.iter().map(|import| (domain(&import.domain).to_owned(), import.version)).collect()
}

/// What only functions import, the model imports once they are gone.
fn adopt(imports: &mut Vec<OperatorSet>, functions: &[Function]) {
    for import in functions.iter().flat_map(|function| &function.opset_import) {
        if imports.iter().all(|own| domain(&own.domain) != domain(&import.domain)) {
            imports.push(import.clone());
        }
    }
}

#[derive(Default)]
struct Inliner<'f> {
    functions: HashMap<Key, &'f Function>,
    /// The versions of operator sets that the model imports.
    versions: BTreeMap<String, i64>,
    /// Names of values that are taken.
    taken: HashSet<String>,
    /// How many calls were replaced.
    calls: usize,
    /// How many records were added.
    records: usize,
    /// How many bytes were added.
    bytes: usize,
}

/// What stands for the names and the attributes of a function in one call.
struct Scope<'c> {
    function: &'c Function,
    call: &'c Node,
    prefix: String,
    values: HashMap<String, String>,
}

impl<'f> Inliner<'f> {
    /// Notes the names of a graph's values.
    fn collect(&mut self, graph: &Graph) {
        let inside =
            graph.input.iter().map(|value| &value.name).chain(graph.initializer.iter().map(|tensor| &tensor.name));
        self.taken.extend(inside.cloned());
        for node in &graph.node {
            self.taken.extend(node.output.iter().cloned());
            node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()).for_each(|body| self.collect(body));
        }
    }

    /// Replaces the calls in a graph, at some depth of bodies within bodies.
    fn graph(&mut self, graph: &mut Graph, callers: &mut Vec<Key>, depth: usize) -> Result<(), GraphError> {
        if depth > MAX_DEPTH {
            let reason = format!("it has bodies within bodies, {MAX_DEPTH} deep");
            return Err(GraphError::new(GraphErrorKind::Limit, "decode", "graph", reason));
        }
        let nodes = std::mem::take(&mut graph.node);
        for node in nodes {
            self.node(node, callers, depth, &mut graph.node)?;
        }
        Ok(())
    }

    fn node(
        &mut self,
        mut node: Node,
        callers: &mut Vec<Key>,
        depth: usize,
        into: &mut Vec<Node>,
    ) -> Result<(), GraphError> {
        for body in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
            self.graph(body, callers, depth + 1)?;
        }
        let key = key_of(&node);
        let Some(&function) = self.functions.get(&key) else {
            into.push(node);
            return Ok(());
        };
        if callers.contains(&key) {
            return Err(malformed(function, "it calls itself"));
        }
        if callers.len() == MAX_CHAIN {
            let reason = format!("it is called by functions that call one another, {MAX_CHAIN} deep");
            return Err(refuse(GraphErrorKind::Limit, function, reason));
        }
        callers.push(key);
        for node in self.called(function, &node)? {
            self.node(node, callers, depth, into)?;
        }
        callers.pop();
        Ok(())
    }

    /// The nodes of a function, with the names and attributes of one call.
    fn called(&mut self, function: &Function, call: &Node) -> Result<Vec<Node>, GraphError> {
        self.check_versions(function)?;
        if self.calls == MAX_CALLS {
            return Err(refuse(GraphErrorKind::Limit, function, format!("there are more than {MAX_CALLS} calls")));
        }
        if call.input.len() > function.input.len() || call.output.len() > function.output.len() {
            let call = call.output.first().map_or("", String::as_str);
            return Err(malformed(
                function,
                format!("the call that gives `{call}` has more inputs or outputs than it"),
            ));
        }
        let mut scope = self.scope(function, call);
        let mut nodes = Vec::with_capacity(function.node.len());
        for node in &function.node {
            self.grow(function, node)?;
            nodes.push(self.bound(node, &mut scope)?);
        }
        for (inner, outer) in function.output.iter().zip(&call.output) {
            nodes.extend(repeated(inner, outer, &scope));
        }
        Ok(nodes)
    }

    fn scope<'c>(&mut self, function: &'c Function, call: &'c Node) -> Scope<'c> {
        self.calls += 1;
        let prefix = format!("{}_{}/", function.name, self.calls);
        let absent = std::iter::repeat(String::new());
        let given = call.input.iter().cloned().chain(absent);
        let mut values: HashMap<String, String> = function.input.iter().cloned().zip(given).collect();
        for (inner, outer) in function.output.iter().zip(&call.output) {
            if !outer.is_empty() && !values.contains_key(inner) {
                values.insert(inner.clone(), outer.clone());
            }
        }
        Scope { function, call, prefix, values }
    }

    /// Counts what a node adds.
    fn grow(&mut self, function: &Function, node: &Node) -> Result<(), GraphError> {
        self.records += 1 + node.input.len() + node.output.len() + node.attribute.len();
        self.bytes += node.encoded_len();
        if self.records <= MAX_RECORDS && self.bytes <= MAX_ADDED_BYTES {
            return Ok(());
        }
        let reason = format!("calls make more than {MAX_RECORDS} records or {MAX_ADDED_BYTES} bytes of it");
        Err(refuse(GraphErrorKind::Limit, function, reason))
    }

    /// Operators of a function follow the function's operator sets; they have to mean the same in the model's.
    fn check_versions(&self, function: &Function) -> Result<(), GraphError> {
        let own = versions(&function.opset_import);
        let changed = function.node.iter().find_map(|node| self.changed(node, &own));
        let Some((operator, own, model)) = changed else { return Ok(()) };
        let reason =
            format!("its `{operator}` is of operator set {own}, and means something else in the model's {model}");
        Err(refuse(GraphErrorKind::Unsupported, function, reason))
    }

    /// The operator of a node, or of one in its bodies, that means something else in the model's operator set than in the
    /// function's own; and both versions.
    fn changed<'n>(&self, node: &'n Node, own: &BTreeMap<String, i64>) -> Option<(&'n str, i64, i64)> {
        let bodies = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
        let inside = || bodies.flat_map(|body| &body.node).find_map(|node| self.changed(node, own));
        let set = domain(&node.domain);
        let (Some(&version), Some(&model)) = (own.get(set), self.versions.get(set)) else { return inside() };
        let number = |version: i64| u32::try_from(version).unwrap_or_default();
        let same = version == model
            || (set.is_empty() && revisions::is_same(&node.op_type, number(version), number(model)))
            || self.functions.contains_key(&key_of(node));
        if same { inside() } else { Some((&node.op_type, version, model)) }
    }

    fn bound(&mut self, node: &Node, scope: &mut Scope<'_>) -> Result<Node, GraphError> {
        let mut bound = Node { attribute: Vec::new(), ..node.clone() };
        if !node.name.is_empty() {
            bound.name.insert_str(0, &scope.prefix);
        }
        bound.input = node.input.iter().map(|name| self.named(name, scope)).collect();
        bound.output = node.output.iter().map(|name| self.named(name, scope)).collect();
        for attribute in &node.attribute {
            bound.attribute.extend(self.attribute(attribute, scope)?);
        }
        Ok(bound)
    }

    /// The name that a value of the function has in this call.
    fn named(&mut self, name: &str, scope: &mut Scope<'_>) -> String {
        if name.is_empty() {
            return String::new();
        }
        if let Some(known) = scope.values.get(name) {
            return known.clone();
        }
        let mut fresh = format!("{}{name}", scope.prefix);
        while !self.taken.insert(fresh.clone()) {
            fresh.push('\'');
        }
        scope.values.insert(name.to_owned(), fresh.clone());
        fresh
    }

    /// An attribute, or what the call gives for it; `None` where it gives nothing and there is no default.
    fn attribute(&mut self, attribute: &Attribute, scope: &mut Scope<'_>) -> Result<Option<Attribute>, GraphError> {
        let mut bound = attribute.clone();
        if !attribute.ref_attr_name.is_empty() {
            let by_name = |all: &[Attribute]| all.iter().find(|own| own.name == attribute.ref_attr_name).cloned();
            let given = by_name(&scope.call.attribute).or_else(|| by_name(&scope.function.attribute_proto));
            let Some(given) = given else { return Ok(None) };
            if attribute.r#type != 0 && given.r#type != attribute.r#type {
                let reason = format!("its attribute `{}` is given as another type", attribute.ref_attr_name);
                return Err(malformed(scope.function, reason));
            }
            bound = Attribute { name: attribute.name.clone(), ..given };
            return Ok(Some(bound));
        }
        if let Some(body) = bound.g.as_mut() {
            self.body(body, scope)?;
        }
        Ok(Some(bound))
    }

    /// Names the values of a body that lies in a function.
    fn body(&mut self, body: &mut Graph, scope: &mut Scope<'_>) -> Result<(), GraphError> {
        // A name of the body hides one of the function for as long as the body goes on.
        let inputs = body.input.iter().map(|value| &value.name);
        let own = inputs.chain(body.initializer.iter().map(|tensor| &tensor.name));
        let own: Vec<String> = own.chain(body.node.iter().flat_map(|node| &node.output)).cloned().collect();
        let hidden: Vec<(String, Option<String>)> =
            own.into_iter().map(|name| (name.clone(), scope.values.remove(&name))).collect();
        for name in body.input.iter_mut().chain(&mut body.output).map(|value| &mut value.name) {
            *name = self.named(name, scope);
        }
        for tensor in &mut body.initializer {
            tensor.name = self.named(&tensor.name, scope);
        }
        for node in &mut body.node {
            self.grow(scope.function, node)?;
            *node = self.bound(node, scope)?;
        }
        body.value_info.clear();
        for (name, outside) in hidden {
            scope.values.remove(&name);
            scope.values.extend(outside.map(|outside| (name, outside)));
        }
        Ok(())
    }
}

/// An output of a call that is no node's: an input handed through, or an output that is listed twice.
fn repeated(inner: &str, outer: &str, scope: &Scope<'_>) -> Option<Node> {
    let held = scope.values.get(inner)?;
    let identity = Node {
        op_type: "Identity".to_owned(),
        input: vec![held.clone()],
        output: vec![outer.to_owned()],
        ..Node::default()
    };
    (!outer.is_empty() && held != outer).then_some(identity)
}
