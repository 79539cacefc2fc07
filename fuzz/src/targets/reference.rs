//! References, requirements and the words they consist of.

use std::fmt::Display;
use std::str::FromStr;

use briq_spec::deployment::DeploymentName;
use briq_spec::semver::VersionReq;
use briq_spec::{Alias, Blake3Digest, EntryPath, PackageName, Reference};

/// Reads, writes and reads again.
fn same<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert!(written.parse::<T>().is_ok_and(|again| again == value), "{text:?} was written as {written:?}");
    }
}

/// What is read is written as something that reads as the same.
pub fn reference(bytes: &[u8]) {
    let text = super::text(bytes);
    same::<Reference>(text);
    same::<VersionReq>(text);
    same::<PackageName>(text);
    same::<Alias>(text);
    same::<EntryPath>(text);
    same::<Blake3Digest>(text);
    same::<DeploymentName>(text);
}
