//! A training under way, on disk: parameters, optimiser state and history in one safetensors file.
//!
//! The file is replaced as a whole after each epoch, so a kill at any moment leaves the last whole epoch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use burn::tensor::TensorData;
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::history::History;
use super::optimizer::State;
use crate::error::ModelError;

/// Named parameters in host memory: `(name, shape, row-major values)`.
pub type HostParameters = Vec<(String, Vec<usize>, Vec<f32>)>;

/// Everything that the next epoch depends on.
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    pub(crate) parameters: HostParameters,
    pub(crate) best: HostParameters,
    pub(crate) optimizer: State,
}

/// The part of a checkpoint that is not tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Digest of recipe and data: a checkpoint of anything else is not resumed.
    pub(crate) fingerprint: String,
    /// Epochs done.
    pub(crate) epoch: usize,
    /// The monitored figure of the best epoch.
    pub(crate) best_value: Option<f64>,
    pub(crate) history: History,
    optimizer_scalars: serde_json::Value,
    optimizer_parameters: Vec<String>,
}

const KEY: &str = "briq.progress";

impl Progress {
    pub(crate) fn new(fingerprint: String, epoch: usize, best_value: Option<f64>, history: History) -> Self {
        let (optimizer_scalars, optimizer_parameters) = (serde_json::Value::Null, Vec::new());
        Self { fingerprint, epoch, best_value, history, optimizer_scalars, optimizer_parameters }
    }
}

/// A tensor of `f32` as the safetensors library wants to see it.
struct Floats<'a>(Cow<'a, [usize]>, Vec<u8>);

impl View for Floats<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.1)
    }

    fn data_len(&self) -> usize {
        self.1.len()
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl Checkpoint {
    /// Replaces the file at `path`, durably.
    pub(crate) fn save(mut self, path: &Path) -> Result<(), ModelError> {
        self.progress.optimizer_scalars = std::mem::take(&mut self.optimizer.scalars);
        self.progress.optimizer_parameters = std::mem::take(&mut self.optimizer.parameters);
        let progress = serde_json::to_string(&self.progress).map_err(|error| unreadable(path).because(error))?;
        let metadata = HashMap::from([(KEY.to_owned(), progress)]);
        let contents =
            safetensors::serialize(self.tensors(), Some(metadata)).map_err(|error| unreadable(path).because(error))?;
        replace(path, &contents).map_err(|error| ModelError::io("write", path, error))
    }

    fn tensors(&self) -> Vec<(String, Floats<'_>)> {
        let named = |prefix: &'static str, parameters: &'_ HostParameters| -> Vec<(String, Floats<'static>)> {
            let one = |(name, shape, values): &(String, Vec<usize>, Vec<f32>)| {
                (format!("{prefix}/{name}"), Floats(Cow::Owned(shape.clone()), bytes(values)))
            };
            parameters.iter().map(one).collect()
        };
        let optimizer = self.optimizer.tensors.iter().map(|(name, data)| {
            let shape: Vec<usize> = data.shape().iter().copied().collect();
            let values: Vec<f32> = data.clone().convert::<f32>().iter::<f32>().collect();
            (format!("optimizer/{name}"), Floats(Cow::Owned(shape), bytes(&values)))
        });
        let mut all = named("parameter", &self.parameters);
        all.extend(named("best", &self.best));
        all.extend(optimizer);
        all
    }

    /// Reads a checkpoint; none when there is no file.
    ///
    /// # Errors
    /// When the file is not a checkpoint.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, ModelError> {
        let contents = match std::fs::read(path) {
            Ok(contents) => contents,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModelError::io("read", path, error)),
        };
        let (_, metadata) = SafeTensors::read_metadata(&contents).map_err(|error| unreadable(path).because(error))?;
        let text = metadata.metadata().as_ref().and_then(|map| map.get(KEY)).ok_or_else(|| unreadable(path))?;
        let mut progress: Progress = serde_json::from_str(text).map_err(|error| unreadable(path).because(error))?;
        let tensors = SafeTensors::deserialize(&contents).map_err(|error| unreadable(path).because(error))?;
        let section = |prefix: &str| section(&tensors, prefix).ok_or_else(|| unreadable(path));
        let optimizer = State {
            tensors: section("optimizer/")?
                .into_iter()
                .map(|(name, shape, v)| (name, TensorData::new(v, shape)))
                .collect(),
            scalars: std::mem::take(&mut progress.optimizer_scalars),
            parameters: std::mem::take(&mut progress.optimizer_parameters),
        };
        Ok(Some(Self { progress, parameters: section("parameter/")?, best: section("best/")?, optimizer }))
    }
}

/// The tensors whose names begin with `prefix`; none when one of them is not of `f32`.
fn section(tensors: &SafeTensors<'_>, prefix: &str) -> Option<HostParameters> {
    let mut found: HostParameters = Vec::new();
    for (name, view) in tensors.iter() {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        if view.dtype() != Dtype::F32 {
            return None;
        }
        let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        found.push((name.to_owned(), view.shape().to_vec(), values));
    }
    Some(found)
}

fn unreadable(path: &Path) -> ModelError {
    ModelError::invalid(format!("{} is not a checkpoint of this version", path.display()))
        .advise("delete it to start the training anew")
}

/// Replaces a file durably, making its directory first where it is missing.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    briq_package::replace_file(path, contents)
}

/// Keeps trained parameters in a safetensors file, replacing it durably; gives the digest of the file.
pub(crate) fn write_parameters(path: &Path, parameters: &HostParameters) -> Result<String, ModelError> {
    let view = |(name, shape, values): &(String, Vec<usize>, Vec<f32>)| {
        (name.clone(), Floats(Cow::Owned(shape.clone()), bytes(values)))
    };
    let contents = safetensors::serialize(parameters.iter().map(view), None);
    let contents = contents.map_err(|error| ModelError::invalid("cannot write the parameters").because(error))?;
    replace(path, &contents).map_err(|error| ModelError::io("write", path, error))?;
    Ok(digest(&contents))
}

/// Reads what [`write_parameters`] wrote, with its digest.
pub(crate) fn read_parameters(path: &Path) -> Result<(HostParameters, String), ModelError> {
    let contents = std::fs::read(path).map_err(|error| ModelError::io("read", path, error))?;
    let tensors = SafeTensors::deserialize(&contents).map_err(|error| unreadable(path).because(error))?;
    let parameters = section(&tensors, "").ok_or_else(|| unreadable(path))?;
    Ok((parameters, digest(&contents)))
}

fn digest(contents: &[u8]) -> String {
    blake3::hash(contents).to_hex().to_string()
}
