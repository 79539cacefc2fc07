//! What is added to the scores.

use super::AttentionSpec;

/// Numbers that are added to the scores before the softmax: `[batch, heads, queries, keys]`, or any shape that is broadcast to it.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    values: &'a [f32],
    sizes: [usize; 4],
    strides: [usize; 4],
}

impl<'a> Mask<'a> {
    /// A mask of this shape. `None` where it cannot be broadcast to `[batch, heads, queries, keys]` or `values` has another
    /// number of elements.
    #[must_use]
    pub fn new(values: &'a [f32], shape: &[usize], spec: &AttentionSpec) -> Option<Self> {
        let sizes = sizes(spec);
        if shape.len() > sizes.len() || shape.iter().product::<usize>() != values.len() {
            return None;
        }
        let mut strides = [0; 4];
        let mut stride = 1;
        for (axis, &size) in shape.iter().rev().enumerate() {
            let axis = sizes.len() - 1 - axis;
            if size != 1 && size != sizes[axis] {
                return None;
            }
            strides[axis] = if size == 1 { 0 } else { stride };
            stride *= size;
        }
        Some(Self { values, sizes, strides })
    }

    /// Whether it was made for an attention of these sizes.
    pub(super) fn fits(&self, spec: &AttentionSpec) -> bool {
        self.sizes == sizes(spec)
    }

    /// What is added to the scores of one query: a number for each key, or one for all of them.
    pub(super) fn row(&self, batch: usize, head: usize, query: usize) -> &'a [f32] {
        let start = batch * self.strides[0] + head * self.strides[1] + query * self.strides[2];
        let length = if self.strides[3] == 0 { 1 } else { self.sizes[3] };
        &self.values[start..start + length]
    }
}

const fn sizes(spec: &AttentionSpec) -> [usize; 4] {
    [spec.batch, spec.heads, spec.queries, spec.keys]
}

#[cfg(test)]
mod tests {
    use super::{AttentionSpec, Mask};

    const SPEC: AttentionSpec =
        AttentionSpec { batch: 2, heads: 3, queries: 4, keys: 5, depth: 1, value_depth: 1, scale: 1.0, guarded: false };

    #[test]
    fn rejects_shapes_that_do_not_fit() {
        let values = [0.0; 120];
        for shape in [&[2, 3, 4, 5, 1][..], &[4, 4], &[2, 3, 4, 5], &[5, 5]] {
            let count = shape.iter().product::<usize>() - usize::from(shape.len() == 4);
            assert!(Mask::new(&values[..count], shape, &SPEC).is_none(), "{shape:?}");
        }
    }

    #[test]
    fn axes_of_one_repeat() {
        let values: Vec<f32> = (0..10_u8).map(f32::from).collect();
        let mask = Mask::new(&values, &[2, 1, 1, 5], &SPEC).expect("the shape fits");
        assert_eq!(mask.row(1, 2, 3), &values[5..]);
        let mask = Mask::new(&values[..4], &[4, 1], &SPEC).expect("the shape fits");
        assert_eq!(mask.row(1, 2, 3), &[3.0]);
    }
}
