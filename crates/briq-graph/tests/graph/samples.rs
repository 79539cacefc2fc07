//! Networks that several tests use.

use std::collections::BTreeMap;

use briq_graph::layers::{LayerInput, Network, Normalize, build};
use briq_graph::weights::{self, Tensor};
use briq_graph::{Graph, GraphError};
use briq_spec::recipe::Recipe;

/// The head that every recipe needs.
const PACKAGE: &str = "[package]\nname = \"sample\"\nversion = \"1.0.0\"\n";

/// Builds the layers that a `briq.toml` declares.
pub(crate) fn network(layers: &str, shape: &[usize], normalize: Option<&Normalize>) -> Result<Network, GraphError> {
    let recipe = Recipe::parse(&format!("{PACKAGE}{layers}")).unwrap();
    build("sample", &recipe.layers, &LayerInput { name: "input".into(), shape: shape.to_vec() }, normalize)
}

/// `kind` with `settings` for each layer: `("dense", "units = 3")`.
pub(crate) fn toml(layers: &[(&str, &str)]) -> String {
    layers.iter().map(|(kind, settings)| format!("[[layer]]\ntype = \"{kind}\"\n{settings}\n")).collect()
}

/// A convolutional network that uses every layer over images.
pub(crate) fn digits() -> Network {
    let layers = toml(&[
        ("conv2d", "filters = 8\nkernel = 3\npadding = \"same\"\nactivation = \"relu\""),
        ("batch-norm", ""),
        ("max-pool2d", "size = 2"),
        ("conv2d", "filters = 12\nkernel = [2, 3]\nstride = 2\npadding = \"same\"\nbias = false"),
        ("activation", "function = \"silu\""),
        ("avg-pool2d", "size = 2\nstride = 1"),
        ("dropout", "rate = 0.25"),
        ("flatten", ""),
        ("dense", "units = 6\nactivation = \"gelu\""),
        ("layer-norm", ""),
        ("dense", "units = 10\nactivation = \"softmax\""),
    ]);
    let normalize = Normalize { offset: vec![4.8], scale: vec![6.0] };
    network(&layers, &[1, 8, 8], Some(&normalize)).unwrap()
}

/// Fills every parameter with numbers that differ, and moves them into a shard of that name.
pub(crate) fn filled(network: Network, location: &str) -> (Graph, Vec<u8>) {
    let mut graph = network.graph;
    let data: Vec<Vec<u8>> =
        network.parameters.iter().map(|parameter| numbers(parameter.shape.iter().product())).collect();
    let tensors: Vec<Tensor<'_>> = network
        .parameters
        .iter()
        .zip(&data)
        .map(|(parameter, data)| Tensor::f32(&parameter.name, &parameter.shape, data))
        .collect();
    let mut shard = Vec::new();
    let placed = weights::write(&tensors, &BTreeMap::new(), &mut shard).unwrap();
    weights::externalize(&mut graph, location, &placed).unwrap();
    (graph, shard)
}

/// Positive numbers, so that a variance may be one.
fn numbers(count: usize) -> Vec<u8> {
    (0..count).flat_map(|place| (0.01 + (place * 37 % 101) as f32 / 101.0).to_le_bytes()).collect()
}
