//! Operators of the domain `ai.onnx.ml` that ask decision trees: `TreeEnsemble` and the two that it replaces.

use std::collections::HashMap;

use briq_graph::ElementType;

use super::linear_models::examples;
use super::scoring::{Transform, best, classified, labels};
use super::trees::{Aggregate, Branch, Comparison, Forest, Next};
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("TreeEnsemble", ensemble), ("TreeEnsembleClassifier", classify), ("TreeEnsembleRegressor", regress)];

/// Numbers that are an attribute of floats, or a tensor of another precision under a longer name.
fn numbers(call: &Call, name: &'static str, as_tensor: &'static str) -> Result<Vec<f64>, Fault> {
    match call.literal(as_tensor)? {
        Some(tensor) => Ok(tensor.to_floats()),
        None => Ok(call.numbers(name)?.unwrap_or_default()),
    }
}

fn given(call: &Call, name: &'static str) -> Result<Vec<usize>, Fault> {
    call.sizes(name)?.ok_or(Fault::WrongAttribute { name, expected: "given" })
}

/// One of a list, or the fault that the lists differ in length.
fn at<T: Copy>(list: &[T], index: usize) -> Result<T, Fault> {
    list.get(index).copied().ok_or_else(|| Fault::because("the lists of the trees differ in length"))
}

/// Operator set 5: branches and leaves in lists of their own, comparisons as numbers.
fn ensemble(call: &mut Call) -> Outcome {
    let aggregate = at(&Aggregate::ALL, call.size("aggregate_function", 1)?)?.1;
    let transform = Transform::of(call)?;
    let forest = numbered_forest(call)?;
    let x = call.host(0)?;
    call.answer(scored(&x, x.element, &forest, aggregate, transform, &[])?)
}

fn numbered_forest(call: &Call) -> Result<Forest, Fault> {
    let tensor = |name| call.literal(name)?.ok_or(Fault::WrongAttribute { name, expected: "a tensor" });
    let (modes, splits, weights) = (tensor("nodes_modes")?, tensor("nodes_splits")?, tensor("leaf_weights")?);
    let features = given(call, "nodes_featureids")?;
    let (holds, fails) = (given(call, "nodes_truenodeids")?, given(call, "nodes_falsenodeids")?);
    let (holds_leaf, fails_leaf) = (given(call, "nodes_trueleafs")?, given(call, "nodes_falseleafs")?);
    let missing = call.sizes("nodes_missing_value_tracks_true")?.unwrap_or_default();
    let members = call.literal("membership_values")?.map(|list| list.to_floats()).unwrap_or_default();
    let mut members = members.split(|number| number.is_nan()).map(<[f64]>::to_vec);
    let next = |leaf: usize, index| if leaf == 0 { Next::Branch(index) } else { Next::Leaf(index) };
    let (modes, splits) = (modes.to_integers(), splits.to_floats());
    let mut branches = Vec::with_capacity(modes.len());
    for (index, mode) in modes.iter().enumerate() {
        let comparison = at(&Comparison::ALL, usize::try_from(*mode).unwrap_or(usize::MAX))?.1;
        let own = if comparison == Comparison::Member { members.next() } else { None };
        branches.push(Branch {
            comparison,
            feature: at(&features, index)?,
            number: at(&splits, index)?,
            members: own.unwrap_or_default(),
            missing_holds: missing.get(index).is_some_and(|holds| *holds != 0),
            holds: next(at(&holds_leaf, index)?, at(&holds, index)?),
            fails: next(at(&fails_leaf, index)?, at(&fails, index)?),
        });
    }
    let targets = given(call, "leaf_targetids")?;
    let leaves = targets.into_iter().zip(weights.to_floats()).map(|leaf| vec![leaf]).collect();
    let roots = given(call, "tree_roots")?.into_iter().map(|root| whole(&branches, root)).collect();
    let targets = call.size("n_targets", 1)?;
    super::shape::bounded(&[targets])?;
    Ok(Forest { roots, branches, leaves, targets })
}

/// A tree of one leaf has a branch that leads to it either way.
fn whole(branches: &[Branch], root: usize) -> Next {
    match branches.get(root).map(|branch| (branch.holds, branch.fails)) {
        Some((Next::Leaf(leaf), Next::Leaf(other))) if leaf == other => Next::Leaf(leaf),
        _ => Next::Branch(root),
    }
}

/// The nodes of trees before operator set 5, leaves among them, by the numbers of their tree and their own.
struct Nodes<'a> {
    trees: Vec<usize>,
    places: HashMap<(usize, usize), usize>,
    modes: &'a [String],
}

impl<'a> Nodes<'a> {
    fn of(call: &Call<'a>) -> Result<Self, Fault> {
        let (trees, own) = (given(call, "nodes_treeids")?, given(call, "nodes_nodeids")?);
        let places = trees.iter().copied().zip(own).zip(0..).collect();
        let modes = call.strings("nodes_modes")?.unwrap_or_default();
        if modes.len() != trees.len() {
            return Err(Fault::because("the lists of the trees differ in length"));
        }
        Ok(Self { trees, places, modes })
    }

    /// Where the node of a tree stands.
    fn place(&self, tree: usize, node: usize) -> Result<usize, Fault> {
        let lost = || Fault::because("a tree leads to a node that is not there");
        self.places.get(&(tree, node)).copied().ok_or_else(lost)
    }

    fn next(&self, place: usize) -> Next {
        if self.modes[place] == "LEAF" { Next::Leaf(place) } else { Next::Branch(place) }
    }

    /// The first node of each tree.
    fn roots(&self) -> Vec<Next> {
        let firsts = (0..self.trees.len()).filter(|&at| at == 0 || self.trees[at - 1] != self.trees[at]);
        firsts.map(|at| self.next(at)).collect()
    }

