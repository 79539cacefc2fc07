//! Behaviour of the importers, from bytes to graphs.

mod keras;
mod lora;
mod matching;
mod mutations;
mod parameters;
mod sniffing;

/// A sample that the frameworks themselves made: `samples/make.py`.
fn sample(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The numbers of an initializer.
fn numbers(graph: &briq_graph::Graph, name: &str) -> Vec<f32> {
    let tensor = graph.initializer(name).unwrap_or_else(|| panic!("there is no {name}"));
    let bytes = tensor.inline().expect("an imported tensor is in the graph");
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}
