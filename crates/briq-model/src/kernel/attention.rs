//! Attention over all heads at once.

use briq_kernels::attention::{AttentionSpec, Mask, attention};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("Attention", prepare)];

/// The fused operator of the graph passes; the one of the standard has more to it.
struct Fused {
    heads: usize,
    scale: f32,
    guarded: bool,
}

fn prepare(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    if call.node.domain != briq_graph::pass::FUSED_DOMAIN {
        return Ok(None);
    }
    let heads = call.size("num_heads", 1)?.max(1);
    ready(Fused { heads, scale: call.float("scale", 1.0)?, guarded: call.flag("guarded", false)? })
}

impl Fused {
    fn spec(&self, query: &[usize], key: &[usize], value: &[usize]) -> Result<AttentionSpec, Fault> {
        let misfit = || Fault::because(format!("{query:?}, {key:?} and {value:?} in {} heads do not fit", self.heads));
        let (&[batch, queries, width], &[b, keys, w], &[c, values, value_width]) = (query, key, value) else {
            return Err(misfit());
        };
        let whole = width.is_multiple_of(self.heads) && value_width.is_multiple_of(self.heads);
        if b != batch || c != batch || w != width || values != keys || !whole {
            return Err(misfit());
        }
        let (depth, value_depth) = (width / self.heads, value_width / self.heads);
        let Self { heads, scale, guarded } = *self;
        Ok(AttentionSpec { batch, heads, queries, keys, depth, value_depth, scale, guarded })
    }
}

impl Kernel for Fused {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let mut rows = |index| Dense::take(call, index).map(Dense::rows);
        let (query, key, value) = (rows(0)?, rows(1)?, rows(2)?);
        let spec = self.spec(query.shape(), key.shape(), value.shape())?;
        let added = Dense::optional(call, 3)?.map(Dense::rows);
        let misfit = || Fault::because("the mask does not broadcast to the scores");
        let mask = match &added {
            Some(added) => Some(Mask::new(added.numbers(), added.shape(), &spec).ok_or_else(misfit)?),
            None => None,
        };
        let shape = [spec.batch, spec.queries, spec.heads * spec.value_depth];
        let mut numbers = buffer(shape.iter().product());
        attention(&spec, query.numbers(), key.numbers(), value.numbers(), mask.as_ref(), &mut numbers);
        Ok(Some(vec![Dense::new(&shape, Order::Rows, numbers).into()]))
    }
}
