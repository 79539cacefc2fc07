//! `cargo xtask conformance`: ONNX's own backend tests on every backend, and on other runtimes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::workspace::{BUILD, Workspace};
use crate::{peers, process};

/// Where the tests keep what they found: which operators there are, and which cases fail on which backend.
const TABLES: &str = "crates/briq-model/tests/conformance";

/// What the other runtimes reach, as `--peers --write` left it.
const PEERS: &str = "benches/peers/counts.txt";

const BACKENDS: [&str; 3] = ["flex", "ndarray", "wgpu"];

/// The other runtimes, by the name that `briq-peers` gives them.
const RUNTIMES: [&str; 2] = ["tract", "candle"];

/// What `cargo xtask conformance` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The backend that runs the cases
    #[arg(long, default_value = "flex", value_parser = ["flex", "ndarray", "wgpu", "all"])]
    backend: String,
    /// Build and run tract and candle on the same cases as well; their build calls protoc
    #[arg(long)]
    peers: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write the tables of cases that fail, and the counts of the peers, anew
    #[arg(long)]
    write: bool,
}

/// How many cases of a suite pass on a runtime.
#[derive(Debug, PartialEq)]
struct Count {
    runtime: String,
    suite: String,
    passed: usize,
    total: usize,
}

impl Count {
    /// Reads `# SUITE: PASSED of TOTAL cases pass on RUNTIME`.
    fn read(line: &str) -> Option<Self> {
        let (suite, rest) = line.strip_prefix("# ")?.split_once(": ")?;
        let (counts, runtime) = rest.split_once(" cases pass on ")?;
        let (passed, total) = counts.split_once(" of ")?;
        let (runtime, suite) = (runtime.trim().to_owned(), suite.to_owned());
        Some(Self { runtime, suite, passed: passed.parse().ok()?, total: total.parse().ok()? })
    }

    fn all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::read).collect()
    }

    fn line(&self) -> String {
        format!("# {}: {} of {} cases pass on {}\n", self.suite, self.passed, self.total, self.runtime)
    }

    /// Rounded down, so that 100 means all.
    fn percent(&self) -> f64 {
        (self.passed as f64 * 1e3 / self.total.max(1) as f64).floor() / 10.0
    }
}

/// Runs what was asked for and prints how much passes; cases that pass or fail unexpectedly are named and fail the run.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let python = peers::find(true)?.python.context("Python with onnx is missing")?;
    let wanted = BACKENDS.iter().filter(|backend| ["all", **backend].contains(&arguments.backend.as_str()));
    let mut counts = Vec::new();
    for backend in wanted {
        counts.extend(on_backend(workspace, backend, &python, arguments.write)?);
    }
    if arguments.peers {
        let found = on_peers(workspace, &suites(&python, &counts)?)?;
        if arguments.write {
            std::fs::write(workspace.root.join(PEERS), found.iter().map(Count::line).collect::<String>())?;
        }
        counts.extend(found);
    }
    print(&counts, arguments.json);
    Ok(())
}

fn print(counts: &[Count], as_json: bool) {
    if as_json {
        let figure = |count: &Count| {
            json!({"runtime": count.runtime, "suite": count.suite, "passed": count.passed, "total": count.total,
                   "percent": count.percent()})
        };
        return println!("{:#}", Value::Array(counts.iter().map(figure).collect()));
    }
    println!("{:<14} {:<18} {:>6} {:>6} {:>6}", "runtime", "suite", "passed", "cases", "%");
    for count in counts {
        let Count { runtime, suite, passed, total } = count;
        println!("{runtime:<14} {suite:<18} {passed:>6} {total:>6} {:>6.1}", count.percent());
    }
}

/// Runs the test of one backend, which compares what it finds with its table.
fn on_backend(workspace: &Workspace, backend: &str, python: &Path, write: bool) -> Result<Vec<Count>> {
    let mut command = workspace.cargo("test");
    command
        .args(BUILD)
        .args(["--test", "conformance", "--quiet", "--", "--exact", "--nocapture"])
        .env("BRIQ_EVERY_CASE", "1");
    command.arg(format!("on_{backend}")).env("BRIQ_PYTHON", python);
    if write {
        command.env("UPDATE_EXPECT", "1");
    }
    let said = process::read(&mut command)?;
    if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("skipped: ")) {
        bail!("{backend}: {reason}");
    }
    let counts = Count::all(&said);
    ensure!(!counts.is_empty(), "the test of {backend} counted nothing");
    Ok(counts)
}

/// The folders of the suites, as the onnx wheel ships them.
fn suites(python: &Path, counts: &[Count]) -> Result<Vec<PathBuf>> {
    let home = process::read(Command::new(python).args(["-c", "import onnx; print(onnx.__path__[0])"]))?;
    let home = Path::new(home.trim()).join("backend/test/data");
    Ok(distinct(counts).into_iter().map(|suite| home.join(suite)).collect())
}

/// The suites in their order.
fn distinct(counts: &[Count]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    counts.iter().map(|count| count.suite.as_str()).filter(|suite| seen.insert(*suite)).collect()
}

/// Builds the peers in a folder of their own and runs them, one process for each case.
fn on_peers(workspace: &Workspace, suites: &[PathBuf]) -> Result<Vec<Count>> {
    let target = workspace.target.join("peers");
    let mut build = workspace.cargo("build");
    build.args(["--release", "--quiet", "--locked", "--manifest-path", "benches/peers/Cargo.toml", "--target-dir"]);
    process::run(build.arg(&target))?;
    let program = target.join("release").join("briq-peers");
    let mut counts = Vec::new();
    for runtime in RUNTIMES {
        let answers = process::read(Command::new(&program).arg(runtime).args(suites))?;
        counts.extend(counted(runtime, &answers)?);
    }
    Ok(counts)
}

