use std::path::Path;

use briq_spec::schema::{lock_schema, manifest_schema, policy_schema, recipe_schema};
use serde_json::Value;

/// Compares a schema with its checked-in copy; `UPDATE_EXPECT=1` writes the copy anew.
fn check(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(format!("{name}.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let copy: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(&copy, schema, "{} is stale; set UPDATE_EXPECT=1", path.display());
}

#[test]
fn the_checked_in_schemas_are_current() {
    check("manifest", &manifest_schema());
    check("recipe", &recipe_schema());
    check("lock", &lock_schema());
    check("policy", &policy_schema());
}

#[test]
fn every_field_of_every_schema_is_described() {
    for schema in [manifest_schema(), recipe_schema(), lock_schema()] {
        described(&schema, &mut Vec::new());
    }
}

/// The tag of a table needs no words, since its values are the words.
fn described(schema: &Value, path: &mut Vec<String>) {
    let Some(object) = schema.as_object() else { return };
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, property) in properties.filter(|(name, _)| *name != "type") {
        assert!(property.get("description").is_some(), "{path:?} {name}");
    }
    for (key, value) in object {
        path.push(key.clone());
        value.as_array().into_iter().flatten().chain([value]).for_each(|inner| described(inner, path));
        path.pop();
    }
}
