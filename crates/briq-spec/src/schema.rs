//! JSON Schemas of the files that people and other programs write. Copies are checked in under `schema/`.

use serde_json::Value;

use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::policy::Policy;
use crate::recipe::Recipe;

/// The schema of `briq.json`.
pub fn manifest_schema() -> Value {
    schemars::schema_for!(Manifest).to_value()
}

/// The schema of `briq.toml`.
pub fn recipe_schema() -> Value {
    schemars::schema_for!(Recipe).to_value()
}

/// The schema of a policy.
pub fn policy_schema() -> Value {
    schemars::schema_for!(Policy).to_value()
}

/// The schema of `briq.lock`.
pub fn lock_schema() -> Value {
    schemars::schema_for!(Lock).to_value()
}
