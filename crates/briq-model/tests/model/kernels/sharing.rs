//! One engine on several threads, for a long time, and weights that several engines share.

use briq_graph::Node;
use briq_model::{Backend, Optimization, share_weights};

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

#[test]
fn large_examples_are_computed_apart_and_alike() {
    let conv = |output: &str, input: &str, weights: &str| {
        Node::new(output, "Conv", &[input, weights], &[output]).with("pads", vec![1, 1, 1, 1])
    };
    let case = Case::new(18)
        .input("x", &[3, 96, 80])
        .constant("u", &[16, 3, 3, 3])
        .constant("v", &[24, 16, 3, 3])
        .constant("w", &[24, 10])
        .node(conv("a", "x", "u"))
        .plain("Relu", &["a"], "b")
        .node(conv("c", "b", "v"))
        .plain("GlobalAveragePool", &["c"], "g")
        .plain("Flatten", &["g"], "f")
        .plain("MatMul", &["f", "w"], "y")
        .output("y", 2)
        .output("c", 4);
    let runner = case.runner(Backend::Flex, &Optimization::default());
    // The first batch tells how large an example is; the next are taken apart.
    for batch in [5, 5, 1, 3, 8] {
        let together = case.runner(Backend::Flex, &Optimization::default()).run(case.data(batch)).unwrap();
        near(&together, &runner.run(case.data(batch)).unwrap(), &format!("{batch} examples"));
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| near(&runner.run(case.data(4)).unwrap(), &runner.run(case.data(4)).unwrap(), "at once"));
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

/// The one file of a folder, and when it was written.
#[cfg(target_os = "linux")]
fn only_file(folder: &std::path::Path) -> (std::path::PathBuf, std::time::SystemTime) {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    let [file] = &files[..] else { panic!("one file was expected: {files:?}") };
    (file.path(), file.metadata().unwrap().modified().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn engines_of_one_network_share_a_file_of_packed_weights() {
    let case = Case::new(18)
        .input("x", &[512])
        .constant("v", &[512, 700])
        .constant("w", &[700, 512])
        .plain("MatMul", &["x", "v"], "a")
        .plain("MatMul", &["a", "w"], "y")
        .output("y", 2);
    let runner = || case.runner(Backend::Flex, &Optimization::default());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("left-behind"), "by a process that was killed").unwrap();
    let first = runner();
    let expected = first.run(case.data(3)).unwrap();
    let bytes = share_weights(folder.path()).unwrap();
    assert!(bytes >= 2 * 4 * 512 * 700, "{bytes}");
    let written = only_file(folder.path());
    assert_eq!(written.0.metadata().unwrap().len(), bytes);
    assert_eq!(share_weights(folder.path()).unwrap(), 0, "all that there is has been shared");
    let second = runner();
    assert_eq!(share_weights(folder.path()).unwrap(), bytes);
    assert_eq!(only_file(folder.path()), written, "the second finds the file of the first");
    for runner in [&first, &second] {
        near(&expected, &runner.run(case.data(3)).unwrap(), "over the file");
    }
    // A file of that name that is damaged is not taken, but replaced.
    for damage in [&b"short"[..], &vec![1; bytes as usize]] {
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join(written.0.file_name().unwrap()), damage).unwrap();
        let third = runner();
        assert_eq!(share_weights(other.path()).unwrap(), bytes);
        assert!(std::fs::read(only_file(other.path()).0).unwrap() == std::fs::read(&written.0).unwrap());
        near(&expected, &third.run(case.data(3)).unwrap(), "over a file that was written anew");
    }
    // Nothing can be written there: the network runs on what is its own.
    let file = folder.path().join("left-behind");
    std::fs::write(&file, "a file is no folder").unwrap();
    let fourth = runner();
    assert!(share_weights(&file).is_err());
    near(&expected, &fourth.run(case.data(3)).unwrap(), "over its own memory");
}
