//! Products of one input with several constant matrices, such as the projections to queries, keys and values, become one
//! product whose columns are shared out again.

use std::collections::HashMap;

use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::{GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for group in groups(rewriter)? {
        changes.count("product");
        merge(rewriter, &group);
    }
    Ok(changes)
}

/// A product with a constant matrix and perhaps a constant bias.
struct Projection {
    id: Id,
    weight: String,
    bias: Option<String>,
    columns: usize,
}

/// Products that read the same input and can be one: as deep, and all with a bias or all without.
fn groups(rewriter: &Rewriter<'_>) -> Result<Vec<Vec<Projection>>, GraphError> {
    let mut groups: Vec<Vec<Projection>> = Vec::new();
    let mut places: HashMap<(String, usize, bool), usize> = HashMap::new();
    for id in rewriter.order()? {
        let Some((depth, projection)) = projection(rewriter, rewriter.node(id), id) else { continue };
        let key = (rewriter.node(id).operand(0).to_owned(), depth, projection.bias.is_some());
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(projection),
            None => groups.push(vec![projection]),
        }
    }
    groups.retain(|group| group.len() > 1);
    Ok(groups)
}

fn projection(rewriter: &Rewriter<'_>, node: &Node, id: Id) -> Option<(usize, Projection)> {
    let plain = node.domain == FUSED_DOMAIN && node.operator == "Gemm" && node.attributes.is_empty();
    let weight = node.input(1).filter(|_| plain && node.input(3).is_none())?;
    let [depth, columns] = *rewriter.weights(weight)?.shape.as_slice() else { return None };
    let bias = node.input(2).map(str::to_owned);
    if bias.as_ref().is_some_and(|bias| rewriter.weights(bias).is_none()) {
        return None;
    }
    Some((depth, Projection { id, weight: weight.to_owned(), bias, columns }))
}

fn merge(rewriter: &mut Rewriter<'_>, group: &[Projection]) {
    let first = rewriter.node(group[0].id).clone();
    let weights: Vec<&str> = group.iter().map(|projection| projection.weight.as_str()).collect();
    let biases: Vec<&str> = group.iter().filter_map(|projection| projection.bias.as_deref()).collect();
    let mut inputs = vec![first.operand(0).to_owned(), joined(rewriter, &weights, 1, group[0].id)];
    if !biases.is_empty() {
        inputs.push(joined(rewriter, &biases, 0, group[0].id));
    }
    let outputs: Vec<String> = group.iter().map(|part| rewriter.node(part.id).outputs[0].clone()).collect();
    let product = rewriter.fresh(&first.outputs[0]);
    group.iter().for_each(|projection| rewriter.remove(projection.id));
    let fused = Node { inputs, outputs: vec![product.clone()], ..first };
    rewriter.replace(group[0].id, fused);
    let columns: Vec<i64> = group.iter().map(|projection| projection.columns as i64).collect();
    let name = rewriter.fresh(&product);
    let lengths = rewriter.add_constant(Initializer::from_i64(name, vec![columns.len()], &columns));
    let split = Node { outputs, ..Node::new("", "Split", &[&product, &lengths], &[]) };
    rewriter.add(split.with("axis", -1), group[0].id);
}

fn joined(rewriter: &mut Rewriter<'_>, parts: &[&str], axis: i64, beside: Id) -> String {
    let name = rewriter.fresh(parts[0]);
    rewriter.add(Node::new(&name, "Concat", parts, &[&name]).with("axis", axis), beside);
    name
}
