//! Constants that hold one number for each channel, in whatever shape a graph writes them.

use super::rewriter::{Id, Rewriter};

/// Whether a constant of this shape, broadcast to `rank` axes, holds one number for each of the `count` places of `axis`,
/// or one for all.
pub(super) fn is_per_channel(shape: &[usize], rank: usize, axis: usize, count: usize) -> bool {
    let Some(missing) = rank.checked_sub(shape.len()) else { return false };
    let fits = |(place, &length): (usize, &usize)| length == 1 || (place + missing == axis && length == count);
    shape.iter().enumerate().all(fits)
}

/// The name of a constant as a list of `count` numbers; it holds as many, or one.
pub(super) fn as_list(rewriter: &mut Rewriter<'_>, name: &str, count: usize, beside: Id) -> Option<String> {
    let tensor = rewriter.constant(name)?;
    let (shape, held) = (tensor.shape.clone(), tensor.count());
    if shape == [count] {
        return Some(name.to_owned());
    }
    let flat = rewriter.add_integers(name, &[-1]);
    let list = rewriter.emit("Reshape", &[name, &flat], beside);
    if held == count {
        return Some(list);
    }
    let target = rewriter.add_integers(name, &[i64::try_from(count).ok()?]);
    Some(rewriter.emit("Expand", &[&list, &target], beside))
}