/// Adds up lines of `{"suite", "case", "reason"}`, in the order of the suites.
fn counted(runtime: &str, answers: &str) -> Result<Vec<Count>> {
    let mut counts: Vec<Count> = Vec::new();
    for line in answers.lines() {
        let answer: Value = serde_json::from_str(line).with_context(|| format!("read {line:?}"))?;
        let suite = answer["suite"].as_str().context("an answer without a suite")?;
        if counts.last().is_none_or(|count| count.suite != suite) {
            let (runtime, suite) = (runtime.to_owned(), suite.to_owned());
            counts.push(Count { runtime, suite, passed: 0, total: 0 });
        }
        let count = counts.last_mut().context("a suite was just begun")?;
        count.total += 1;
        count.passed += usize::from(answer["reason"].is_null());
    }
    Ok(counts)
}

/// The page of operators: what there is, how much of ONNX's tests passes where, and what fails why.
pub(crate) fn page(workspace: &Workspace, generated: &str) -> Result<String> {
    let read = |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()));
    let table = |name: &str| read(workspace.root.join(TABLES).join(format!("{name}.txt")));
    let tables = BACKENDS.iter().map(|backend| table(backend)).collect::<Result<Vec<_>>>()?;
    let peers = read(workspace.root.join(PEERS))?;
    let mut page = format!("# Operators\n\n{generated}");
    page += &domains(&table("operators")?)?;
    let counts: Vec<Count> = tables.iter().flat_map(|table| Count::all(table)).chain(Count::all(&peers)).collect();
    page += &standing(&counts)?;
    page += &failing(&tables)?;
    Ok(page)
}

/// The operators of each domain.
fn domains(operators: &str) -> Result<String> {
    let mut domains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (domain, name) in operators.lines().filter_map(|line| line.split_once(' ')) {
        domains.entry(domain).or_default().push(name);
    }
    let mut text = String::new();
    for (domain, names) in domains {
        write!(text, "\n## Domain `{domain}`: {} operators\n\n{}\n", names.len(), names.join(", "))?;
    }
    Ok(text)
}

/// How many cases pass: a row for each suite, a column for each runtime.
fn standing(counts: &[Count]) -> Result<String> {
    let mut text = "\n## ONNX's backend tests\n\nThe suites of the `onnx` package, with its tolerances; \
                    `cargo xtask conformance --backend all --peers` runs them. On wgpu the figures are those of Mesa's \
                    software adapter. A runtime in Rust beside Briq is given constants where it asks for them.\n\n"
        .to_owned();
    let runtimes: Vec<&str> = BACKENDS.into_iter().chain(RUNTIMES).collect();
    writeln!(text, "| suite | {} |\n|---|{}", runtimes.join(" | "), "---|".repeat(runtimes.len()))?;
    for suite in distinct(counts) {
        let cell = |runtime: &&str| {
            let count = counts.iter().find(|count| count.suite == suite && count.runtime == **runtime);
            count.map_or("–".to_owned(), |count| {
                format!("{} of {} ({} %)", count.passed, count.total, count.percent())
            })
        };
        writeln!(text, "| {suite} | {} |", runtimes.iter().map(cell).collect::<Vec<_>>().join(" | "))?;
    }
    Ok(text)
}

/// The cases that fail on some backend, with the backends and the first reason.
fn failing(tables: &[String]) -> Result<String> {
    let mut cases: BTreeMap<&str, (Vec<&str>, &str)> = BTreeMap::new();
    for (table, backend) in tables.iter().zip(BACKENDS) {
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        for (case, reason) in lines.filter_map(|line| line.split_once(": ")) {
            cases.entry(case).or_insert_with(|| (Vec::new(), reason)).0.push(backend);
        }
    }
    let mut text = "\n## Cases that do not pass\n\n| case | on | reason |\n|---|---|---|\n".to_owned();
    for (case, (backends, reason)) in cases {
        writeln!(text, "| `{case}` | {} | {} |", backends.join(", "), reason.replace('|', "\\|"))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_tests_print() {
        let line = "# node: 1559 of 1615 cases pass on flex\n";
        let count = Count::read(line).expect("a count");
        assert_eq!((count.line().as_str(), count.percent()), (line, 96.5));
        assert_eq!(Count::all("running 1 test\nskipped: no onnx\n"), []);
    }

    #[test]
    fn counts_the_answers_of_a_peer() {
        let answers = "{\"suite\":\"node\",\"case\":\"a\",\"reason\":null}\n{\"suite\":\"node\",\"case\":\"b\",\"reason\":\"no\"}\n";
        let counts = counted("tract", answers).expect("two answers");
        assert_eq!(counts.iter().map(Count::line).collect::<String>(), "# node: 1 of 2 cases pass on tract\n");
    }

    #[test]
    fn names_each_failing_case_once() {
        let table = |backend: &str| format!("# node: 1 of 2 cases pass on {backend}\nnode/test_a: a | b\n");
        let page = failing(&BACKENDS.map(table)).expect("a page");
        assert!(page.ends_with("| `node/test_a` | flex, ndarray, wgpu | a \\| b |\n"), "{page}");
    }
}
