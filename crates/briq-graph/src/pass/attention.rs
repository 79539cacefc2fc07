//! Multi-head attention (Vaswani et al., 2017), where an exporter wrote it out.
//!
//! Between the projections and back, exporters split heads off, reorder axes and merge them by all sorts of chains. What is
//! looked for is `softmax(q kᵀ · scale + mask) v`; how queries, keys, values and the result lie in memory is found by
//! following their axes ([`super::view`]), and brought to `[batch, position, heads · depth]`. What is computed for each head
//! apart, such as a rotary embedding, is left `[batch, head, position, depth]`, and keys and values that several heads of
//! queries share are not repeated.

use super::rewriter::{Id, Rewriter};
use super::view::{Atom, Axes, Trace, rearranged, rearranges};
use super::{Changes, FUSED_DOMAIN};
use crate::shape::{Inference, Size};
use crate::{Attribute, Dim, ElementType, GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let Some(found) = Found::at(rewriter, &inference, id) else { continue };
        changes.count("Attention");
        found.write(rewriter);
    }
    Ok(changes)
}

/// What an axis, or a part of one, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Batch,
    Head,
    Query,
    Key,
    Depth,
}

/// An operand of attention, as it lies in memory.
struct Operand {
    source: String,
    layout: Layout,
}

/// How scores are kept out.
enum Mask {
    /// By what is added to them.
    Added(String),
    /// Where a condition holds, or does not, by a number in their place.
    Replaced { condition: String, by: String, where_true: bool },
}

/// The largest number in place of a score that is as good as minus infinity: a score that is added to it is lost.
const MASKED: f64 = -1e8;

impl Mask {
    /// The name of what is added to the scores.
    fn write(self, rewriter: &mut Rewriter<'_>, beside: Id) -> String {
        let (condition, by, where_true) = match self {
            Self::Added(name) => return name,
            Self::Replaced { condition, by, where_true } => (condition, by, where_true),
        };
        let name = rewriter.fresh(&by);
        let zero = rewriter.add_constant(Initializer::from_f32(name, Vec::new(), &[0.0]));
        let [a, b] = if where_true { [&by, &zero] } else { [&zero, &by] };
        rewriter.emit("Where", &[&condition, a, b], beside)
    }
}

/// In which order batch and position lie, heads and depth being last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    BatchFirst,
    PositionFirst,
    /// Four axes: batch, head, position and depth.
    HeadsApart,
}

struct Found {
    operands: [Operand; 3],
    mask: Option<Mask>,
    heads: usize,
    scale: f64,
    /// Whether weights that are not numbers are replaced by zeros.
    guarded: bool,
    /// The node that gives the result in some layout, which attention takes the place of.
    root: Id,
    result: Layout,
    /// The shape that the root gives the result, where that is not three axes.
    target: Option<String>,
}

impl Found {
    /// Attention whose last product is this node.
    fn at(rewriter: &Rewriter<'_>, inference: &Inference, id: Id) -> Option<Self> {
        let node = rewriter.node(id);
        if !node.is("MatMul") {
            return None;
        }
        let weights = Trace::of(rewriter, node.input(0)?, false);
        let (softmax, guarded) = softmax(rewriter, weights.source)?;
        let softmax = Some(softmax).filter(|softmax| is_last(softmax, inference))?;
        let scores = Scores::of(rewriter, inference, softmax.input(0)?)?;
        let shared = weights.shown(inference, scores.axes)?;
        let values = Side::of(rewriter, inference, node.input(1)?, Role::Key, false)?;
        let [.., rows, columns] = shared.as_slice() else { return None };
        let fits = roles(rows) == [Role::Query] && roles(columns) == [Role::Key];
        let (batch, own) = (&shared[..shared.len() - 2], &values.axes[..values.axes.len() - 2]);
        let summed = values.axes.iter().rev().take(2).map(|axis| roles(axis)).eq([vec![Role::Depth], vec![Role::Key]]);
        if !fits || !summed || !is_same_batch(batch, own) || scores.own != values.own {
            return None;
        }
        let mut result = shared.clone();
        *result.last_mut()? = values.axes.last()?.clone();
        let (root, result, target) = merged(rewriter, inference, id, result)?;
        let operands = [scores.queries, scores.keys, values.operand];
        let Scores { mask, heads, scale, .. } = scores;
        Some(Self { operands, mask, heads, scale, guarded, root, result, target })
    }

