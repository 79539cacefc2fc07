//! The limits that `docs/src/format.md` states are those of the code.

use std::fs;
use std::path::{Path, PathBuf};

/// Constant, the file that defines it (below `crates/`), unit, what it bounds.
const LIMITS: [(&str, &str, &str, &str); 23] = [
    ("FORMAT", "briq-spec/src/manifest.rs", "", "the number of the first format"),
    ("NEWEST_FORMAT", "briq-spec/src/manifest.rs", "", "the number of the newest format"),
    ("MAX_MANIFEST_BYTES", "briq-spec/src/manifest.rs", "bytes", "`briq.json`"),
    ("MAX_ENTRIES", "briq-spec/src/manifest.rs", "", "entries that a manifest lists"),
    ("MAX_PATH_BYTES", "briq-spec/src/entry.rs", "bytes", "path of an entry"),
    ("MAX_NAME_BYTES", "briq-spec/src/name.rs", "bytes", "name of a package"),
    ("MAX_PROVENANCE_BYTES", "briq-spec/src/provenance.rs", "bytes", "`provenance.json`, when it is read as one"),
    (
        "SHARD_ALIGNMENT",
        "briq-package/src/zip/record.rs",
        "bytes",
        "alignment of entries whose path ends with `.safetensors`",
    ),
    ("SMALL_ALIGNMENT", "briq-package/src/zip/record.rs", "bytes", "alignment of all other entries"),
    ("MAX_SEALS", "briq-package/src/zip.rs", "", "seals of a package"),
    ("MAX_SEAL_BYTES", "briq-package/src/seal.rs", "bytes", "seal, when it is read as one"),
    ("MAX_INDEX_BYTES", "briq-package/src/chunks/document.rs", "bytes", "[chunk index](updates.md#the-index)"),
    ("MAX_CHUNK_BYTES", "briq-package/src/chunks/document.rs", "bytes", "chunk that an index lists"),
    (
        "ALIGNMENT",
        "briq-graph/src/weights.rs",
        "bytes",
        "alignment of the data in a shard, and of tensors in it at most",
    ),
    ("MAX_HEADER_BYTES", "briq-graph/src/weights.rs", "bytes", "header of a shard"),
    (
        "SHARD_BYTES",
        "briq-model/src/contents.rs",
        "bytes",
        "tensors in a shard, unless one module alone has more (writer)",
    ),
    ("OPSET", "briq-graph/src/onnx.rs", "", "operator set of graphs (writer)"),
    ("MAX_OPSET", "briq-graph/src/onnx.rs", "", "newest operator set that is read"),
    ("MAX_MODEL_BYTES", "briq-graph/src/onnx.rs", "bytes", "the ONNX graph"),
    (
        "MAX_RECORDS",
        "briq-graph/src/onnx.rs",
        "",
        "nodes, names, attributes, tensors, values and axes of a graph, together",
    ),
    ("MAX_DEPTH", "briq-graph/src/onnx.rs", "", "bodies of nodes within one another"),
    ("MAX_RANK", "briq-graph/src/onnx.rs", "", "axes of a tensor"),
    ("MAX_TENSOR_BYTES", "briq-graph/src/onnx/tensors.rs", "bytes", "end of a tensor's external range"),
];

const BEGIN: &str = "<!-- limits: written by `UPDATE_EXPECT=1 cargo test -p briq-package limits` -->\n";
const END: &str = "<!-- end of limits -->\n";

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The value of a constant, from the line that defines it.
fn value(name: &str, file: &str) -> u64 {
    let source = fs::read_to_string(crates().join(file)).unwrap();
    let definition = source.lines().find_map(|line| line.split_once(&format!("const {name}: "))).map(|(_, rest)| rest);
    let definition = definition.unwrap_or_else(|| panic!("{file} defines no {name}"));
    let (_, expression) = definition.trim_end_matches(';').split_once(" = ").unwrap();
    number(expression)
}

/// A literal, a shifted literal, or the greatest number of a type.
fn number(expression: &str) -> u64 {
    match expression.split_once(" << ") {
        Some((number_, shift)) => number(number_) << number(shift),
        None if expression.starts_with("i32::MAX") => i32::MAX as u64,
        None if expression.starts_with("i64::MAX") => i64::MAX as u64,
        None => expression.replace('_', "").parse().unwrap_or_else(|_| panic!("{expression} is no number")),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(" ")
}

fn table() -> String {
    let row = |&(name, file, unit, what): &(&str, &str, &str, &str)| {
        let value = format!("{} {unit}", grouped(value(name, file)));
        format!("| `{name}` | {} | {what} | `crates/{file}` |\n", value.trim_end())
    };
    let rows: String = LIMITS.iter().map(row).collect();
    format!("| name | number | of what | defined in |\n|---|---|---|---|\n{rows}")
}

#[test]
fn the_limits_in_the_specification_are_those_of_the_code() {
    let path = crates().join("../docs/src/format.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let due = [before, BEGIN, &table(), END, after].concat();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &due).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == due, "docs/src/format.md is stale; set UPDATE_EXPECT=1");
}

/// Every vector and every test that the page names is there.
#[test]
fn the_vectors_in_the_specification_exist() {
    let page = fs::read_to_string(crates().join("../docs/src/format.md")).unwrap();
    let named: Vec<&str> =
        page.split('`').filter(|text| text.ends_with(".briq") && !text.contains([' ', 'N'])).collect();
    assert!(named.len() > 10, "the page names only {named:?}");
    for name in named {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name).exists(), "no vector {name}");
    }
}
