//! An adapter laid upon its base: W + scale · B · A in the place of W.

use std::collections::HashMap;

use briq_graph::{Data, ElementType, Graph, Initializer, brackets, weights};
use briq_package::Package;
use briq_spec::manifest::{Adapter, AdapterUpdate};
use rayon::prelude::*;

use crate::error::{ModelError, ModelErrorKind};
use crate::network::Stored;
use crate::value::HostTensor;

/// A package, and its base where it is an adapter: what it takes to run.
#[derive(Clone, Copy, Debug)]
pub struct Layered<'p> {
    pub(crate) package: &'p Package,
    base: Option<&'p Package>,
}

impl<'p> Layered<'p> {
    /// A package upon its base; a package that is no adapter needs none.
    #[must_use]
    pub fn new(package: &'p Package, base: Option<&'p Package>) -> Self {
        Self { package, base }
    }

    /// The package whose shards hold the tensors of the structure.
    ///
    /// # Errors
    /// When the package is an adapter, and its base is missing, another one, or an adapter itself.
    pub(crate) fn below(&self) -> Result<&'p Package, ModelError> {
        let manifest = self.package.manifest();
        if manifest.adapter.is_none() {
            return Ok(self.package);
        }
        let named = manifest.lineage.base.as_deref().unwrap_or_default();
        let missing = || {
            ModelError::not_found(format!(
                "{} is an adapter, and was handed over without its base {named}",
                manifest.name
            ))
        };
        let base = self.base.ok_or_else(missing)?;
        if manifest.base().map(|(_, digest)| digest) != Some(base.digest()) {
            return Err(ModelError::invalid(format!(
                "{} is not {named}, the base of {}",
                base.digest(),
                manifest.name
            )));
        }
        check_base(base)?;
        let digest = |package: &Package| {
            let manifest = package.manifest();
            manifest.entry(&manifest.model.structure).map(|entry| entry.blake3)
        };
        if digest(self.package) != digest(base) {
            return Err(ModelError::invalid(format!("the structure of {} is not its base's", manifest.name)));
        }
        Ok(base)
    }
}

impl<'p> From<&'p Package> for Layered<'p> {
    fn from(package: &'p Package) -> Self {
        Self::new(package, None)
    }
}

/// Refuses to build upon what has no network of its own.
pub(crate) fn check_base(base: &Package) -> Result<(), ModelError> {
    let manifest = base.manifest();
    if manifest.adapter.is_none() {
        return Ok(());
    }
    let what = format!("{} {} is an adapter itself", manifest.name, manifest.version);
    Err(ModelError::new(ModelErrorKind::Unsupported, what)
        .advise("adapters are laid upon a network, not upon one another"))
}

/// The tensors of some shards, by name.
pub(crate) fn tensors<'s>(
    shards: impl IntoIterator<Item = &'s [u8]>,
) -> Result<HashMap<String, (weights::Placed, &'s [u8])>, ModelError> {
    let mut tensors = HashMap::new();
    for shard in shards {
        for placed in weights::read(shard)? {
            let (start, length) = (placed.offset as usize, placed.length as usize);
            let bytes = shard.get(start..start + length).unwrap_or_default();
            tensors.insert(placed.name.clone(), (placed, bytes));
        }
    }
    Ok(tensors)
}

/// Puts the adapted parameters into a graph; `stored` finds the bytes of those that are kept outside of it.
pub(crate) fn apply<'s>(
    graph: &mut Graph,
    adapter: &Adapter,
    shards: impl IntoIterator<Item = &'s [u8]>,
    stored: impl Fn(&Initializer) -> Result<Stored<'s>, ModelError> + Sync,
) -> Result<(), ModelError> {
    let tensors = tensors(shards)?;
    for update in &adapter.updates {
        let absent =
            || ModelError::invalid(format!("the adapter changes `{}`, which the base does not have", update.parameter));
        let parameter = graph.initializer_mut(&update.parameter).ok_or_else(absent)?;
        let half = |name: &str| {
            let (placed, bytes) =
                tensors.get(name).ok_or_else(|| ModelError::invalid(format!("the adapter has no tensor `{name}`")))?;
            Ok::<_, ModelError>((placed.shape.as_slice(), numbers(placed.element, &placed.shape, bytes, name)?))
        };
        let (down, up) = (half(&update.down)?, half(&update.up)?);
        let merged = match parameter.inline() {
            Some(bytes) => merged(update, parameter, bytes, &down, &up)?,
            None => merged(update, parameter, &stored(parameter)?.bytes(), &down, &up)?,
        };
        parameter.data = Data::Inline(merged);
    }
    Ok(())
}

