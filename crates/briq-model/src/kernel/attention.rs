//! Attention over all heads at once.

use briq_graph::ElementType;
use briq_kernels::attention::{AttentionSpec, Mask, Operand, attend};
use briq_kernels::elementwise::{Binary, Broadcast};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("Attention", prepare)];

fn prepare(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    if call.node.domain != briq_graph::pass::FUSED_DOMAIN {
        return standard(call);
    }
    let heads = call.size("num_heads", 1)?.max(1);
    ready(Fused { heads, scale: call.float("scale", 1.0)?, guarded: call.flag("guarded", false)? })
}

/// The operator of the standard, where it keeps no keys and values, gives no scores and bounds none.
fn standard(call: &Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let more = (4..call.node.inputs.len()).any(|index| call.node.input(index).is_some())
        || call.node.outputs.iter().skip(1).any(|output| !output.is_empty());
    if more || call.number("softcap", 0.0)? > 0.0 {
        return Ok(None);
    }
    let scale = if call.node.attributes.contains_key("scale") { Some(call.float("scale", 1.0)?) } else { None };
    let heads = [call.size("q_num_heads", 0)?, call.size("kv_num_heads", 0)?];
    ready(Standard { heads, scale, causal: call.flag("is_causal", false)? })
}

/// Batch, heads, positions and depth of queries, keys or values.
type Sizes = [usize; 4];

/// What `[batch, heads, positions, depth]` or `[batch, positions, heads · depth]` comes to.
fn sizes(shape: &[usize], heads: usize) -> Option<Sizes> {
    match *shape {
        [batch, own, positions, depth] => Some([batch, own, positions, depth]),
        [batch, positions, width] if heads > 0 && width.is_multiple_of(heads) => {
            Some([batch, heads, positions, width / heads])
        }
        _ => None,
    }
}

/// Queries, keys or values, wherever each row of a head lies.
struct Rows {
    dense: Dense,
    depth: usize,
}

impl Rows {
    fn take(call: &mut Call, index: usize, depth: usize) -> Result<Self, Fault> {
        let dense = Dense::take(call, index)?;
        let whole = dense.strided().is_some_and(|(_, strides)| depth == 1 || strides.last() == Some(&1));
        Ok(Self { dense: if whole { dense } else { dense.rows() }, depth })
    }

    fn operand(&self, sharing: usize) -> Operand<'_> {
        let (numbers, strides) = self.dense.strided().expect("its rows were put in order otherwise");
        let strides = match strides[..] {
            [batch, position, inner] => [batch, self.depth * inner, position],
            _ => [strides[0], strides[1], strides[2]],
        };
        Operand { numbers, strides, sharing }
    }
}

/// The shape and the numbers of what is added to the scores.
type Added = (Vec<usize>, Vec<f32>);

/// The sizes of an attention, and how many heads of queries each head of keys serves. `None` where they do not fit.
fn spec([query, key, value]: [Sizes; 3], scale: Option<f32>, guarded: bool) -> Option<(AttentionSpec, usize)> {
    let ([batch, heads, queries, depth], [_, own, keys, value_depth]) = (query, value);
    let fits = key == [batch, own, keys, depth] && value[0] == batch && own > 0 && heads.is_multiple_of(own);
    let scale = scale.unwrap_or_else(|| (depth as f32).sqrt().recip());
    fits.then(|| (AttentionSpec { batch, heads, queries, keys, depth, value_depth, scale, guarded }, heads / own))
}

/// `[batch, positions, heads · depth]`.
fn computed(spec: &AttentionSpec, sharing: usize, rows: &[Rows; 3], mask: Option<&Mask<'_>>) -> Vec<f32> {
    let [query, key, value] = rows;
    let mut numbers = buffer(spec.batch * spec.queries * spec.heads * spec.value_depth);
    attend(spec, [query.operand(1), key.operand(sharing), value.operand(sharing)], mask, &mut numbers);
    numbers
}

/// The fused operator of the graph passes.
struct Fused {
    heads: usize,
    scale: f32,
    guarded: bool,
}

impl Kernel for Fused {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shapes = [call.shape(0)?, call.shape(1)?, call.shape(2)?];
        let known = shapes.each_ref().map(|shape| sizes(shape, self.heads));
        let spec = match known {
            [Some(query), Some(key), Some(value)] => spec([query, key, value], Some(self.scale), self.guarded),
            _ => None,
        };
        let Some((spec, sharing)) = spec else {
            let [query, key, value] = shapes;
            return Err(Fault::because(format!("{query:?}, {key:?} and {value:?} in {} heads do not fit", self.heads)));
        };
        let rows = taken(call, &spec)?;
        let added = Dense::optional(call, 3)?.map(Dense::rows);
        let mask = match &added {
            Some(added) => Some(Mask::new(added.numbers(), added.shape(), &spec).ok_or_else(misfit)?),
            None => None,
        };
        let numbers = computed(&spec, sharing, &rows, mask.as_ref());
        let shape = [spec.batch, spec.queries, spec.heads * spec.value_depth];
        Ok(Some(vec![Dense::new(&shape, Order::Rows, numbers).into()]))
    }
}

