//! A recipe, `briq.toml`.

use briq_graph::layers::{LayerInput, build};
use briq_spec::Recipe;

/// What is read is written as something that reads as the same; its layers are built.
pub fn recipe(bytes: &[u8]) {
    let text = super::text(bytes);
    let Ok(recipe) = Recipe::parse(text) else { return };
    let again = Recipe::parse(&recipe.print()).expect("it was written");
    assert_eq!(again.print(), recipe.print());
    for shape in [vec![3], vec![1, 8, 8]] {
        let _ = build("network", &recipe.layers, &LayerInput { name: "input".into(), shape }, None);
    }
}
