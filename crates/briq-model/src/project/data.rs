//! From the recipe's `[data]` to examples that a network can learn from.

use std::path::Path;

use briq_data::{Dataset, Fractions, Kind, LabelColumn, Normalization, Per, ReadOptions, Split, Table, Task};
use briq_graph::layers::{Network as Layers, Normalize};
use briq_spec::Blake3Digest;
use briq_spec::recipe::{self, DataSection, Recipe};

use crate::error::{ModelError, ModelErrorKind};
use crate::train::Examples;

/// The three parts of the data.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// What is learnt from.
    pub train: Examples,
    /// What steers training.
    pub validation: Examples,
    /// What the final figures are taken on.
    pub test: Examples,
}

impl Parts {
    /// The part that training never sees, with its name: test, else validation, else the training part itself.
    #[must_use]
    pub fn held_out(&self) -> (&'static str, &Examples) {
        let parts = [("test", &self.test), ("validation", &self.validation)];
        parts.into_iter().find(|(_, part)| !part.is_empty()).unwrap_or(("training", &self.train))
    }
}

/// Data as a project keeps it.
pub(super) struct Prepared {
    pub(super) parts: Parts,
    pub(super) classes: Vec<String>,
    pub(super) rows: usize,
    /// The shape of one example.
    pub(super) shape: Vec<usize>,
    pub(super) digest: Blake3Digest,
    pub(super) normalization: Normalize,
    pub(super) normalized: bool,
    /// How many numbers an answer has: one for each class, or one for a regression.
    pub(super) outputs: usize,
}

/// Reads, splits and normalises what the recipe names.
pub(super) fn read(directory: &Path, recipe: &Recipe) -> Result<Prepared, ModelError> {
    let section = recipe.data.as_ref().ok_or_else(|| ModelError::invalid("briq.toml has no [data] section"))?;
    let path = directory.join(&section.path);
    let refuse = |error: briq_data::DataError| {
        let hint = error.hint().map(str::to_owned);
        let kind = match () {
            () if error.is_not_found() => ModelErrorKind::NotFound,
            () if error.is_io() => ModelErrorKind::Io,
            () => ModelErrorKind::Invalid,
        };
        let wrapped = ModelError::new(kind, format!("the data {} cannot be used", path.display())).because(error);
        match hint {
            Some(hint) => wrapped.advise(hint),
            None => wrapped,
        }
    };
    let data = Table::read(&path, &options(section)).map_err(refuse)?;
    let split = Split::of(&data, fractions(section), section.seed).map_err(refuse)?;
    let fitted = Normalization::fit(kind(section), per(section), &data, &split.train);
    prepare(section, data, &split, fitted)
}

fn prepare(section: &DataSection, data: Dataset, split: &Split, fitted: Normalization) -> Result<Prepared, ModelError> {
    let shape = section.shape.clone().unwrap_or_else(|| vec![data.columns]);
    if shape.iter().product::<usize>() != data.columns {
        let message = format!("`data.shape` {shape:?} does not hold the {} feature columns of the data", data.columns);
        return Err(
            ModelError::invalid(message).advise("multiply the lengths of the shape: they have to give the columns")
        );
    }
    let unlabelled = || ModelError::invalid("the data has no label column").advise("set `label` in [data]");
    let all = Examples::of(&data).ok_or_else(unlabelled)?;
    let parts = Parts {
        train: all.select(&split.train),
        validation: all.select(&split.validation),
        test: all.select(&split.test),
    };
    Ok(Prepared {
        parts,
        classes: data.class_names().to_vec(),
        rows: data.rows,
        shape,
        digest: Blake3Digest::from_bytes(data.digest),
        normalization: Normalize { offset: fitted.offset, scale: fitted.scale },
        normalized: section.normalize != recipe::Normalize::None,
        outputs: all.outputs,
    })
}

impl Prepared {
    /// The network, whether its layers are declared in the recipe or not, has to give one number for each class, or one
    /// for a regression.
    pub(super) fn check_output(&self, layers: &Layers, declared: bool) -> Result<(), ModelError> {
        if layers.output_shape == [self.outputs] {
            return Ok(());
        }
        let what =
            if self.classes.is_empty() { "a regression".into() } else { format!("{} classes", self.classes.len()) };
        let message = format!(
            "the last layer gives {:?} for each example, and {what} need [{}]",
            layers.output_shape, self.outputs
        );
        Err(ModelError::invalid(message).advise(if declared {
            format!("end with a dense layer of {} units", self.outputs)
        } else {
            "give --replace-head for a new last layer, or data with as many classes".to_owned()
        }))
    }
}

fn options(section: &DataSection) -> ReadOptions {
    ReadOptions {
        header: section.header,
        skip_lines: section.skip_lines,
        delimiter: None,
        label: label(section.label.as_ref()),
        task: match section.task {
            recipe::Task::Classification => Task::Classification,
            recipe::Task::Regression => Task::Regression,
        },
        classes: section.classes.clone(),
    }
}

fn label(label: Option<&recipe::LabelColumn>) -> LabelColumn {
    match label {
        None => LabelColumn::None,
        Some(recipe::LabelColumn::First) => LabelColumn::First,
        Some(recipe::LabelColumn::Last) => LabelColumn::Last,
        Some(recipe::LabelColumn::Index(index)) => LabelColumn::Index(*index),
        Some(recipe::LabelColumn::Name(name)) => LabelColumn::Name(name.clone()),
    }
}

fn fractions(section: &DataSection) -> Fractions {
    Fractions { train: section.split.train, validation: section.split.validation, test: section.split.test }
}

fn kind(section: &DataSection) -> Kind {
    match section.normalize {
        recipe::Normalize::Standard => Kind::Standard,
        recipe::Normalize::MinMax => Kind::MinMax,
        recipe::Normalize::None => Kind::None,
    }
}

fn per(section: &DataSection) -> Per {
    match section.normalize_per {
        recipe::NormalizePer::Feature => Per::Feature,
        recipe::NormalizePer::All => Per::All,
    }
}
