//! A recipe, `briq.toml`: what is read is written as something that reads as the same; its layers are built.

#![no_main]

use briq_graph::layers::{LayerInput, build};
use briq_spec::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(recipe) = Recipe::parse(text) else { return };
    let again = Recipe::parse(&recipe.print()).expect("it was written");
    assert_eq!(again.print(), recipe.print());
    for shape in [vec![3], vec![1, 8, 8]] {
        let _ = build("network", &recipe.layers, &LayerInput { name: "input".into(), shape }, None);
    }
});
