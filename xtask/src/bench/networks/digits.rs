//! The networks of Briq's own templates, as `briq new` declares them.

use anyhow::Result;
use briq_graph::layers::{Init, LayerInput, Parameter, build};
use briq_graph::{Graph, Initializer};
use briq_spec::recipe::Recipe;

use super::random::Random;

/// The template `mlp`: 64-64-10.
pub(super) fn mlp() -> Result<Graph> {
    template(include_str!("../../../../crates/briq-cli/templates/mlp/briq.toml"), &[64])
}

/// The template `digits`: two convolutions, pooling, two dense layers.
pub(super) fn cnn() -> Result<Graph> {
    template(include_str!("../../../../crates/briq-cli/templates/digits/briq.toml"), &[1, 8, 8])
}

fn template(recipe: &str, shape: &[usize]) -> Result<Graph> {
    let recipe = Recipe::parse(recipe)?;
    let input = LayerInput { name: "input".into(), shape: shape.to_vec() };
    let mut network = build(recipe.package.name.short(), &recipe.layers, &input, None)?;
    let mut random = Random::default();
    for parameter in &network.parameters {
        if let Some(place) = network.graph.initializer_mut(&parameter.name) {
            *place = started(parameter, &mut random);
        }
    }
    // An exporter writes no shapes of values between the nodes, and tract takes open ones for contradictions.
    network.graph.values.clear();
    Ok(network.graph)
}

/// A parameter as training would start it.
fn started(parameter: &Parameter, random: &mut Random) -> Initializer {
    let mean = if parameter.init == Init::Ones { 1.0 } else { 0.0 };
    let bound = parameter.init.bound().unwrap_or_default() as f32;
    let numbers = random.numbers(parameter.shape.iter().product(), mean, bound);
    Initializer::from_f32(&parameter.name, parameter.shape.clone(), &numbers)
}
