//! A Keras model as an ONNX file: `cargo run -p briq-import --example keras_to_onnx -- model.keras model.onnx`

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(source), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err("give a .h5 or .keras file and the .onnx file to write".into());
    };
    let graph = briq_import::keras::read(&std::fs::read(source)?)?;
    std::fs::write(target, briq_graph::onnx::encode(&graph)?)?;
    Ok(())
}
