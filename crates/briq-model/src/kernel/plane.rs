//! Windows over one or two dimensions, as the kernels for images have them: one dimension is an image of height 1.

use crate::operator::Window;

/// Lengths or steps down and across.
pub(super) fn pair(list: &[usize]) -> [usize; 2] {
    [if list.len() > 1 { list[list.len() - 2] } else { 1 }, list[list.len() - 1]]
}

/// What stands around the image: top, left, bottom, right.
pub(super) fn pads(window: &Window) -> [usize; 4] {
    let (top, bottom) = if window.padding.len() == 2 { window.padding[0] } else { (0, 0) };
    let (left, right) = window.padding[window.padding.len() - 1];
    [top, left, bottom, right]
}
