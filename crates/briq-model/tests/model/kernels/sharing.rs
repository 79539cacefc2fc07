//! One engine on several threads, and for a long time.

use briq_graph::Node;
use briq_model::{Backend, Optimization};

use super::case::{Case, near};

fn network() -> Case {
    let conv = |output: &str, input: &str, weights: &str| {
        Node::new(output, "Conv", &[input, weights], &[output]).with("pads", vec![1, 1, 1, 1])
    };
    Case::new(18)
        .input("x", &[3, 24, 24])
        .constant("u", &[16, 3, 3, 3])
        .constant("v", &[16, 16, 3, 3])
        .constant("w", &[16, 10])
        .node(conv("a", "x", "u"))
        .plain("Relu", &["a"], "b")
        .node(conv("c", "b", "v"))
        .plain("Add", &["c", "b"], "d")
        .plain("Relu", &["d"], "e")
        .plain("GlobalAveragePool", &["e"], "g")
        .plain("Flatten", &["g"], "f")
        .plain("MatMul", &["f", "w"], "y")
        .output("y", 2)
        .output("d", 4)
}

#[test]
fn four_threads_get_the_answers_of_one() {
    let case = network();
    let runner = case.runner(Backend::Flex, &Optimization::default());
    let expected: Vec<_> = (1..5).map(|batch| runner.run(case.data(batch)).unwrap()).collect();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (case, runner, expected) = (&case, &runner, &expected);
            scope.spawn(move || {
                for turn in 0..40 {
                    let batch = (first + turn) % 4 + 1;
                    near(&expected[batch - 1], &runner.run(case.data(batch)).unwrap(), &format!("turn {turn}"));
                }
            });
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn answering_again_takes_no_more_memory() {
    let case = network();
    let runner = case.runner(Backend::Flex, &Optimization::default());
    let run = |times: usize| (0..times).for_each(|turn| drop(runner.run(case.data(turn % 4 + 1)).unwrap()));
    run(100);
    let before = resident();
    run(1000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
}

/// The memory of this process that is in use, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
