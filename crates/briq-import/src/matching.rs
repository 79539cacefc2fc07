//! From the parameters of a state dictionary to the layers that declare where they belong.
//!
//! A state dictionary has names and shapes but no structure; the layers of a `briq.toml` have structure but no
//! values. Tensors are grouped into modules by what stands before the last dot of their names; each declared layer takes
//! the first module of its kind, in order, whose shapes fit. What is left over on either side is an error that lists all
//! of it.

mod module;

use std::collections::BTreeMap;

use briq_graph::layers::{self, LayerInput, Network};
use briq_graph::{Data, Graph, Initializer, brackets};
use briq_spec::recipe::Layer;

use self::module::{Kind, Module, modules};
use crate::{ImportError, StateDict};

/// A declared network that parameters are to be put into.
#[derive(Debug, Clone, Default)]
pub struct Architecture<'a> {
    /// The network's name.
    pub name: &'a str,
    /// Its layers.
    pub layers: &'a [Layer],
    /// The shape of one example; absent where the first layer is dense and its weights say it.
    pub input_shape: Option<Vec<usize>>,
    /// Which module goes into which layer, where the order does not say it: (`fc1`, `dense_1`).
    pub map: Vec<(String, String)>,
}

/// A network with its parameters in place.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// The network.
    pub graph: Graph,
    /// Which module went into which layer: (`fc1`, `dense_1`), in the order of the layers.
    pub matched: Vec<(String, String)>,
}

/// One declared layer with parameters: its name, and the role and shape of each.
struct Slot<'n> {
    layer: &'n str,
    kind: Kind,
    roles: Vec<(&'n str, &'n [usize])>,
}

/// Puts parameters into declared layers.
///
/// Weights of `torch.nn.Linear` are `[out, in]` and are transposed; convolutions, normalisations and the order of
/// flattening are the same on both sides. Everything becomes single precision.
///
/// # Errors
/// When the layers make no network, or parameters and layers do not match: all that does not is listed, with shapes.
pub fn assemble(state: &StateDict, architecture: &Architecture<'_>) -> Result<Assembled, ImportError> {
    let modules = modules(state);
    let shape = match &architecture.input_shape {
        Some(shape) => shape.clone(),
        None => first_features(architecture.layers, &modules)?,
    };
    let input = LayerInput { name: "input".into(), shape };
    let mut network = layers::build(architecture.name, architecture.layers, &input, None)?;
    let slots = slots(&network);
    let chosen = pair(&slots, &modules, &architecture.map, state.ordered)?;
    let mut values = BTreeMap::new();
    let mut matched = Vec::new();
    for (slot, module) in slots.iter().zip(chosen) {
        matched.push((module.name.to_owned(), slot.layer.to_owned()));
        for (role, shape) in &slot.roles {
            values.insert(format!("{}.{role}", slot.layer), (shape.to_vec(), module.values(slot.kind, role)?));
        }
    }
    for initializer in &mut network.graph.initializers {
        let Some((shape, numbers)) = values.remove(&initializer.name) else { continue };
        *initializer = Initializer::from_f32(&initializer.name, shape, &numbers);
    }
    debug_assert!(network.graph.initializers.iter().all(|initializer| initializer.data != Data::Unset));
    Ok(Assembled { graph: network.graph, matched })
}

/// How many features the first dense layer takes, as the first module that could be it says.
fn first_features(layers: &[Layer], modules: &[Module<'_>]) -> Result<Vec<usize>, ImportError> {
    let unknown = || {
        ImportError::mismatch("the shape of the input is not known")
            .advise("give it with --input-shape, such as 1,28,28, or as `shape` in [data] of the architecture")
    };
    let plain = |layer: &&Layer| matches!(layer, Layer::Dropout(_) | Layer::Activation(_));
    let Some(Layer::Dense(_)) = layers.iter().find(|layer| !plain(layer)) else { return Err(unknown()) };
    let first = modules.iter().find(|module| module.kind() == Some(Kind::Dense));
    first.and_then(Module::features).map(|features| vec![features]).ok_or_else(unknown)
}

fn slots(network: &Network) -> Vec<Slot<'_>> {
    let mut slots: Vec<Slot<'_>> = Vec::new();
    for parameter in &network.parameters {
        let (layer, role) = parameter.name.rsplit_once('.').unwrap_or((&parameter.name, ""));
        let role = (role, parameter.shape.as_slice());
        match slots.last_mut().filter(|slot| slot.layer == layer) {
            Some(slot) => slot.roles.push(role),
            None => slots.push(Slot { layer, kind: Kind::of_layer(layer), roles: vec![role] }),
        }
    }
    slots
}

