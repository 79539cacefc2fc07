//! Variants: the same network for other machines, its weights kept in another datatype.

use std::collections::{BTreeMap, HashMap, HashSet};

use briq_engine::{GoldenExample, LoadedModel, Tensor, Tolerance, golden};
use briq_graph::{Attribute, ElementType, Graph, Initializer, Node, weights};
use briq_package::{Draft, Package};
use briq_spec::manifest::{Manifest, ModelInfo};
use briq_spec::provenance::PROVENANCE_ENTRY;
use briq_spec::semver::{BuildMetadata, Version};
use briq_spec::{EntryPath, Variant};

use crate::backend::Backend;
use crate::contents::{Contents, datatype};
use crate::engine::BurnEngine;
use crate::error::{ModelError, ModelErrorKind};
use crate::import::sharded;
use crate::{loader, provenance};

/// The operator set in which `Cast` came to know bf16.
const BF16_OPSET: u32 = 13;

/// Which variant of a package is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What tells it from others of the same version: the metadata of the build in its version.
    pub name: BuildMetadata,
    /// The datatype that weights of single precision are kept in; as they are, where it is left out.
    pub datatype: Option<HalfPrecision>,
    /// The backends that it is made for; all of them, where it names none.
    pub backends: Vec<Backend>,
    /// The least memory of the device in bytes.
    pub memory: Option<u64>,
}

/// A floating-point type of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfPrecision {
    /// IEEE 754 binary16: 11 significant bits, up to 65504.
    F16,
    /// The upper half of single precision: 8 significant bits, and its range.
    Bf16,
}

/// A variant that is ready to be written.
pub struct Varied {
    /// Ready to be written.
    pub draft: Draft,
    /// How far its answers to the golden examples are from those of the package it was made from, where that can be said.
    pub difference: Option<f64>,
}

/// Makes a variant of a package.
///
/// What the package holds stays, and so does its version but for the name of the variant. In another datatype, each
/// weight is the nearest number of it, and is widened to single precision when the network is loaded: what is saved is
/// disk and network, not memory. Golden examples are then answered anew, and metrics, which were measured with other
/// weights, are left out.
///
/// # Errors
/// When the package is an adapter and another datatype is wanted, it has no weights of single precision, one of them is
/// too large for the datatype, or the package cannot be read.
pub fn variant(package: &Package, wanted: &Wanted) -> Result<Varied, ModelError> {
    let source = package.manifest();
    let version = Version { build: wanted.name.clone(), ..source.version.clone() };
    if version == source.version {
        return Err(ModelError::invalid(format!("the package is {version} already")).advise("give another name"));
    }
    let backends = wanted.backends.iter().map(ToString::to_string).collect();
    let of = source.variant.as_ref().and_then(|variant| variant.of.clone());
    let of = of.unwrap_or_else(|| format!("{}@{}", source.name, package.digest()));
    let variant = Some(Variant { of: Some(of), backends, memory: wanted.memory });
    let manifest = Manifest { version, variant, ..source.clone() };
    let mut varied = match wanted.datatype {
        Some(half) => converted(package, manifest, half)?,
        None => Varied { draft: Draft::new(manifest), difference: None },
    };
    inherit(package, &mut varied.draft, wanted.datatype.is_some())?;
    varied.draft.record_build(provenance::variant(&source.name, &package.digest()));
    Ok(varied)
}

/// Takes over the entries that do not change.
fn inherit(package: &Package, draft: &mut Draft, converted: bool) -> Result<(), ModelError> {
    let source = package.manifest();
    let network = source.model.weights.iter().chain([&source.model.structure]);
    let answers = source.golden.iter().map(|golden| &golden.outputs);
    let changed: HashSet<&EntryPath> = if converted { network.chain(answers).collect() } else { HashSet::new() };
    let made_anew = |path: &str| path == PROVENANCE_ENTRY || (converted && path == weights::INDEX);
    for path in package.entries().iter().map(|entry| &entry.path) {
        if changed.contains(path) || made_anew(path.as_str()) {
            continue;
        }
        let failed = |error| ModelError::new(ModelErrorKind::Io, format!("cannot take over {path}")).because(error);
        let bytes = package.share(path).map_err(failed)?;
        draft.add_shared(path.clone(), bytes).map_err(failed)?;
    }
    Ok(())
}

