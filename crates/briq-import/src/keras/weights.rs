//! The weights of a Keras model, layer by layer.
//!
//! The `.h5` form keeps a group for each layer of the outermost model, with the names of its weights in an attribute; the
//! weights of models inside it are listed there together. The `.keras` form keeps a folder for each layer, called after
//! its class and numbered, with its variables in `vars/0`, `vars/1`, …

use super::model::Layer;
use crate::hdf5::Object;
use crate::{ImportError, Tensor};

/// Where the weights of a layer or model are.
#[derive(Clone)]
pub(super) enum Weights<'a> {
    /// The group of all layers of an `.h5` file.
    Groups(Object<'a>),
    /// Some of the weights in a group of an `.h5` file, by name.
    Named(Object<'a>, Vec<String>),
    /// A folder of a `.keras` file.
    Folder(Object<'a>),
    /// A layer that has none.
    Nothing,
}

/// The folders of the parts of a layer, in the order in which Keras lists their weights.
const PARTS: [&str; 12] = [
    "layer",
    "cell",
    "forward_layer",
    "backward_layer",
    "query_dense",
    "key_dense",
    "value_dense",
    "output_dense",
    "_query_dense",
    "_key_dense",
    "_value_dense",
    "_output_dense",
];

/// How deep the parts of a layer lie.
const MAX_DEPTH: usize = 8;

impl<'a> Weights<'a> {
    /// The weights of a layer of this model; `ordinal` counts the layers of its class before it.
    pub(super) fn of(&self, layer: &Layer, ordinal: usize) -> Result<Self, ImportError> {
        match self {
            Self::Groups(groups) => match groups.at(&layer.name)? {
                Some(group) => {
                    let names = weight_names(&group)?;
                    Ok(Self::Named(group, names))
                }
                None => Ok(Self::Nothing),
            },
            Self::Named(group, names) => {
                let own = |name: &&String| name.split('/').any(|part| part == layer.name);
                Ok(Self::Named(group.clone(), names.iter().filter(own).cloned().collect()))
            }
            Self::Folder(folder) => Ok(of_folder(folder, layer, ordinal)?.map_or(Self::Nothing, Self::Folder)),
            Self::Nothing => Ok(Self::Nothing),
        }
    }

    /// The weights themselves, in Keras' order.
    pub(super) fn tensors(&self) -> Result<Vec<Tensor>, ImportError> {
        let mut tensors = Vec::new();
        match self {
            Self::Groups(_) | Self::Nothing => {}
            Self::Folder(folder) => collect(folder, 0, &mut tensors)?,
            Self::Named(group, names) => {
                for name in names {
                    let missing = || ImportError::malformed(format!("weight `{name}` is listed and not there"));
                    tensors.push(group.at(name)?.ok_or_else(missing)?.tensor(name)?);
                }
            }
        }
        Ok(tensors)
    }
}

/// The names of a group's weights; a long list is cut into several attributes.
fn weight_names(group: &Object<'_>) -> Result<Vec<String>, ImportError> {
    if let Some(names) = group.texts("weight_names")? {
        return Ok(names);
    }
    let mut names = Vec::new();
    for part in 0.. {
        let Some(more) = group.texts(&format!("weight_names{part}"))? else { break };
        names.extend(more);
    }
    Ok(names)
}

/// The folder of a layer: the one that says its name, or the one that its class and number lead to.
fn of_folder<'a>(folder: &Object<'a>, layer: &Layer, ordinal: usize) -> Result<Option<Object<'a>>, ImportError> {
    let layers = match folder.at("layers")? {
        Some(layers) => layers,
        None => match folder.at("_layer_checkpoint_dependencies")? {
            Some(layers) => layers,
            None => return Ok(None),
        },
    };
    for (_, child) in layers.children()? {
        let name = child.at("vars")?.map(|vars| vars.texts("name")).transpose()?.flatten();
        if name.is_some_and(|name| name.first() == Some(&layer.name)) {
            return Ok(Some(child));
        }
    }
    let class = snake_case(&layer.class);
    layers.at(&if ordinal == 0 { class } else { format!("{class}_{ordinal}") })
}

fn collect(folder: &Object<'_>, depth: usize, tensors: &mut Vec<Tensor>) -> Result<(), ImportError> {
    if depth > MAX_DEPTH {
        return Err(ImportError::malformed(format!("the folders of a layer lie more than {MAX_DEPTH} deep")));
    }
    for at in 0.. {
        let Some(variable) = folder.at(&format!("vars/{at}"))? else { break };
        tensors.push(variable.tensor(&format!("vars/{at}"))?);
    }
    for part in PARTS {
        if let Some(part) = folder.at(part)? {
            collect(&part, depth + 1, tensors)?;
        }
    }
    Ok(())
}

/// A class as Keras makes a folder's name of it: `Conv2D` is `conv2d`, `LeakyReLU` is `leaky_re_lu`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let word = before.is_some() && letters.get(at + 1).is_some_and(|next| next.is_ascii_lowercase());
        let after_lower = before.is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (word || after_lower) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn folders_are_called_after_classes() {
        let names = ["Dense", "Conv2D", "LSTM", "GlobalAveragePooling2D", "LeakyReLU", "BatchNormalization", "PReLU"];
        let folders =
            ["dense", "conv2d", "lstm", "global_average_pooling2d", "leaky_re_lu", "batch_normalization", "p_re_lu"];
        assert_eq!(names.map(snake_case), folders);
    }
}
