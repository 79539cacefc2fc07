//! Serves a model that tells which half of an 8x8 picture is brighter, to look at the page and draw.
//!
//! ```text
//! cargo run --example picture -p briq-serve        # then open http://127.0.0.1:8080
//! ```

use std::error::Error;

use briq_engine::{DataType, Engine, EngineError, GoldenExample, LoadedModel, Tensor, TensorSpec, Tolerance};
use briq_serve::{Options, PreparedListener, Server, Source};

const SIDE: usize = 8;
const LABELS: [&str; 4] = ["left", "right", "top", "bottom"];

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let options = Options { models: vec![Source::new("halves")], ..Options::default() };
    let server = Server::bind(PreparedListener::bind(address.parse()?)?, load, options)?;
    println!("http://{}", server.address());
    Ok(server.run()?)
}

struct Halves {
    inputs: [TensorSpec; 1],
    outputs: [TensorSpec; 1],
}

impl Engine for Halves {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn backend(&self) -> &str {
        "plain"
    }

    fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        let pictures = inputs[0].as_f32()?;
        let shares: Vec<f32> = pictures.chunks(SIDE * SIDE).flat_map(shares).collect();
        Ok(vec![Tensor::from_f32("share", &[shares.len() / LABELS.len(), LABELS.len()], &shares)])
    }
}

/// The softmax of how bright each half is on average.
fn shares(picture: &[f32]) -> [f32; LABELS.len()] {
    let mean = |inside: fn(usize, usize) -> bool| {
        let within = picture.iter().enumerate().filter(|(index, _)| inside(index / SIDE, index % SIDE));
        within.map(|(_, value)| value).sum::<f32>() / 32.0
    };
    let halves = [
        mean(|_, column| column < SIDE / 2),
        mean(|_, column| column >= SIDE / 2),
        mean(|row, _| row < SIDE / 2),
        mean(|row, _| row >= SIDE / 2),
    ];
    let powers = halves.map(f32::exp);
    powers.map(|power| power / powers.iter().sum::<f32>())
}

fn load(_: &str) -> Result<LoadedModel, EngineError> {
    let picture: Vec<f32> = (0..SIDE * SIDE).map(|index| (2 * (SIDE - index % SIDE)) as f32).collect();
    let inputs = vec![Tensor::from_f32("picture", &[1, 1, SIDE, SIDE], &picture)];
    let outputs = vec![Tensor::from_f32("share", &[1, LABELS.len()], &shares(&picture))];
    let shape = SIDE as i64;
    Ok(LoadedModel {
        name: "halves".to_owned(),
        version: "1.0.0".to_owned(),
        digest: format!("blake3:{}", "0".repeat(64)),
        engine: Box::new(Halves {
            inputs: [TensorSpec::new("picture", DataType::Fp32, &[-1, 1, shape, shape])],
            outputs: [TensorSpec::new("share", DataType::Fp32, &[-1, LABELS.len() as i64])],
        }),
        labels: Some(LABELS.map(str::to_owned).to_vec()),
        golden: vec![GoldenExample { inputs, outputs }],
        tolerance: Tolerance::default(),
    })
}
