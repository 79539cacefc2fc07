//! Lists that are checked in beside the tests.

use std::path::Path;

/// Compares a list with the one that is checked in, or writes it where `UPDATE_EXPECT` is set.
pub(crate) fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = difference(&expected, found);
    assert!(differ.is_empty(), "UPDATE_EXPECT=1 writes {name} anew:\n{differ}");
}

fn difference(expected: &str, found: &str) -> String {
    let gone = missing(expected, found).map(|line| format!("- {line}\n"));
    let new = missing(found, expected).map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}

/// The lines of one text that the other does not have.
fn missing<'a>(from: &'a str, other: &'a str) -> impl Iterator<Item = &'a str> {
    from.lines().filter(move |line| !other.lines().any(|own| own == *line))
}
