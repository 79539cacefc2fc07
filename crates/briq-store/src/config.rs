//! The ModelPack configuration: what other tools show about a model.

use briq_spec::{Manifest, Sha256Digest};
use serde::Serialize;

#[derive(Serialize)]
struct Config<'a> {
    descriptor: About<'a>,
    config: Technical,
    modelfs: Layers,
}

#[derive(Serialize)]
struct About<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    authors: &'a [String],
    name: &'a str,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[&'a str; 1]>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Technical {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param_size: Option<String>,
    precision: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layers {
    r#type: &'static str,
    diff_ids: Vec<Sha256Digest>,
}

/// The configuration of a package whose layers, in order, have these digests. It has no `createdAt`: the document
/// must not depend on when or where it was made.
pub(crate) fn of(manifest: &Manifest, layers: impl Iterator<Item = Sha256Digest>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Config {
        descriptor: About {
            authors: &manifest.authors,
            name: manifest.name.as_str(),
            version: manifest.version.to_string(),
            licenses: manifest.license.as_deref().map(|license| [license]),
            title: manifest.name.short(),
            description: manifest.description.as_deref(),
        },
        config: Technical {
            format: "onnx",
            param_size: parameters(manifest.model.parameters),
            precision: manifest.model.datatype.to_string().to_ascii_lowercase(),
        },
        modelfs: Layers { r#type: "layers", diff_ids: layers.collect() },
    })
}

/// ModelPack's `<count><scale-prefix>` with one decimal; it has no way to write fewer than a hundred.
fn parameters(count: u64) -> Option<String> {
    let scales = [(1e12, 't'), (1e9, 'b'), (1e6, 'm'), (1e3, 'k')];
    let count = count as f64;
    let (scale, letter) = scales.into_iter().find(|(scale, _)| count >= scale * 0.99995).unwrap_or((1e3, 'k'));
    (count >= 50.0).then(|| format!("{:.1}{letter}", count / scale))
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn counts_parameters_as_modelpack_does() {
        let cases = [
            (0, None),
            (99, Some("0.1k")),
            (1_000, Some("1.0k")),
            (999_999, Some("1.0m")),
            (6_700_000_000, Some("6.7b")),
        ];
        for (count, expected) in cases {
            assert_eq!(parameters(count).as_deref(), expected, "{count}");
        }
    }
}