/// The module of each slot.
fn pair<'m, 's>(
    slots: &[Slot<'_>],
    modules: &'m [Module<'s>],
    map: &[(String, String)],
    ordered: bool,
) -> Result<Vec<&'m Module<'s>>, ImportError> {
    check_map(slots, modules, map)?;
    let mapped = |module: &Module<'_>| map.iter().find(|(from, _)| *from == module.name).map(|(_, to)| to.as_str());
    let mut free: Vec<&Module<'_>> = modules.iter().collect();
    let mut chosen = Vec::new();
    for slot in slots {
        let fits = |module: &&&Module<'_>| match mapped(module) {
            Some(layer) => layer == slot.layer,
            None => map.iter().all(|(_, to)| to != slot.layer) && module.fits(slot.kind, &slot.roles),
        };
        let found = free.iter().position(|module| fits(&module) && module.fits(slot.kind, &slot.roles));
        chosen.push(found.map(|position| free.remove(position)));
    }
    if chosen.iter().any(Option::is_none) || !free.is_empty() {
        return Err(mismatch(slots, &chosen, &free));
    }
    let chosen: Vec<_> = chosen.into_iter().flatten().collect();
    if !ordered {
        check_order(&chosen, map)?;
    }
    Ok(chosen)
}

fn check_map(slots: &[Slot<'_>], modules: &[Module<'_>], map: &[(String, String)]) -> Result<(), ImportError> {
    for (from, to) in map {
        if modules.iter().all(|module| module.name != from) {
            let names: Vec<_> = modules.iter().map(|module| module.name).collect();
            let message = format!("the file has no module `{from}`");
            return Err(ImportError::mismatch(message).advise(format!("it has {}", names.join(", "))));
        }
        if slots.iter().all(|slot| slot.layer != to) {
            let names: Vec<_> = slots.iter().map(|slot| slot.layer).collect();
            let message = format!("the architecture has no layer `{to}` with parameters");
            return Err(ImportError::mismatch(message).advise(format!("it has {}", names.join(", "))));
        }
    }
    Ok(())
}

/// Where the file does not say in which order modules were made, those of equal shapes may differ in numbers alone.
fn check_order(chosen: &[&Module<'_>], map: &[(String, String)]) -> Result<(), ImportError> {
    let pattern =
        |name: &str| name.split('.').filter(|part| part.parse::<u64>().is_err()).collect::<Vec<_>>().join(".");
    let pattern = |name: &str| pattern(name).trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let open = || chosen.iter().filter(|module| map.iter().all(|(from, _)| from != module.name));
    for one in open() {
        let twin = open().find(|other| other.same_shapes(one) && pattern(other.name) != pattern(one.name));
        if let Some(other) = twin {
            let message = format!(
                "modules `{}` and `{}` have the same shapes, and the file does not say which comes first",
                one.name, other.name
            );
            return Err(ImportError::mismatch(message).advise("say it with --map MODULE=LAYER for each"));
        }
    }
    Ok(())
}

/// Everything that did not match, on both sides.
fn mismatch(slots: &[Slot<'_>], chosen: &[Option<&Module<'_>>], free: &[&Module<'_>]) -> ImportError {
    let mut lines = Vec::new();
    for (slot, _) in slots.iter().zip(chosen).filter(|(_, module)| module.is_none()) {
        let roles: Vec<_> = slot.roles.iter().map(|(role, shape)| format!("{role} {}", brackets(shape))).collect();
        lines.push(format!("layer `{}` ({}) has no module", slot.layer, roles.join(", ")));
    }
    lines.extend(free.iter().map(|module| format!("module `{}` ({}) has no layer", module.name, module.describe())));
    ImportError::mismatch(format!("parameters and architecture do not match: {}", lines.join("; ")))
        .advise("correct the layers of the architecture, or say what belongs together with --map MODULE=LAYER")
}
