//! The tensors of two networks side by side.

use briq_graph::{Initializer, brackets};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::DiffError;
use crate::figures::{Figures, figures};
use crate::structure::Network;

/// What has become of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another shape.
    Reshaped,
    /// It has another element type.
    Retyped,
    /// It holds other numbers.
    Changed,
    /// It holds the same.
    Same,
}

/// What a tensor looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// Its element type, as safetensors calls it: `F32`.
    pub element: String,
    /// One length for each axis.
    pub shape: Vec<usize>,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.element, brackets(&self.shape))
    }
}

/// One tensor in either network, or in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorDifference {
    /// Its name in the newer network, or in the older one where it is gone.
    pub name: String,
    /// Its name in the older network, where that was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// What has become of it.
    pub state: State,
    /// What it looked like.
    pub before: Option<Form>,
    /// What it looks like.
    pub after: Option<Form>,
    /// How far the two are apart; `None` where there is one only, or they cannot be compared number by number.
    #[serde(flatten)]
    pub figures: Option<Figures>,
    /// The norm of the change in units of the norm of the older tensor; `None` also where that is zero.
    pub relative: Option<f64>,
    /// The fraction of its elements that differ.
    pub fraction: Option<f64>,
}

type Pair = (Option<usize>, Option<usize>);

/// Compares the tensors that belong together, several at once, in the order given.
pub(crate) fn compare(
    before: &Network<'_>,
    after: &Network<'_>,
    pairs: &[Pair],
) -> Result<Vec<TensorDifference>, DiffError> {
    let one = |&(old, new): &Pair| match (at(before, old), at(after, new)) {
        (Some(old), Some(new)) => both((before, old), (after, new)).map(Some),
        (old, new) => Ok(alone(old, new)),
    };
    check_shards(before, after, pairs)?;
    let found: Result<Vec<_>, DiffError> = pairs.par_iter().map(one).collect();
    Ok(found?.into_iter().flatten().collect())
}

fn at<'n>(network: &'n Network<'_>, position: Option<usize>) -> Option<&'n Initializer> {
    position.map(|position| &network.graph.initializers[position])
}

/// Checks the digest of each shard that will be read, one after the other: hashing takes all cores as it is, and two
/// threads that come to a shard at once would both hash it.
fn check_shards(before: &Network<'_>, after: &Network<'_>, pairs: &[Pair]) -> Result<(), DiffError> {
    for &(old, new) in pairs {
        if let (Some(old), Some(new)) = (at(before, old), at(after, new))
            && old.shape == new.shape
            && !is_same_place((before, old), (after, new))
        {
            before.bytes(old)?;
            after.bytes(new)?;
        }
    }
    Ok(())
}

/// Whether the digests of the manifests say already that two tensors are the same.
fn is_same_place((before, old): (&Network<'_>, &Initializer), (after, new): (&Network<'_>, &Initializer)) -> bool {
    old.element == new.element && before.place(old).is_some_and(|place| after.place(new) == Some(place))
}

fn form(tensor: &Initializer) -> Form {
    Form { element: tensor.element.to_string(), shape: tensor.shape.clone() }
}

fn alone(before: Option<&Initializer>, after: Option<&Initializer>) -> Option<TensorDifference> {
    let state = if before.is_some() { State::Removed } else { State::Added };
    Some(TensorDifference {
        name: before.or(after)?.name.clone(),
        renamed_from: None,
        state,
        before: before.map(form),
        after: after.map(form),
        figures: None,
        relative: None,
        fraction: None,
    })
}

fn both(
    (before, old): (&Network<'_>, &Initializer),
    (after, new): (&Network<'_>, &Initializer),
) -> Result<TensorDifference, DiffError> {
    let (state, figures) = if old.shape != new.shape {
        (State::Reshaped, None)
    } else if old.element != new.element {
        (State::Retyped, figures((old.element, before.bytes(old)?), (new.element, after.bytes(new)?)))
    } else {
        values((before, old), (after, new))?
    };
    Ok(TensorDifference {
        name: new.name.clone(),
        renamed_from: (old.name != new.name).then(|| old.name.clone()),
        state,
        before: Some(form(old)),
        after: Some(form(new)),
        relative: figures.and_then(|figures| figures.relative()),
        fraction: figures.map(|figures| figures.fraction()),
        figures,
    })
}

/// Of two tensors of the same form. What lies in the same place of the same shard is not read.
fn values(
    (before, old): (&Network<'_>, &Initializer),
    (after, new): (&Network<'_>, &Initializer),
) -> Result<(State, Option<Figures>), DiffError> {
    if is_same_place((before, old), (after, new)) {
        return Ok((State::Same, None));
    }
    let (here, there) = (before.bytes(old)?, after.bytes(new)?);
    let found = figures((old.element, here), (new.element, there));
    // Bits may differ where numbers do not: -0 and 0, or two kinds of NaN.
    let same = found.map_or_else(|| here == there, |figures| figures.changed == 0);
    Ok(if same { (State::Same, None) } else { (State::Changed, found) })
}
