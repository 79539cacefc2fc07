//! Operators that order elements or run along an axis.

use std::cmp::Ordering;

use super::gradient::{Matrix, mapped};
use super::space::Around;
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ArgMax", |call| extreme(call, Ordering::Greater)),
    ("ArgMin", |call| extreme(call, Ordering::Less)),
    ("TopK", top_k),
    ("Unique", unique),
    ("CumSum", |call| cumulate(call, 0.0, |a, b| a + b)),
    ("CumProd", |call| cumulate(call, 1.0, |a, b| a * b)),
];

/// How elements of one tensor compare; what is not a number is greatest, as in NumPy.
pub(super) fn order(tensor: &HostTensor, left: usize, right: usize) -> Ordering {
    match &tensor.data {
        Elements::Integers(numbers) => numbers[left].cmp(&numbers[right]),
        Elements::Texts(texts) => texts[left].cmp(&texts[right]),
        Elements::Floats(numbers) => {
            let unordered = || numbers[left].is_nan().cmp(&numbers[right].is_nan());
            numbers[left].partial_cmp(&numbers[right]).unwrap_or_else(unordered)
        }
    }
}

fn extreme(call: &mut Call, wanted: Ordering) -> Outcome {
    let (keep, last) = (call.flag("keepdims", true)?, call.flag("select_last_index", false)?);
    let x = call.detached(0)?;
    let axis = axis(call.int("axis", 0)?, x.shape.len())?;
    let better = |new: usize, old: usize| {
        let order = order(&x, new, old);
        order == wanted || last && order == Ordering::Equal
    };
    let best =
        |lane: Vec<usize>| (1..lane.len()).fold(0, |best, at| if better(lane[at], lane[best]) { at } else { best });
    let found: Vec<usize> = Around::new(&x.shape, axis).lanes().map(|lane| best(lane.collect())).collect();
    let mut shape = x.shape.clone();
    if keep {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    call.answer(HostTensor::indices(&shape, found))
}

fn top_k(call: &mut Call) -> Outcome {
    let largest = call.flag("largest", true)?;
    let value = call.inputs.first().cloned().flatten().ok_or(Fault::MissingInput(0))?;
    let x = call.detached(0)?;
    let count = match call.constant(1)? {
        Some(count) => count as usize,
        None => call.size("k", 1)?,
    };
    let axis = axis(call.int("axis", -1)?, x.shape.len())?;
    if count > x.shape[axis] {
        return Err(Fault::because(format!("{count} of {} elements", x.shape[axis])));
    }
    let around = Around::new(&x.shape, axis);
    let mut shape = x.shape.clone();
    shape[axis] = count;
    let target = Around::new(&shape, axis);
    let (mut places, mut ranks) = (vec![0; shape.iter().product()], vec![0; shape.iter().product()]);
    for (from, to) in around.lanes().zip(target.lanes()) {
        let lane: Vec<usize> = from.collect();
        let mut ranked: Vec<usize> = (0..lane.len()).collect();
        ranked.sort_by(|&a, &b| {
            let order = order(&x, lane[a], lane[b]);
            if largest { order.reverse() } else { order }
        });
        for (to, rank) in to.zip(ranked) {
            (places[to], ranks[to]) = (lane[rank], rank);
        }
    }
    Ok(vec![call.picked(value, &shape, places, None)?, call.place(HostTensor::indices(&shape, ranks))])
}

/// The different slices along an axis, or elements, with where they are found first and how often.
fn unique(call: &mut Call) -> Outcome {
    let sorted = call.flag("sorted", true)?;
    let along = call.node.attributes.contains_key("axis");
    let x = call.host(0)?;
    let x = if along { x } else { HostTensor { shape: vec![x.count()], ..x } };
    let axis = axis(call.int("axis", 0)?, x.shape.len())?;
    let mut slices = vec![Vec::new(); x.shape[axis]];
    for lane in Around::new(&x.shape, axis).lanes() {
        lane.enumerate().for_each(|(at, place)| slices[at].push(place));
    }
    let compare = |a: usize, b: usize| {
        let pairs = slices[a].iter().zip(&slices[b]);
        pairs.map(|(&left, &right)| order(&x, left, right)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut firsts: Vec<usize> = Vec::new();
    for at in 0..slices.len() {
        if !firsts.iter().any(|&first| compare(first, at).is_eq()) {
            firsts.push(at);
        }
    }
    if sorted {
        firsts.sort_by(|&a, &b| compare(a, b));
    }
    let classes = (0..slices.len()).map(|at| firsts.iter().position(|&first| compare(first, at).is_eq()).unwrap_or(0));
    let classes: Vec<usize> = classes.collect();
    let counts = (0..firsts.len()).map(|class| classes.iter().filter(|&&other| other == class).count());
    let counts: Vec<usize> = counts.collect();
    let mut shape = x.shape.clone();
    shape[axis] = firsts.len();
    let mut places = vec![0; shape.iter().product()];
    for (lane, to) in Around::new(&x.shape, axis).lanes().zip(Around::new(&shape, axis).lanes()) {
        let lane: Vec<usize> = lane.collect();
        to.zip(&firsts).for_each(|(to, &first)| places[to] = lane[first]);
    }
    let list = |numbers: Vec<usize>| HostTensor::indices(&[numbers.len()], numbers);
    Ok(vec![call.place(x.pick(&shape, places)), list(firsts).into(), list(classes).into(), list(counts).into()])
}

fn cumulate(call: &mut Call, start: f64, function: fn(f64, f64) -> f64) -> Outcome {
    let (exclusive, reverse) = (call.flag("exclusive", false)?, call.flag("reverse", false)?);
    let given = call.integers(1)?.and_then(|given| given.first().copied()).ok_or(Fault::MissingInput(1))?;
    let axis = axis(given, call.shape(0)?.len())?;
    if call.learns(0) && call.node.operator == "CumSum" {
        return summed_up(call, axis, exclusive, reverse);
    }
    let x = call.host(0)?;
    let mut numbers = x.to_floats();
    for lane in Around::new(&x.shape, axis).lanes() {
        let mut lane: Vec<usize> = lane.collect();
        if reverse {
            lane.reverse();
        }
        let mut total = start;
        for place in lane {
            let next = function(total, numbers[place]);
            numbers[place] = if exclusive { total } else { next };
            total = next;
        }
    }
    call.answer(HostTensor::floats(x.element, &x.shape, numbers))
}

/// A running sum as a linear map: a gradient flows back through it.
fn summed_up(call: &mut Call, axis: usize, exclusive: bool, reverse: bool) -> Outcome {
    let length = call.shape(0)?[axis];
    let mut matrix = Matrix::zeros(length, length);
    for (from, to) in (0..length).flat_map(|from| (0..length).map(move |to| (from, to))) {
        let before = if reverse { from > to } else { from < to };
        if before || from == to && !exclusive {
            matrix.add(from, to, 1.0);
        }
    }
    let x = call.tensor(0)?;
    super::one(mapped(call, x, axis, matrix))
}