    fn write(self, rewriter: &mut Rewriter<'_>) {
        let output = rewriter.node(self.root).outputs[0].clone();
        let mut inputs: Vec<String> = Vec::new();
        for operand in &self.operands {
            inputs.push(match operand.layout {
                Layout::BatchFirst | Layout::HeadsApart => operand.source.clone(),
                Layout::PositionFirst => swapped(rewriter, &operand.source, self.root),
            });
        }
        inputs.extend(self.mask.map(|mask| mask.write(rewriter, self.root)));
        let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let heads = i64::try_from(self.heads).expect("there are no more heads than elements");
        let mut attention = Node::new(&rewriter.node(self.root).name, "Attention", &names, &[&output]);
        FUSED_DOMAIN.clone_into(&mut attention.domain);
        let mut attention = attention.with("num_heads", heads).with("scale", self.scale as f32);
        if self.guarded {
            attention = attention.with("guarded", 1_i64);
        }
        if self.result == Layout::BatchFirst && self.target.is_none() {
            rewriter.replace(self.root, attention);
            return;
        }
        let fresh = rewriter.fresh(&output);
        attention.outputs = vec![fresh.clone()];
        rewriter.add(attention, self.root);
        let last = match (self.result, &self.target) {
            (Layout::PositionFirst, None) => {
                Node::new("", "Transpose", &[&fresh], &[&output]).with("perm", vec![1, 0, 2])
            }
            (Layout::PositionFirst, Some(target)) => {
                let swapped = swapped(rewriter, &fresh, self.root);
                Node::new("", "Reshape", &[&swapped, target], &[&output])
            }
            (Layout::BatchFirst | Layout::HeadsApart, target) => {
                Node::new("", "Reshape", &[&fresh, target.as_deref().unwrap_or_default()], &[&output])
            }
        };
        rewriter.replace(self.root, last);
    }
}

fn swapped(rewriter: &mut Rewriter<'_>, value: &str, beside: Id) -> String {
    let name = rewriter.fresh(value);
    rewriter.add(Node::new(&name, "Transpose", &[value], &[&name]).with("perm", vec![1, 0, 2]), beside);
    name
}

/// The softmax that gives these weights and nothing else, and whether zeros are put in place of weights that are not numbers.
///
/// PyTorch guards so, by `Where(IsNaN(w), 0, w)`, what a query gets all of whose keys are masked by minus infinity.
fn softmax<'r>(rewriter: &'r Rewriter<'_>, weights: &str) -> Option<(&'r Node, bool)> {
    rewriter.sole_reader(weights)?;
    let Some(choice) = rewriter.made_by(weights, "Where") else {
        return Some((rewriter.made_by(weights, "Softmax")?, false));
    };
    let [condition, zero, plain] = [0, 1, 2].map(|position| choice.operand(position));
    let test = rewriter.made_by(condition, "IsNaN")?;
    let guards = test.operand(0) == plain && rewriter.scalar(zero) == Some(0.0);
    rewriter.sole_reader(condition)?;
    let alone = !rewriter.is_pinned(plain) && rewriter.readers(plain).count() == 2;
    Some((rewriter.made_by(plain, "Softmax").filter(|_| guards && alone)?, true))
}

/// Whether a softmax is over the last axis.
fn is_last(softmax: &Node, inference: &Inference) -> bool {
    let rank = inference.value(&softmax.outputs[0]).map(|value| value.shape.len() as i64);
    let axis = softmax.attributes.get("axis").and_then(Attribute::as_int).unwrap_or(-1);
    axis == -1 || rank == Some(axis + 1)
}

/// `q kᵀ · scale + mask`.
struct Scores {
    queries: Operand,
    keys: Operand,
    heads: usize,
    /// Heads of keys, which several of queries may share.
    own: usize,
    scale: f64,
    mask: Option<Mask>,
    /// The axes of the sum.
    axes: Axes,
}

