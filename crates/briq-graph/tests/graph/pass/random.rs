//! Graphs at random: whatever the passes make of them, ONNX Runtime gets the same from before as the reference from after.

use std::fmt::Write;

use briq_graph::pass::{Pass, optimize};
use briq_graph::plan::Plan;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::peer::Peer;
use super::text;

/// A graph under construction: its text, and the values there are with their shapes.
struct Draft {
    text: String,
    values: Vec<(String, Vec<String>)>,
    named: usize,
}

impl Draft {
    fn new() -> Self {
        let text = "in x [n, 4, 6]\nlast = ints -1\nhalf = 0.5\none = 1.0\nzero = 0.0\nthin = f32 [1, 1]\n".to_owned();
        let shape = ["n", "4", "6"].map(str::to_owned).to_vec();
        Self { text, values: vec![("x".to_owned(), shape)], named: 0 }
    }

    fn constant(&mut self, what: &str) -> String {
        self.named += 1;
        let name = format!("c{}", self.named);
        writeln!(self.text, "{name} = {what}").unwrap();
        name
    }

    fn node(&mut self, operator: &str, inputs: &str, attributes: &str, shape: Vec<String>) {
        self.named += 1;
        let name = format!("v{}", self.named);
        writeln!(self.text, "{name} = {operator}({inputs}) {attributes}").unwrap();
        self.values.push((name, shape));
    }

    /// Adds what three numbers decide: an operation, a value (one of the last ones, mostly), and a detail.
    fn add(&mut self, [operation, value, detail]: [u8; 3]) {
        const UNARY: [&str; 6] = ["Relu", "Sigmoid", "Tanh", "Neg", "Erf", "Identity"];
        const BINARY: [&str; 4] = ["Mul", "Add", "Sub", "Div"];
        let back = usize::from(value.min(200) / 70).min(self.values.len() - 1);
        let (name, shape) = self.values[self.values.len() - 1 - back].clone();
        let detail = usize::from(detail);
        let (operator, last) = (BINARY[detail % 4], shape.last().unwrap().clone());
        match operation % 11 {
            0 => self.node(UNARY[detail % 6], &name, "", shape),
            1 => {
                let constants = ["half", "one", "thin"];
                self.node(operator, &format!("{name}, {}", constants[detail / 4 % 3]), "", shape);
            }
            2 => self.node(
                ["Mul", "Add", "Sub"][detail % 3],
                &format!("{}, {name}", ["half", "one", "zero"][detail / 3 % 3]),
                "",
                shape,
            ),
            3 if last != "n" => {
                let row = self.constant(&format!("f32 [{last}]"));
                self.node(operator, &format!("{name}, {row}"), "", shape);
            }
            4 => {
                let other = self.values.iter().rev().find(|(_, other)| *other == shape).unwrap().0.clone();
                self.node(["Mul", "Add", "Sub"][detail % 3], &format!("{name}, {other}"), "", shape);
            }
            5 => {
                let mut order: Vec<usize> = (0..shape.len()).collect();
                order.rotate_left(detail % shape.len());
                order.swap(0, detail / 4 % shape.len());
                let moved = order.iter().map(|&axis| shape[axis].clone()).collect();
                let order: Vec<String> = order.iter().map(usize::to_string).collect();
                self.node("Transpose", &name, &format!("perm=[{}]", order.join(",")), moved);
            }
            6 if last == "6" => self.reshape(&name, &shape, &["2", "3"]),
            6 if last == "3" && shape.len() > 2 && shape[shape.len() - 2] == "2" => {
                self.reshape(&name, &shape[..shape.len() - 1], &["6"]);
            }
            7 if last != "n" => {
                let columns = ["6", "4"][detail % 2];
                let weight = self.constant(&format!("f32 [{last}, {columns}]"));
                let shape = shape[..shape.len() - 1].iter().cloned().chain([columns.to_owned()]).collect();
                self.node("MatMul", &format!("{name}, {weight}"), "", shape);
            }
            8 => self.node("Softmax", &name, "axis=-1", shape),
            9 => self.normalized(&name, &shape),
            _ => {
                self.node("Shape", &name, "", Vec::new());
                let target = self.values.pop().unwrap().0;
                self.node("Reshape", &format!("{name}, {target}"), "", shape);
            }
        }
    }

    /// Splits or replaces the last axis; the others are copied.
    fn reshape(&mut self, name: &str, shape: &[String], ends: &[&str]) {
        let kept = &shape[..shape.len() - 1];
        let lengths: Vec<&str> = kept.iter().map(|_| "0").chain(ends.iter().copied()).collect();
        let target = self.constant(&format!("ints {}", lengths.join(", ")));
        let shape = kept.iter().cloned().chain(ends.iter().map(|end| (*end).to_owned())).collect();
        self.node("Reshape", &format!("{name}, {target}"), "", shape);
    }

    /// Layer normalisation, written out.
    fn normalized(&mut self, name: &str, shape: &[String]) {
        let mut step = |operator: &str, inputs: &str| {
            self.node(operator, inputs, "", shape.to_vec());
            self.values.last().unwrap().0.clone()
        };
        let mean = step("ReduceMean", &format!("{name}, last"));
        let centred = step("Sub", &format!("{name}, {mean}"));
        let square = step("Mul", &format!("{centred}, {centred}"));
        let variance = step("ReduceMean", &format!("{square}, last"));
        let sum = step("Add", &format!("{variance}, half"));
        let deviation = step("Sqrt", &sum);
        step("Div", &format!("{centred}, {deviation}"));
        let all = self.values.len();
        self.values.drain(all - 7..all - 1);
    }

    fn finish(mut self) -> String {
        let outputs = self.values.split_off(self.values.len().saturating_sub(2).max(1));
        for (name, shape) in outputs {
            writeln!(self.text, "out {name} [{}]", shape.join(", ")).unwrap();
        }
        self.text
    }
}

#[test]
fn random_graphs_compute_the_same() {
    let Some(mut peer) = Peer::start() else { return };
    let decisions = prop::collection::vec(any::<[u8; 3]>(), 1..16);
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let peer = std::cell::RefCell::new(&mut peer);
    let run = |decisions: Vec<[u8; 3]>| {
        let mut draft = Draft::new();
        decisions.into_iter().for_each(|decision| draft.add(decision));
        let text = draft.finish();
        let before = text::parse(&text);
        let mut peer = peer.borrow_mut();
        let (after, _) = optimize(before.clone(), Pass::INFERENCE, *peer).unwrap();
        Plan::new(&after).unwrap();
        let difference = peer.compare(&before, &after);
        prop_assert!(difference < 1e-4, "{difference} between\n{text}\nand\n{}", text::print(&after));
        Ok(())
    };
    TestRunner::new(config).run(&decisions, run).unwrap();
}
