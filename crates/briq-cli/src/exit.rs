//! Exit codes and the last words on standard error.

use std::error::Error;
use std::process::ExitCode;

use briq_data::DataError;
use briq_deploy::DeployError;
use briq_model::{ModelError, ModelErrorKind};
use briq_package::PackageError;
use briq_package::seal::SealError;
use briq_registry::RegistryError;
use briq_serve::ServeError;
use briq_store::StoreError;

/// The table of exit codes, as `briq --help` shows it.
pub(crate) const TABLE: &str = "\
Exit codes:
  0   done
  1   failed for a reason that has no code of its own
  2   the command line is wrong
  3   what was asked for does not exist
  4   the input is wrong: recipe, data, reference, request
  5   a package or history is damaged or was tampered with
  6   conflict: the version exists with other bytes, breaks its signature, or another command is at work
  7   unavailable: a backend, memory, port, registry or supervisor that is needed
  8   refused by a gate: the golden examples on this host, the seal, the policy
  9   the system failed: disk, permissions
  10  what was compared differs: `diff --exit-code`, `reproduce`";

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Failure = 1,
    NotFound = 3,
    Input = 4,
    Damaged = 5,
    Conflict = 6,
    Unavailable = 7,
    Refused = 8,
    System = 9,
    Differs = 10,
}

/// An error that knows its exit code, for failures that the command line itself finds.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Prints what went wrong, each cause on a line of its own, and what to do about it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
    let own = error.downcast_ref::<Failure>().and_then(|failure| failure.hint.clone());
    if let Some(hint) = own.or_else(|| error.chain().find_map(hint)) {
        eprintln!("  hint: {hint}");
    }
    ExitCode::from(code(error) as u8)
}

/// The outermost error of the chain that has a code of its own decides.
fn code(error: &anyhow::Error) -> Code {
    let disk_full = error.chain().any(is_disk_full);
    // A failure that was attached as context is seen by anyhow's own downcast alone.
    let own = error.downcast_ref::<Failure>().map(|failure| failure.code);
    let specific = own.or_else(|| error.chain().find_map(code_of));
    if disk_full { Code::System } else { specific.unwrap_or(Code::Failure) }
}

fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

fn code_of(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.code);
    }
    package(error)
        .or_else(|| model(error))
        .or_else(|| service(error))
        .or_else(|| error.downcast_ref::<std::io::Error>().map(system))
}

fn system(error: &std::io::Error) -> Code {
    match error.kind() {
        std::io::ErrorKind::NotFound => Code::NotFound,
        std::io::ErrorKind::InvalidData => Code::Input,
        _ => Code::System,
    }
}

fn package(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<PackageError>() {
        return Some(first(&[
            (error.is_not_found(), Code::NotFound),
            (error.is_corrupt(), Code::Damaged),
            (error.is_io(), Code::System),
        ]));
    }
    if let Some(error) = error.downcast_ref::<SealError>() {
        return Some(first(&[
            (error.is_key(), Code::Input),
            (error.is_corrupt(), Code::Damaged),
            (error.is_refused(), Code::Refused),
        ]));
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return Some(first(&[
            (error.is_not_found(), Code::NotFound),
            (error.is_conflict() || error.is_incompatible() || error.is_busy(), Code::Conflict),
            (error.is_corrupt(), Code::Damaged),
            (error.is_io(), Code::System),
        ]));
    }
    let error = error.downcast_ref::<RegistryError>()?;
    Some(first(&[
        (error.is_not_found(), Code::NotFound),
        (error.is_conflict() || error.is_incompatible(), Code::Conflict),
        (error.is_corrupt(), Code::Damaged),
        (
            error.is_transport() || error.is_unauthorized() || error.is_retryable() || error.is_unfit(),
            Code::Unavailable,
        ),
    ]))
}

fn model(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(briq_diff::DiffError::Structure { .. } | briq_diff::DiffError::Tensor { .. }) = error.downcast_ref() {
        return Some(Code::Input);
    }
    if error.is::<briq_model::BackendError>() {
        return Some(Code::Unavailable);
    }
    if error.is::<briq_spec::SpecError>()
        || error.is::<briq_graph::GraphError>()
        || error.is::<briq_import::ImportError>()
    {
        return Some(Code::Input);
    }
    if let Some(error) = error.downcast_ref::<DataError>() {
        return (error.is_not_found() || error.is_content()).then_some(if error.is_not_found() {
            Code::NotFound
        } else {
            Code::Input
        });
    }
    let error = error.downcast_ref::<ModelError>()?;
    match error.kind() {
        ModelErrorKind::NotFound => Some(Code::NotFound),
        ModelErrorKind::Backend => Some(Code::Unavailable),
        ModelErrorKind::Busy => Some(Code::Conflict),
        ModelErrorKind::Io => None,
        _ => Some(Code::Input),
    }
}

fn service(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<ServeError>() {
        return Some(first(&[(error.is_address_in_use(), Code::Unavailable), (error.is_model(), Code::Refused)]));
    }
    let error = error.downcast_ref::<DeployError>()?;
    Some(first(&[
        (error.is_not_found(), Code::NotFound),
        (error.is_address_in_use(), Code::Unavailable),
        (error.is_busy(), Code::Conflict),
        (error.is_tampered(), Code::Damaged),
        (error.is_retryable(), Code::Unavailable),
        (error.is_io(), Code::System),
    ]))
}

fn first(table: &[(bool, Code)]) -> Code {
    table.iter().find(|(holds, _)| *holds).map_or(Code::Failure, |&(_, code)| code)
}

fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    macro_rules! hint_of {
        ($($kind:ty => $hint:expr),+ $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$kind>() {
                let hint: fn(&$kind) -> Option<String> = $hint;
                return hint(error);
            })+
        };
    }
    hint_of! {
        Failure => |error| error.hint.clone(),
        PackageError => PackageError::hint,
        SealError => SealError::hint,
        StoreError => StoreError::hint,
        RegistryError => RegistryError::hint,
        DeployError => DeployError::hint,
        ServeError => ServeError::hint,
        briq_spec::SpecError => briq_spec::SpecError::hint,
        ModelError => |error| error.hint().map(str::to_owned),
        DataError => |error| error.hint().map(str::to_owned),
        briq_graph::GraphError => |error| error.hint().map(str::to_owned),
        Box<briq_graph::GraphError> => |error| error.hint().map(str::to_owned),
        briq_import::ImportError => |error| error.hint().map(str::to_owned),
        briq_model::BackendError => |error| Some(error.hint().to_owned()),
    }
    None
}