impl Scores {
    fn of(rewriter: &Rewriter<'_>, inference: &Inference, value: &str) -> Option<Self> {
        let masked = |scores: &str, by: &str, element: ElementType, mask: Mask| {
            let scores = Self::unmasked(rewriter, inference, scores)?;
            let fits = inference.value(by).is_some_and(|mask| mask.element == element);
            let fits = fits && is_mask(inference, by, &scores.axes, value);
            fits.then_some(Self { mask: Some(mask), ..scores })
        };
        if let Some(sum) = rewriter.made_by(value, "Add") {
            let (a, b) = (sum.input(0)?, sum.input(1)?);
            let added = |scores, mask: &str| masked(scores, mask, ElementType::F32, Mask::Added(mask.to_owned()));
            return added(a, b).or_else(|| added(b, a));
        }
        if let Some(choice) = rewriter.made_by(value, "Where") {
            let [condition, a, b] = [0, 1, 2].map(|position| choice.operand(position).to_owned());
            let is_masking = |name: &str| rewriter.scalar(name).is_some_and(|number| number <= MASKED);
            let (scores, by, where_true) = match (is_masking(&a), is_masking(&b)) {
                (true, false) => (&b, a.clone(), true),
                (false, true) => (&a, b.clone(), false),
                _ => return None,
            };
            let mask = Mask::Replaced { condition: condition.clone(), by, where_true };
            return masked(scores, &condition, ElementType::Bool, mask);
        }
        Self::unmasked(rewriter, inference, value)
    }

    fn unmasked(rewriter: &Rewriter<'_>, inference: &Inference, value: &str) -> Option<Self> {
        let trace = Trace::of(rewriter, value, true);
        let product = rewriter.made_by(trace.source, "MatMul")?;
        let queries = Side::of(rewriter, inference, product.input(0)?, Role::Query, true)?;
        let keys = Side::of(rewriter, inference, product.input(1)?, Role::Key, true)?;
        let (q, k) = (queries.axes.as_slice(), keys.axes.as_slice());
        let ([q_batch @ .., q_rows, q_columns], [k_batch @ .., k_rows, k_columns]) = (q, k) else { return None };
        let inner = roles(q_columns) == [Role::Depth] && roles(k_rows) == [Role::Depth];
        let outer = roles(q_rows) == [Role::Query] && roles(k_columns) == [Role::Key];
        if !inner || !outer || !is_same_batch(q_batch, k_batch) || queries.heads != keys.heads {
            return None;
        }
        let axes: Axes = q_batch.iter().chain([q_rows, k_columns]).cloned().collect();
        let axes = trace.shown(inference, axes)?;
        let scale = trace.scale * queries.scale * keys.scale;
        let (heads, own) = (queries.heads, keys.own);
        Some(Self { queries: queries.operand, keys: keys.operand, heads, own, scale, mask: None, axes })
    }
}

/// Whether a mask is broadcast to `[batch, heads, queries, keys]` as it is to the scores.
fn is_mask(inference: &Inference, mask: &str, axes: &Axes, sum: &str) -> bool {
    let (Some(mask), Some(sum)) = (inference.value(mask), inference.value(sum)) else { return false };
    let kept = sum.shape.len() == axes.len()
        && sum.shape.iter().zip(axes).all(|(length, axis)| {
            let size = axis.iter().try_fold(Size::one(), |size, atom| size.times(&atom.size));
            Size::of(length).is_some_and(|length| Some(length) == size)
        });
    let apart = axes.len() == 4
        && [Role::Batch, Role::Head].iter().zip(axes).all(|(role, axis)| roles(axis).iter().all(|own| own == role));
    let leading = mask.shape.len().saturating_sub(2);
    let same_for_all = mask.shape.len() <= 4 && mask.shape[..leading].iter().all(|length| *length == Dim::Fixed(1));
    kept && (apart || same_for_all)
}

/// An operand of one of the two products. Its atoms are named by their role, in `path[0]`; those of one element are left out.
struct Side {
    operand: Operand,
    axes: Axes,
    heads: usize,
    /// Heads of the operand, each of which stands for several where it is shared.
    own: usize,
    scale: f64,
}

