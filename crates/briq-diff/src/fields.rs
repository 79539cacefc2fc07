//! The fields of two manifests side by side.

use std::collections::BTreeMap;

use briq_spec::Manifest;
use serde::Serialize;
use serde_json::Value;

/// Members that have a comparison of their own, and the one that says nothing.
const APART: [&str; 4] = ["signature", "metrics", "entries", "format"];

/// A field of the manifest that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// Where it stands: `lineage.data[0].rows`.
    pub name: String,
    /// What it was; `None` where it is new.
    pub before: Option<Value>,
    /// What it is; `None` where it is gone.
    pub after: Option<Value>,
}

/// The fields that differ, sorted by name.
pub(crate) fn compare(before: &Manifest, after: &Manifest) -> Vec<Field> {
    let (mut before, mut after) = (leaves(before), leaves(after));
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    let field = |name: String| {
        let (before, after) = (before.remove(&name), after.remove(&name));
        (before != after).then_some(Field { name, before, after })
    };
    names.into_iter().filter_map(field).collect()
}

fn leaves(manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let value = serde_json::to_value(manifest).expect("a manifest has string keys and no failing serializer");
    let Value::Object(members) = value else { return leaves };
    let members = members.into_iter().filter(|(name, _)| !APART.contains(&name.as_str()));
    members.for_each(|(name, value)| collect(name, value, &mut leaves));
    leaves
}

fn collect(name: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            members.into_iter().for_each(|(member, value)| collect(format!("{name}.{member}"), value, leaves));
        }
        Value::Array(items) => {
            items.into_iter().enumerate().for_each(|(at, value)| collect(format!("{name}[{at}]"), value, leaves));
        }
        value => {
            leaves.insert(name, value);
        }
    }
}
