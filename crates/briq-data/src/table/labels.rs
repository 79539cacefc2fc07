//! The label column.

use std::collections::HashMap;

use super::cells;
use crate::{DataError, DataErrorKind, Labels, ReadOptions, Task};

/// Labels as they are met.
pub(super) enum LabelReader {
    /// Numbers.
    Values(Vec<f32>),
    /// Classes that the caller declared.
    Declared { names: Vec<String>, positions: HashMap<String, u32>, indices: Vec<u32> },
    /// Classes that the file shows; numbered at the end.
    Found { names: Vec<String>, positions: HashMap<String, u32>, indices: Vec<u32> },
}

impl LabelReader {
    pub(super) fn new(options: &ReadOptions) -> Self {
        match (&options.task, &options.classes) {
            (Task::Regression, _) => Self::Values(Vec::new()),
            (Task::Classification, None) => {
                Self::Found { names: Vec::new(), positions: HashMap::new(), indices: Vec::new() }
            }
            (Task::Classification, Some(names)) => {
                let positions = names.iter().zip(0..).map(|(name, position)| (name.clone(), position)).collect();
                Self::Declared { names: names.clone(), positions, indices: Vec::new() }
            }
        }
    }

    pub(super) fn read(&mut self, field: &str) -> Result<(), DataError> {
        match self {
            Self::Values(values) => values.push(cells::number(field)?),
            _ if field.is_empty() => return Err(cells::missing(field)),
            Self::Declared { names, positions, indices } => indices.push(declared(names, positions, field)?),
            Self::Found { names, positions, indices } => {
                let next = names.len() as u32;
                let position = *positions.entry(field.to_owned()).or_insert_with(|| {
                    names.push(field.to_owned());
                    next
                });
                indices.push(position);
            }
        }
        Ok(())
    }

    /// `column` is the label's, from 1.
    pub(super) fn finish(self, column: usize) -> Result<Labels, DataError> {
        match self {
            Self::Values(values) => Ok(Labels::Values(values)),
            Self::Found { names, indices, .. } => Ok(sorted(names, indices)),
            Self::Declared { names, indices, .. } => {
                let empty = (0..).zip(&names).find(|(position, _)| !indices.contains(position));
                match empty {
                    Some((_, name)) => Err(empty_class(name, column)),
                    None => Ok(Labels::Classes { names, indices }),
                }
            }
        }
    }
}

/// A class by its name, or else by its index.
fn declared(names: &[String], positions: &HashMap<String, u32>, field: &str) -> Result<u32, DataError> {
    if let Some(position) = positions.get(field) {
        return Ok(*position);
    }
    match field.parse::<u32>() {
        Ok(index) if (index as usize) < names.len() => Ok(index),
        Ok(index) => {
            let reason = format!("label {index} is out of range: there are {} classes, from 0", names.len());
            Err(DataError::new(DataErrorKind::UnknownLabel, reason))
        }
        Err(_) => {
            let reason = format!("label `{}` is none of the classes", cells::shown(field));
            let hint = format!("the classes are {}", names.join(", "));
            Err(DataError::new(DataErrorKind::UnknownLabel, reason).advise(hint))
        }
    }
}

fn empty_class(name: &str, column: usize) -> DataError {
    let reason = format!("class `{name}` is declared and column {column} never has it");
    DataError::new(DataErrorKind::EmptyClass, reason).advise("add examples of it, or leave it out of `classes`")
}

/// Classes in ascending order: as numbers if all of them are, else as text.
fn sorted(names: Vec<String>, indices: Vec<u32>) -> Labels {
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    match numbers {
        Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]).then(names[a].cmp(&names[b]))),
        None => order.sort_by(|&a, &b| names[a].cmp(&names[b])),
    }
    let mut ranks = vec![0; names.len()];
    for (rank, &position) in order.iter().enumerate() {
        ranks[position] = rank as u32;
    }
    let indices = indices.into_iter().map(|position| ranks[position as usize]).collect();
    Labels::Classes { names: order.into_iter().map(|position| names[position].clone()).collect(), indices }
}