    /// A branch for each node; those of leaves lead nowhere else.
    fn branches(&self, call: &Call) -> Result<Vec<Branch>, Fault> {
        let numbers = numbers(call, "nodes_values", "nodes_values_as_tensor")?;
        let features = given(call, "nodes_featureids")?;
        let (holds, fails) = (given(call, "nodes_truenodeids")?, given(call, "nodes_falsenodeids")?);
        let missing = call.sizes("nodes_missing_value_tracks_true")?.unwrap_or_default();
        let branch = |(index, mode): (usize, &String)| {
            let leaf = mode == "LEAF";
            let known = Comparison::ALL.iter().find(|(name, _)| name == mode).map(|(_, comparison)| *comparison);
            let known = known.or(leaf.then_some(Comparison::Equal));
            let to = |node: usize| {
                if leaf { Ok(Next::Leaf(index)) } else { Ok(self.next(self.place(self.trees[index], node)?)) }
            };
            Ok(Branch {
                comparison: known.ok_or_else(|| Fault::because(format!("mode `{mode}` of a node is not known")))?,
                feature: at(&features, index)?,
                number: at(&numbers, index)?,
                members: Vec::new(),
                missing_holds: missing.get(index).is_some_and(|holds| *holds != 0),
                holds: to(at(&holds, index)?)?,
                fails: to(at(&fails, index)?)?,
            })
        };
        self.modes.iter().enumerate().map(branch).collect()
    }
}

/// Before operator set 5: what leaves give stands in lists of its own, under these names.
fn named_forest(call: &Call, [trees, nodes, ids]: [&'static str; 3], weights: &[f64]) -> Result<Forest, Fault> {
    let all = Nodes::of(call)?;
    let branches = all.branches(call)?;
    let mut leaves = vec![Vec::new(); branches.len()];
    let (trees, nodes, ids) = (given(call, trees)?, given(call, nodes)?, given(call, ids)?);
    let mut targets = 0;
    for (index, weight) in weights.iter().enumerate() {
        let target = at(&ids, index)?;
        targets = targets.max(target.saturating_add(1));
        leaves[all.place(at(&trees, index)?, at(&nodes, index)?)?].push((target, *weight));
    }
    Ok(Forest { roots: all.roots(), branches, leaves, targets })
}

/// The scores of all rows, as a matrix.
fn scored(
    x: &HostTensor,
    element: ElementType,
    forest: &Forest,
    aggregate: Aggregate,
    transform: Transform,
    base: &[f64],
) -> Result<HostTensor, Fault> {
    let mut all = Vec::new();
    let rows = examples(x)?;
    for row in &rows {
        let scores = forest.scores(row, aggregate)?.into_iter().enumerate();
        let mut scores: Vec<f64> =
            scores.map(|(at, score)| score.unwrap_or(0.0) + base.get(at).copied().unwrap_or(0.0)).collect();
        transform.apply(&mut scores);
        all.extend(scores);
    }
    Ok(HostTensor::floats(element, &[rows.len(), forest.targets], all))
}

fn regress(call: &mut Call) -> Outcome {
    let name = call.string("aggregate_function")?.unwrap_or("SUM");
    let known = Aggregate::ALL.iter().find(|(known, _)| *known == name);
    let &(_, aggregate) = known.ok_or_else(|| Fault::because(format!("`{name}` of several trees is not known")))?;
    let transform = Transform::of(call)?;
    let weights = numbers(call, "target_weights", "target_weights_as_tensor")?;
    let mut forest = named_forest(call, ["target_treeids", "target_nodeids", "target_ids"], &weights)?;
    forest.targets = forest.targets.max(call.size("n_targets", 1)?);
    super::shape::bounded(&[forest.targets])?;
    let base = numbers(call, "base_values", "base_values_as_tensor")?;
    let x = call.host(0)?;
    call.answer(scored(&x, ElementType::F32, &forest, aggregate, transform, &base)?)
}

fn classify(call: &mut Call) -> Outcome {
    let transform = Transform::of(call)?;
    let labels = labels(call, "classlabels_int64s")?;
    let weights = numbers(call, "class_weights", "class_weights_as_tensor")?;
    let mut forest = named_forest(call, ["class_treeids", "class_nodeids", "class_ids"], &weights)?;
    let single = given(call, "class_ids")?.windows(2).all(|pair| pair[0] == pair[1]) && labels.count() == 2;
    forest.targets = forest.targets.max(labels.count());
    super::shape::bounded(&[forest.targets])?;
    let base = numbers(call, "base_values", "base_values_as_tensor")?;
    let positive = weights.iter().all(|weight| *weight >= 0.0);
    let (mut all, mut chosen) = (Vec::new(), Vec::new());
    for row in examples(&call.host(0)?)? {
        let found = forest.scores(&row, Aggregate::Sum)?;
        let mut scores: Vec<f64> = found.iter().map(|score| score.unwrap_or(0.0)).collect();
        scores.iter_mut().zip(&base).for_each(|(score, base)| *score += base);
        if single {
            let score = found.iter().flatten().sum::<f64>() + base.first().copied().unwrap_or(0.0);
            scores = two_classes(score, positive, transform);
        } else {
            transform.apply(&mut scores);
        }
        chosen.push(best(&scores));
        all.push(scores);
    }
    classified(call, &labels, &chosen, &all)
}

/// The scores of both classes where the trees score only one: a probability, or how far it is from even.
fn two_classes(score: f64, positive: bool, transform: Transform) -> Vec<f64> {
    if positive {
        return vec![1.0 - score, score];
    }
    let mut scores = vec![-score, score];
    if transform == Transform::Logistic {
        transform.apply(&mut scores);
    }
    scores
}
