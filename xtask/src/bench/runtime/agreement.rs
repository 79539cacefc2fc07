//! Whether two runtimes computed the same.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::contender::Contender;

/// The largest difference that counts as agreement, relative to the largest number of the outputs.
pub(super) const TOLERANCE: f64 = 1e-3;

/// The outputs of a contender, all of them one after the other.
pub(super) fn outputs(contender: &mut Contender, folder: &Path) -> Result<Vec<f32>> {
    let file = folder.join(&contender.name);
    contender.ask(&format!("outputs {}", file.display()))?;
    let bytes = std::fs::read(&file).with_context(|| format!("read the outputs of {}", contender.name))?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    ensure!(rest.is_empty(), "{} gave outputs that are no single-precision numbers", contender.name);
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The largest difference between two lists, by the largest magnitude of the second.
pub(super) fn difference(ours: &[f32], theirs: &[f32]) -> Result<f64> {
    ensure!(ours.len() == theirs.len(), "{} numbers came out where a peer has {}", ours.len(), theirs.len());
    let finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
    ensure!(finite(ours) && finite(theirs), "an output is not finite");
    let largest = theirs.iter().map(|number| f64::from(number.abs())).fold(f64::MIN_POSITIVE, f64::max);
    let apart = ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    Ok(apart.fold(0.0, f64::max) / largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_relative_to_the_largest_number() {
        assert_eq!(difference(&[1.0, 4.0], &[0.5, 4.0]).expect("equally long"), 0.125);
        assert!(difference(&[1.0], &[1.0, 2.0]).is_err());
        assert!(difference(&[f32::NAN], &[1.0]).is_err());
    }
}
