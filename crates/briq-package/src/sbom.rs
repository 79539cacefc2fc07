//! What is in a package, as a bill of materials in the form of CycloneDX 1.6.
//!
//! The package is a component of the type `machine-learning-model`; its files are components inside it, with SHA-256 and
//! BLAKE3. It is a function of the manifest alone and holds no time.

use briq_spec::Manifest;
use briq_spec::manifest::Entry;
use serde_json::{Value, json};

use crate::package::Package;

impl Package {
    /// The bill of materials, as JSON with a final line feed.
    pub fn sbom(&self) -> String {
        let document = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": { "component": model(self) },
            "components": base(self.manifest()).into_iter().collect::<Vec<_>>(),
            "dependencies": dependencies(self),
        });
        let mut text = serde_json::to_string_pretty(&document).expect("a JSON value can be written");
        text.push('\n');
        text
    }
}

fn model(package: &Package) -> Value {
    let manifest = package.manifest();
    let mut component = json!({
        "type": "machine-learning-model",
        "bom-ref": reference(package),
        "name": manifest.name.to_string(),
        "version": manifest.version.to_string(),
        "hashes": [{ "alg": "BLAKE3", "content": package.digest().to_hex() }],
        "components": manifest.entries.iter().map(file).collect::<Vec<_>>(),
        "modelCard": model_card(manifest),
    });
    let optional = [
        ("description", manifest.description.as_ref().map(|text| json!(text))),
        ("licenses", manifest.license.as_ref().map(|text| json!([{ "expression": text }]))),
        ("authors", (!manifest.authors.is_empty()).then(|| authors(&manifest.authors))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            component[name] = value;
        }
    }
    component
}

fn authors(names: &[String]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

fn file(entry: &Entry) -> Value {
    json!({
        "type": "file",
        "bom-ref": format!("blake3:{}#{}", entry.blake3.to_hex(), entry.path),
        "name": entry.path.as_str(),
        "hashes": [
            { "alg": "SHA-256", "content": entry.sha256.to_hex() },
            { "alg": "BLAKE3", "content": entry.blake3.to_hex() },
        ],
    })
}

fn model_card(manifest: &Manifest) -> Value {
    let data = manifest.lineage.data.iter().map(|data| {
        json!({ "type": "dataset", "name": data.name, "contents": { "properties": [
            { "name": "rows", "value": data.rows.to_string() },
            { "name": "blake3", "value": data.blake3.to_hex() },
        ] } })
    });
    let metrics = manifest.metrics.iter().map(|(name, value)| json!({ "type": name, "value": value.to_string() }));
    let tensor = |spec: &briq_spec::TensorSpec| json!({ "format": spec.to_string() });
    json!({
        "modelParameters": {
            "datasets": data.collect::<Vec<_>>(),
            "inputs": manifest.signature.inputs.iter().map(tensor).collect::<Vec<_>>(),
            "outputs": manifest.signature.outputs.iter().map(tensor).collect::<Vec<_>>(),
        },
        "quantitativeAnalysis": { "performanceMetrics": metrics.collect::<Vec<_>>() },
    })
}

/// The package that it was fine-tuned from, `NAME@blake3:HEX`.
fn base(manifest: &Manifest) -> Option<Value> {
    let base = manifest.lineage.base.as_ref()?;
    let (name, digest) = base.split_once("@blake3:")?;
    Some(json!({
        "type": "machine-learning-model",
        "bom-ref": base,
        "name": name,
        "hashes": [{ "alg": "BLAKE3", "content": digest }],
    }))
}

fn dependencies(package: &Package) -> Value {
    json!([{ "ref": reference(package), "dependsOn": package.manifest().lineage.base.iter().collect::<Vec<_>>() }])
}

fn reference(package: &Package) -> String {
    format!("{}@{}", package.manifest().name, package.digest())
}