fn taken(call: &mut Call, spec: &AttentionSpec) -> Result<[Rows; 3], Fault> {
    let (depth, value_depth) = (spec.depth, spec.value_depth);
    Ok([Rows::take(call, 0, depth)?, Rows::take(call, 1, depth)?, Rows::take(call, 2, value_depth)?])
}

/// The operator of the standard.
struct Standard {
    /// Heads of queries, and of keys and values, where they lie beside one another.
    heads: [usize; 2],
    /// One by the root of the depth, unless it is given.
    scale: Option<f32>,
    /// Whether a query attends to no key of a later position.
    causal: bool,
}

impl Kernel for Standard {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let Some((spec, sharing)) = self.spec(call)? else { return Ok(None) };
        let flat = call.shape(0)?.len() == 3;
        let rows = taken(call, &spec)?;
        let mask = self.mask(call, &spec)?;
        let mask = match &mask {
            Some((shape, numbers)) => Some(Mask::new(numbers, shape, &spec).ok_or_else(misfit)?),
            None => None,
        };
        let numbers = computed(&spec, sharing, &rows, mask.as_ref());
        let AttentionSpec { batch, heads, queries, value_depth, .. } = spec;
        Ok(Some(vec![if flat {
            Dense::new(&[batch, queries, heads * value_depth], Order::Rows, numbers).into()
        } else {
            Dense::new(&[batch, queries, heads, value_depth], Order::Rows, numbers).permuted(&[0, 2, 1, 3]).into()
        }]))
    }
}

impl Standard {
    /// The sizes, where this kernel is for them: single precision, something to compute, and a mask for every key.
    fn spec(&self, call: &Call) -> Result<Option<(AttentionSpec, usize)>, Fault> {
        let placed = (0..3).all(|index| Dense::fits(call, index)) && (0..3).any(|index| call.on_device(index));
        let [own, shared] = self.heads;
        let sizes = [sizes(&call.shape(0)?, own), sizes(&call.shape(1)?, shared), sizes(&call.shape(2)?, shared)];
        let [Some(query), Some(key), Some(value)] = sizes else { return Ok(None) };
        let found = spec([query, key, value], self.scale, false);
        let Some((spec, sharing)) =
            found.filter(|_| placed && !sizes.iter().flatten().flatten().any(|size| *size == 0))
        else {
            return Ok(None);
        };
        if !call.has(3) {
            return Ok(Some((spec, sharing)));
        }
        let scores = [spec.batch, spec.heads, spec.queries, spec.keys];
        let mask = call.shape(3)?;
        let known = Dense::fits(call, 3) || call.element(3)? == ElementType::Bool;
        let spread = Broadcast::new(&mask, &scores).is_some_and(|broadcast| broadcast.shape() == scores);
        Ok((known && spread).then_some((spec, sharing)))
    }

    /// What is added to the scores: what is given, and minus infinity behind each query.
    fn mask(&self, call: &mut Call, spec: &AttentionSpec) -> Result<Option<Added>, Fault> {
        let given = Self::given(call)?;
        if !self.causal {
            return Ok(given);
        }
        let (queries, keys) = (spec.queries, spec.keys);
        let barrier: Vec<f32> = (0..queries * keys).map(|at| allowed(at % keys <= at / keys)).collect();
        let barred = vec![queries, keys];
        let Some((shape, numbers)) = given else { return Ok(Some((barred, barrier))) };
        let broadcast = Broadcast::new(&shape, &barred).ok_or_else(misfit)?;
        let mut sum = buffer(broadcast.count());
        Binary::Add.apply(&broadcast, &numbers, &barrier, &mut sum);
        Ok(Some((broadcast.shape().to_vec(), sum)))
    }

    fn given(call: &mut Call) -> Result<Option<Added>, Fault> {
        if !call.has(3) {
            return Ok(None);
        }
        if Dense::fits(call, 3) {
            let added = Dense::take(call, 3)?.rows();
            return Ok(Some((added.shape().to_vec(), added.numbers().to_vec())));
        }
        let mask = call.host(3)?;
        let numbers = mask.to_bools().into_iter().map(allowed).collect();
        Ok(Some((mask.shape, numbers)))
    }
}

/// What is added to the score of a key that counts, or does not.
fn allowed(counts: bool) -> f32 {
    if counts { 0.0 } else { f32::NEG_INFINITY }
}

fn misfit() -> Fault {
    Fault::because("the mask does not broadcast to the scores")
}