/// A shape and the numbers that fill it.
type Matrix<'a> = (&'a [usize], Vec<f32>);

/// The bytes of W + scale · B · A.
fn merged(
    update: &AdapterUpdate,
    parameter: &Initializer,
    bytes: &[u8],
    (inner, a): &Matrix<'_>,
    (outer, b): &Matrix<'_>,
) -> Result<Vec<u8>, ModelError> {
    check_shapes(update, parameter, inner, outer)?;
    let mut sum = numbers(parameter.element, &parameter.shape, bytes, &parameter.name)?;
    let (rank, columns) = (inner[0], inner[1..].iter().product::<usize>());
    let scale = update.scale as f32;
    // Rows of the parameter are those of B; where it is kept as [in, out], they are columns of A.
    if update.transposed {
        add(&mut sum, &turned(a, rank), &turned(b, outer[0]), rank, scale);
    } else {
        add(&mut sum, b, a, rank, scale);
    }
    debug_assert_eq!(sum.len(), columns * outer[0]);
    Ok(written(parameter.element, &parameter.shape, &sum))
}

fn check_shapes(
    update: &AdapterUpdate,
    parameter: &Initializer,
    inner: &[usize],
    outer: &[usize],
) -> Result<(), ModelError> {
    let rank = usize::try_from(update.rank).unwrap_or(usize::MAX);
    let pair = inner.len() >= 2 && outer.len() >= 2 && inner[0] == rank && outer[1] == rank;
    let flat = outer.iter().skip(2).all(|&length| length == 1);
    let due: Vec<usize> = match update.transposed {
        true => inner.iter().skip(1).chain(outer.first()).copied().collect(),
        false => outer.iter().take(1).chain(inner.iter().skip(1)).copied().collect(),
    };
    // A product of more than two axes has no transpose.
    let fits = pair && flat && due == parameter.shape && (!update.transposed || due.len() == 2);
    if fits && parameter.element.is_float() {
        return Ok(());
    }
    let (name, shape) = (&parameter.name, brackets(&parameter.shape));
    let what = format!(
        "the adapter's matrices {} and {} of rank {rank} do not fit `{name}`, {}{shape}",
        brackets(inner),
        brackets(outer),
        parameter.element
    );
    Err(ModelError::invalid(what))
}

/// Adds scale · left · right to a matrix; `rank` numbers of each row of `left` meet as many rows of `right`.
fn add(sum: &mut [f32], left: &[f32], right: &[f32], rank: usize, scale: f32) {
    let columns = right.len() / rank;
    if columns == 0 {
        return;
    }
    let rows = sum.par_chunks_mut(columns).zip(left.par_chunks(rank));
    rows.for_each(|(row, factors)| {
        let mut product = vec![0.0; columns];
        for (factor, line) in factors.iter().zip(right.chunks(columns)) {
            product.iter_mut().zip(line).for_each(|(sum, number)| *sum += factor * number);
        }
        row.iter_mut().zip(product).for_each(|(sum, number)| *sum += scale * number);
    });
}

/// The transpose of a matrix with so many rows.
fn turned(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows.max(1);
    (0..matrix.len()).map(|at| matrix[at % rows * columns + at / rows]).collect()
}

fn numbers(element: ElementType, shape: &[usize], bytes: &[u8], name: &str) -> Result<Vec<f32>, ModelError> {
    if element == ElementType::F32 {
        return Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect());
    }
    let unfit = || ModelError::invalid(format!("`{name}` is no tensor of numbers"));
    let tensor = HostTensor::from_bytes(element, shape, bytes).filter(|_| element.is_float()).ok_or_else(unfit)?;
    Ok(tensor.to_floats().into_iter().map(|number| number as f32).collect())
}

fn written(element: ElementType, shape: &[usize], numbers: &[f32]) -> Vec<u8> {
    if element == ElementType::F32 {
        return numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    }
    HostTensor::floats(element, shape, numbers.iter().map(|&number| f64::from(number))).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_turns() {
        assert_eq!(turned(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 2), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn a_product_is_added_to_each_row() {
        let mut sum = vec![1.0; 6];
        add(&mut sum, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0], 2, 0.5);
        assert_eq!(sum, [1.5, 2.0, 2.5, 2.5, 3.0, 4.5]);
    }
}