/// The package with its weights in another datatype, and what its golden examples are answered with them.
fn converted(package: &Package, manifest: Manifest, half: HalfPrecision) -> Result<Varied, ModelError> {
    let unsupported = |message: &str| Err(ModelError::new(ModelErrorKind::Unsupported, message));
    if manifest.adapter.is_some() {
        return unsupported("an adapter is laid upon the weights of its base, and has no variant of another datatype");
    }
    let mut graph = loader::whole(package)?;
    if half == HalfPrecision::Bf16 && graph.opset < BF16_OPSET {
        let message = format!("the network is of operator set {}, and bf16 came with {BF16_OPSET}", graph.opset);
        return Err(ModelError::new(ModelErrorKind::Unsupported, message).advise("use f16"));
    }
    if narrow(&mut graph, half)? == 0 {
        return unsupported("the package has no weights of single precision");
    }
    let mut contents = Contents::default();
    contents.network(&graph, &sharded(&graph))?;
    let mut difference = None;
    if let Some(recorded) = &manifest.golden {
        let engine = BurnEngine::new(&graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
        let model = LoadedModel { engine: Box::new(engine), ..loader::load(package, Backend::Flex)? };
        let answers = answers(&model)?;
        difference = answers.1;
        contents.tensors(recorded.outputs.as_str(), &answers.0)?;
    }
    let model = ModelInfo {
        weights: contents.shards(),
        datatype: datatype(half.element())?,
        opset: graph.opset,
        ..manifest.model.clone()
    };
    let manifest = Manifest { model, metrics: BTreeMap::new(), ..manifest };
    Ok(Varied { draft: contents.draft(manifest)?, difference })
}

/// The answers of a model to its golden inputs, and the largest difference from the recorded ones.
fn answers(model: &LoadedModel) -> Result<(Vec<Tensor>, Option<f64>), ModelError> {
    /// However far apart numbers are: what is wanted is how far.
    const ANY: Tolerance = Tolerance { absolute: f64::MAX, relative: 0.0 };
    let Some(GoldenExample { inputs, outputs }) = model.golden.first() else { return Ok((Vec::new(), None)) };
    let answered = briq_engine::infer_checked(model.engine.as_ref(), inputs.clone())
        .map_err(|error| ModelError::invalid("the variant does not answer the golden examples").because(error))?;
    let difference = |was: &Tensor| {
        let is = answered.iter().find(|tensor| tensor.name == was.name)?;
        golden::compare(was, is, ANY).ok()
    };
    let differences: Option<Vec<f64>> = outputs.iter().map(difference).collect();
    let largest = differences.map(|differences| differences.into_iter().fold(0.0, f64::max));
    Ok((answered, largest))
}

/// Keeps the large tensors of single precision in half of their bits, and widens them where they are read; says how many
/// there are.
fn narrow(graph: &mut Graph, half: HalfPrecision) -> Result<usize, ModelError> {
    let large: HashSet<String> = sharded(graph).into_iter().map(str::to_owned).collect();
    let shown: HashSet<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
    let mut widened = HashMap::new();
    for tensor in &mut graph.initializers {
        if tensor.element != ElementType::F32 || !large.contains(&tensor.name) || shown.contains(&tensor.name) {
            continue;
        }
        widened.insert(tensor.name.clone(), format!("{}:float", tensor.name));
        *tensor = half.round(tensor)?;
    }
    rename(&mut graph.nodes, &widened);
    let casts = graph.initializers.iter().filter_map(|tensor| {
        let wide = widened.get(&tensor.name)?;
        let cast = Node::new(wide, "Cast", &[&tensor.name], &[wide]);
        Some(cast.with("to", Attribute::Int(ElementType::F32.onnx_code().into())))
    });
    let casts: Vec<Node> = casts.collect();
    graph.nodes.splice(0..0, casts);
    Ok(widened.len())
}

/// Lets nodes, and the bodies inside of them, read other values.
fn rename(nodes: &mut [Node], names: &HashMap<String, String>) {
    let change = |name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    for node in nodes {
        node.inputs.iter_mut().for_each(change);
        for body in node.attributes.values_mut().filter_map(Attribute::as_graph_mut) {
            body.captures.iter_mut().for_each(change);
            rename(&mut body.nodes, names);
        }
    }
}

impl HalfPrecision {
    /// `f16` or `bf16`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    fn element(self) -> ElementType {
        match self {
            Self::F16 => ElementType::F16,
            Self::Bf16 => ElementType::BF16,
        }
    }

    /// The nearest numbers, ties to even.
    fn round(self, tensor: &Initializer) -> Result<Initializer, ModelError> {
        let bytes = tensor.inline().ok_or_else(|| ModelError::no_such_value(&tensor.name))?;
        let numbers = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let mut rounded = Vec::with_capacity(bytes.len() / 2);
        for number in numbers {
            let (bits, finite) = match self {
                Self::F16 => half_bits(half::f16::from_f32(number)),
                Self::Bf16 => brain_bits(half::bf16::from_f32(number)),
            };
            if number.is_finite() && !finite {
                let message = format!("`{}` holds {number:e}, which {} cannot hold", tensor.name, self.as_str());
                return Err(ModelError::invalid(message).advise("use bf16, which has the range of single precision"));
            }
            rounded.extend(bits.to_le_bytes());
        }
        Ok(Initializer { element: self.element(), data: briq_graph::Data::Inline(rounded), ..tensor.clone() })
    }
}

fn half_bits(number: half::f16) -> (u16, bool) {
    (number.to_bits(), number.is_finite())
}

fn brain_bits(number: half::bf16) -> (u16, bool) {
    (number.to_bits(), number.is_finite())
}
