//! Graphs before and after each pass.
//!
//! Graphs are written as text: `in x [n, 4]` and `out y`, `w = f32 [4, 2]` and `s = ints 0, -1` and `c = 0.5` for constants,
//! `y = MatMul(x, w)` for nodes, with attributes behind: `y = Softmax(x) axis=-1`.

mod arithmetic;
mod peer;
mod text;

mod attention;
mod exact;
mod exports;
mod joining;
mod random;
mod rearranging;
mod recognising;

use briq_graph::pass::{Pass, optimize};
use expect_test::Expect;

use self::arithmetic::Arithmetic;

/// What the passes make of a graph, and what they say they did.
fn check(passes: &[Pass], before: &str, expected: &Expect) {
    let (graph, report) = optimize(text::parse(before), passes, &mut Arithmetic).unwrap();
    let done: Vec<String> = report
        .passes
        .iter()
        .flat_map(|outcome| outcome.changes.iter().map(|(what, count)| format!("{what} {count}")))
        .collect();
    expected.assert_eq(&format!("{}# {}\n", text::print(&graph), done.join(", ")));
    briq_graph::plan::Plan::new(&graph).unwrap();
}
