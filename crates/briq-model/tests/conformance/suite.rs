//! The cases, as the `onnx` wheel ships them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use briq_graph::onnx::{self, Datum};
use briq_graph::{Graph, Value};
use briq_model::{Backend, Runner};

use super::compare::compare;

/// The suites: one operator each, a few together, and what PyTorch's exporter wrote.
pub(crate) const SUITES: [&str; 4] = ["node", "simple", "pytorch-operator", "pytorch-converted"];

/// Operators whose recorded answers are one draw of many: none can give the same ones.
const RANDOM: [&str; 2] = ["Bernoulli", "RandomUniformLike"];

/// A model with recorded inputs and outputs.
pub(crate) struct Case {
    pub(crate) name: String,
    folder: PathBuf,
}

/// Where the interpreter in `BRIQ_PYTHON` keeps the suites; none without it or without the package.
pub(crate) fn home() -> Option<PathBuf> {
    let python = std::env::var_os("BRIQ_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python).args(["-c", "import onnx; print(onnx.__path__[0])"]).output().ok()?;
    let home = String::from_utf8(output.stdout).ok()?;
    let home = Path::new(home.trim()).join("backend/test/data");
    (output.status.success() && SUITES.iter().all(|suite| home.join(suite).is_dir())).then_some(home)
}

/// The cases of a suite, by name.
pub(crate) fn cases(home: &Path, suite: &str) -> Vec<Case> {
    let entries = std::fs::read_dir(home.join(suite)).unwrap().map(|entry| entry.unwrap().path());
    let named = |folder: PathBuf| Case { name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder };
    let mut cases: Vec<Case> = entries.filter(|path| path.join("model.onnx").is_file()).map(named).collect();
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    cases
}

/// The cases that `cases.py` writes, with the answers of ONNX Runtime.
pub(crate) fn judged_by_onnx_runtime(folder: &Path) -> Vec<Case> {
    let python = std::env::var_os("BRIQ_PYTHON").unwrap_or_else(|| "python3".into());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases.py");
    let output = Command::new(python).arg(program).arg(folder.join("cases")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    cases(folder, "cases")
}

impl Case {
    /// Runs the model on each recorded set.
    pub(crate) fn run(&self, backend: Backend) -> Result<(), String> {
        let bytes = std::fs::read(self.folder.join("model.onnx")).unwrap();
        let graph = onnx::decode(&bytes).map_err(|error| chain(&error))?;
        let missing = |_: &_| panic!("the cases hold their own data");
        let runner = Runner::new(&graph, backend, missing).map_err(|error| chain(&error))?;
        let random = graph.nodes.iter().any(|node| RANDOM.contains(&node.operator.as_str()));
        for set in 0.. {
            let folder = self.folder.join(format!("test_data_set_{set}"));
            if !folder.is_dir() {
                break;
            }
            let answers = answer(&graph, &runner, &folder)?;
            if random {
                return Err("what is recorded is one draw of many".to_owned());
            }
            judge(&graph, &folder, &answers)?;
        }
        Ok(())
    }
}

/// Runs the model on the inputs of one recorded set.
fn answer(graph: &Graph, runner: &Runner, folder: &Path) -> Result<Vec<Datum>, String> {
    runner.run(recorded(folder, "input", &graph.inputs)?).map_err(|error| chain(&error))
}

/// Compares answers with those of the set.
fn judge(graph: &Graph, folder: &Path, answers: &[Datum]) -> Result<(), String> {
    let expected = recorded(folder, "output", &graph.outputs)?;
    for ((value, expected), found) in graph.outputs.iter().zip(&expected).zip(answers) {
        compare(expected, found).map_err(|reason| format!("output `{}`: {reason}", value.name))?;
    }
    Ok(())
}

fn recorded(folder: &Path, role: &str, values: &[Value]) -> Result<Vec<Datum>, String> {
    let read = |(index, value): (usize, &Value)| {
        let bytes = std::fs::read(folder.join(format!("{role}_{index}.pb")))
            .map_err(|error| format!("{role} {index}: {error}"))?;
        Datum::decode(&bytes, value.form).map_err(|error| chain(&error))
    };
    values.iter().enumerate().map(read).collect()
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
