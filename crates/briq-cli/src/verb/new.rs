//! `briq new`: a project from a template, ready to train.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};

/// Begin a project: a briq.toml with its data
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the project is to be; must not exist, or be empty
    directory: PathBuf,
    /// What to begin with: digits (convolutional), mlp (Dense 64 → Dense 10, as in the worked example), iris
    #[arg(long, default_value = "digits", value_parser = ["digits", "mlp", "iris"])]
    template: String,
}

#[derive(Serialize)]
struct Report {
    directory: PathBuf,
    template: String,
}

/// A file of a template: its path in the project and its bytes.
type TemplateFile = (&'static str, &'static [u8]);

const DIGITS: &[u8] = include_bytes!("../../templates/data/digits.csv.gz");
const IRIS: &[u8] = include_bytes!("../../templates/data/iris.csv");
const ORIGIN: &[u8] = include_bytes!("../../templates/data/README.md");

const TEMPLATES: [(&str, &[TemplateFile]); 3] = [
    (
        "digits",
        &[
            ("briq.toml", include_bytes!("../../templates/digits/briq.toml")),
            ("data/digits.csv.gz", DIGITS),
            ("data/README.md", ORIGIN),
        ],
    ),
    (
        "mlp",
        &[
            ("briq.toml", include_bytes!("../../templates/mlp/briq.toml")),
            ("data/digits.csv.gz", DIGITS),
            ("data/README.md", ORIGIN),
        ],
    ),
    (
        "iris",
        &[
            ("briq.toml", include_bytes!("../../templates/iris/briq.toml")),
            ("data/iris.csv", IRIS),
            ("data/README.md", ORIGIN),
        ],
    ),
];

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    refuse_occupied(directory)?;
    let (_, files) = TEMPLATES
        .iter()
        .find(|(name, _)| *name == arguments.template)
        .expect("the command line admits only names of the table");
    for (path, bytes) in *files {
        write(&directory.join(path), bytes)?;
    }
    write(&directory.join(".gitignore"), b"/.briq/\n*.briq\n")?;
    let report = Report { directory: directory.clone(), template: arguments.template.clone() };
    context.output.data(&report, |report| {
        let directory = report.directory.display();
        format!("made {directory} from the template `{}`; next: briq train {directory}", report.template)
    })
}

fn refuse_occupied(directory: &Path) -> anyhow::Result<()> {
    let occupied = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if occupied || directory.is_file() {
        let message = format!("{} is there already and not empty", directory.display());
        return Err(Failure::new(Code::Conflict, message).hint("choose another directory").into());
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