impl Side {
    /// An operand whose positions are `position`s.
    fn of(rewriter: &Rewriter<'_>, inference: &Inference, value: &str, position: Role, scaled: bool) -> Option<Self> {
        let trace = Trace::of(rewriter, value, scaled);
        let source = inference.value(trace.source).filter(|value| value.element == ElementType::F32)?;
        let axes = trace.axes(inference)?;
        if axes.len() < 2 {
            return None;
        }
        if source.shape.len() != 3 {
            return Self::apart(rewriter, inference, &trace, &axes, position);
        }
        let depth = depth(&axes)?;
        let role = |atom: &Atom| -> Option<Role> {
            let last_two = axes[axes.len() - 2..].iter().flatten().any(|own| own.path == atom.path);
            Some(match (atom.path.as_slice() == depth, last_two, atom.path[0]) {
                (true, ..) => Role::Depth,
                (_, true, _) => position,
                (_, false, 2) => Role::Head,
                (_, false, _) => Role::Batch,
            })
        };
        let named = named(&axes, &role)?;
        let layout = layout(&axes, &role)?;
        let heads = named.iter().flatten().find(|atom| atom.path == [Role::Head as usize]);
        let heads = heads.map_or(Some(1), |atom| atom.size.fixed())?;
        let operand = Operand { source: trace.source.to_owned(), layout };
        Some(Self { operand, axes: named, heads, own: heads, scale: trace.scale })
    }

    /// An operand `[batch, head, position, depth]`, or keys or values whose heads are repeated for those of the queries.
    fn apart(
        rewriter: &Rewriter<'_>,
        inference: &Inference,
        trace: &Trace<'_>,
        axes: &Axes,
        position: Role,
    ) -> Option<Self> {
        let lengths = inference.value(trace.source)?.shape.as_slice();
        let (source, own, order) = match *lengths {
            [_, ref heads, _, _] => {
                (trace.source, heads.fixed()?, vec![Role::Batch, Role::Head, position, Role::Depth])
            }
            _ => {
                let (source, own) = shared(rewriter, inference, trace.source).filter(|_| position == Role::Key)?;
                (source, own, vec![Role::Batch, Role::Head, Role::Head, position, Role::Depth])
            }
        };
        let heads = order.iter().zip(lengths).filter(|(role, _)| **role == Role::Head);
        let heads = heads.map(|(_, length)| length.fixed()).try_fold(1_usize, |heads, own| heads.checked_mul(own?))?;
        let axes = axes.iter().map(|axis| joined(axis, &order)).collect::<Option<_>>()?;
        let operand = Operand { source: source.to_owned(), layout: Layout::HeadsApart };
        Some(Self { operand, axes, heads, own, scale: trace.scale })
    }
}

/// The atoms of an axis named by the roles of the axes of the source, none of which may be split; axes of one role that
/// follow each other are one atom.
fn joined(axis: &[Atom], order: &[Role]) -> Option<Vec<Atom>> {
    let mut named: Vec<(usize, Atom)> = Vec::new();
    for atom in axis.iter().filter(|atom| atom.size != Size::one()) {
        let [from] = *atom.path.as_slice() else { return None };
        let path = vec![*order.get(from)? as usize];
        match named.last_mut() {
            Some((last, before)) if before.path == path && *last + 1 == from => {
                *last = from;
                before.size = before.size.times(&atom.size)?;
            }
            _ => named.push((from, Atom { path, size: atom.size.clone() })),
        }
    }
    Some(named.into_iter().map(|(_, atom)| atom).collect())
}

/// The axes with their atoms named by their roles, without those of one element.
fn named(axes: &Axes, role: &impl Fn(&Atom) -> Option<Role>) -> Option<Axes> {
    let named = |atom: &Atom| Some(Atom { path: vec![role(atom)? as usize], ..atom.clone() });
    let axis = |axis: &Vec<Atom>| axis.iter().filter(|atom| atom.size != Size::one()).map(named).collect();
    axes.iter().map(axis).collect()
}

/// What a value of five axes repeats, and how many heads that has: each of them is followed by itself as often as queries
/// share it (Ainslie et al., 2023).
fn shared<'r>(rewriter: &'r Rewriter<'_>, inference: &Inference, value: &str) -> Option<(&'r str, usize)> {
    let single = rewriter.made_by(value, "Expand")?.input(0)?;
    let source = rewriter.made_by(single, "Unsqueeze")?.input(0)?;
    let shape = |name: &str| inference.value(name).map(|value| value.shape.clone());
    let [batch, heads, positions, depth] = <[Dim; 4]>::try_from(shape(source)?).ok()?;
    let times = shape(value)?.get(2)?.clone();
    let whole = |times: Dim| vec![batch.clone(), heads.clone(), times, positions.clone(), depth.clone()];
    let known = [&batch, &positions, &depth].iter().all(|length| Size::of(length).is_some());
    let fits = shape(single)? == whole(Dim::Fixed(1)) && shape(value)? == whole(times);
    Some((source, heads.fixed().filter(|_| known && fits)?))
}

