//! The tutorial of the book does what it says: each of its commands is run, and what it shows is what is printed.

use std::path::Path;
use std::process::Command;

use briq_tests::{Briq, Outcome, free_address};

/// The address that the tutorial serves on, and the test does not.
const ADDRESS: &str = "127.0.0.1:8080";

/// One command of the tutorial.
#[derive(Debug, PartialEq)]
struct Example {
    command: String,
    exit: i32,
    shown: Vec<String>,
}

#[test]
fn every_command_does_what_the_page_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/tutorial.md"));
    let examples = examples(&page.expect("the tutorial is in the book"));
    assert!(examples.len() > 20, "the tutorial has {} commands", examples.len());
    let briq = Briq::new();
    briq.deployment("digits");
    let address = free_address().to_string();
    for example in examples {
        let outcome = run(&briq, &example.command.replace(ADDRESS, &address)).exits(example.exit);
        let shown: Vec<_> = example.shown.iter().map(|line| line.replace(ADDRESS, &address)).collect();
        let printed = format!("{}{}", outcome.stdout, outcome.stderr);
        let printed: Vec<_> = printed.lines().map(str::trim_end).collect();
        assert!(fits(&shown, &printed), "$ {}\nthe page shows {shown:#?}\nit prints {printed:#?}", example.command);
    }
}

/// Runs a line of shell in the folder and home of the test, with the built program on the path.
fn run(briq: &Briq, line: &str) -> Outcome {
    let program = briq_tests::program();
    let folder = program.parent().expect("a program lies in a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", path).env("BRIQ_HOME", briq.home()).env("NO_COLOR", "1");
    // Without it the loader of Vulkan complains on standard error.
    command.env("XDG_RUNTIME_DIR", briq.folder());
    Outcome::of(command.current_dir(briq.folder()).stdin(std::process::Stdio::null()))
}

/// The commands of the blocks that are marked `console`; `console exit=N` says how the last of them ends.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut block: Option<i32> = None;
    for line in page.lines() {
        match (block, line.strip_prefix("```")) {
            (None, Some(kind)) if kind.starts_with("console") => {
                block = Some(kind.split_once("exit=").map_or(0, |(_, code)| code.parse().expect("an exit code")));
            }
            (_, Some(_)) => block = None,
            (Some(exit), None) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command: command.to_owned(), exit, shown: Vec::new() }),
                (None, Some(example)) => example.shown.push(line.to_owned()),
                (None, None) => panic!("{line:?} is shown before any command"),
            },
            (None, None) => {}
        }
    }
    examples
}

/// Whether lines fit what is shown: `…` alone stands for any lines, in a line for anything.
fn fits(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "…" => (0..=printed.len()).any(|taken| fits(rest, &printed[taken..])),
        Some((line, rest)) => match printed.split_first() {
            Some((first, others)) => line_fits(line, first) && fits(rest, others),
            None => false,
        },
    }
}

fn line_fits(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| line_fits(after, &rest[at..]))
        }),
    }
}

#[test]
fn what_is_shown_may_leave_things_open() {
    let cases = [
        ("a", "a", true),
        ("a", "b", false),
        ("a…c", "abc", true),
        ("…", "a\nb", true),
        ("…\nb", "a\na\nb", true),
        ("a…", "b", false),
        ("", "a", false),
    ];
    for (shown, printed, expected) in cases {
        let shown: Vec<_> = shown.lines().map(str::to_owned).collect();
        assert_eq!(fits(&shown, &printed.lines().collect::<Vec<_>>()), expected, "{shown:?} {printed:?}");
    }
}

#[test]
fn commands_and_exit_codes_are_read_from_the_page() {
    let page = "text\n```console\n$ one\nsays\n$ two\n```\n```toml\n$ none\n```\n```console exit=5\n$ three\n```\n";
    let found: Vec<_> = examples(page).into_iter().map(|e| (e.command, e.exit, e.shown.len())).collect();
    assert_eq!(found, [("one".to_owned(), 0, 1), ("two".to_owned(), 0, 0), ("three".to_owned(), 5, 0)]);
}