/// The path of the innermost part of the last axis of the source: where the depth is.
fn depth(axes: &Axes) -> Option<Vec<usize>> {
    let inner = axes.iter().flatten().filter(|atom| atom.path[0] == 2 && atom.size != Size::one());
    let depth = inner.max_by_key(|atom| atom.path.clone())?;
    let last_two = axes[axes.len() - 2..].iter().flatten().any(|atom| atom.path == depth.path);
    last_two.then(|| depth.path.clone())
}

/// How a source lies in memory: every role once, neither batch nor position split, heads before depth on the last axis.
fn layout(axes: &Axes, role: &impl Fn(&Atom) -> Option<Role>) -> Option<Layout> {
    let mut layout = None;
    let mut seen = Vec::new();
    for atom in axes.iter().flatten().filter(|atom| atom.size != Size::one()) {
        let role = role(atom)?;
        if seen.contains(&role) {
            return None;
        }
        seen.push(role);
        let first = match role {
            Role::Head | Role::Depth => continue,
            Role::Batch => Layout::BatchFirst,
            Role::Query | Role::Key => Layout::PositionFirst,
        };
        let own = match (atom.path.as_slice(), first) {
            ([0], first) => first,
            ([1], Layout::BatchFirst) => Layout::PositionFirst,
            ([1], Layout::PositionFirst) => Layout::BatchFirst,
            _ => return None,
        };
        if layout.replace(own).is_some_and(|other| other != own) {
            return None;
        }
    }
    Some(layout.unwrap_or(Layout::BatchFirst))
}

fn roles(axis: &[Atom]) -> Vec<Role> {
    const ROLES: [Role; 5] = [Role::Batch, Role::Head, Role::Query, Role::Key, Role::Depth];
    axis.iter().filter(|atom| atom.size != Size::one()).map(|atom| ROLES[atom.path[0]]).collect()
}

/// Whether two stacks of matrices are of the same batches and heads in the same order.
fn is_same_batch(a: &[Vec<Atom>], b: &[Vec<Atom>]) -> bool {
    let known = |role: &Role| matches!(role, Role::Batch | Role::Head);
    a == b && a.iter().flat_map(|axis| roles(axis)).all(|role| known(&role))
}

/// The first node behind the last product after which heads lie beside their depth, with the layout that it gives and
/// the shape, unless that has three axes.
fn merged(
    rewriter: &Rewriter<'_>,
    inference: &Inference,
    product: Id,
    axes: Axes,
) -> Option<(Id, Layout, Option<String>)> {
    let (mut id, mut axes) = (product, axes);
    loop {
        if let Some(layout) = result(&axes) {
            let node = rewriter.node(id);
            if is_three(&axes, layout) {
                return Some((id, layout, None));
            }
            let target = node.input(1).filter(|_| node.is("Reshape"));
            let plain = target.and_then(|target| rewriter.integers(target));
            if plain.is_some_and(|lengths| lengths.iter().all(|&length| length != 0)) {
                return Some((id, layout, target.map(str::to_owned)));
            }
        }
        id = rewriter.sole_reader(&rewriter.node(id).outputs[0]).filter(|&next| rearranges(rewriter.node(next)))?;
        axes = rearranged(axes, rewriter.node(id), inference)?;
    }
}

/// In which layout a result lies, if heads and depth are last in it.
fn result(axes: &Axes) -> Option<Layout> {
    use Role::{Batch, Depth, Head, Query};
    match roles(&axes.concat()).as_slice() {
        [Batch, Query, Head, Depth] | [Batch, Query, Depth] | [Batch, Head, Depth] => Some(Layout::BatchFirst),
        [Query, Batch, Head, Depth] | [Query, Batch, Depth] => Some(Layout::PositionFirst),
        [Query, Head, Depth] | [Query, Depth] => Some(Layout::BatchFirst),
        _ => None,
    }
}

/// Whether the three axes are batch, position, and heads with their depth.
fn is_three(axes: &Axes, layout: Layout) -> bool {
    if axes.len() != 3 {
        return false;
    }
    let within = |axis: usize, allowed: &[Role]| roles(&axes[axis]).iter().all(|role| allowed.contains(role));
    let (batch, position) = if layout == Layout::BatchFirst { (0, 1) } else { (1, 0) };
    within(batch, &[Role::Batch]) && within(position, &[Role::Query]) && within(2, &[Role::Head, Role::Depth])
}
