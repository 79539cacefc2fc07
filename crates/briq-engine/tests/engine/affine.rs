//! A real engine for the tests: `y = a * x + b`.

use briq_engine::{DataType, Engine, EngineError, Tensor, TensorSpec};

pub(crate) struct Affine {
    a: f32,
    b: f32,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl Affine {
    pub(crate) fn new(a: f32, b: f32) -> Self {
        let inputs = vec![TensorSpec::new("x", DataType::Fp32, &[-1, 2])];
        let outputs = vec![TensorSpec::new("y", DataType::Fp32, &[-1, 2])];
        Self { a, b, inputs, outputs }
    }
}

impl Engine for Affine {
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
        let y: Vec<f32> = inputs[0].as_f32()?.iter().map(|x| self.a * x + self.b).collect();
        Ok(vec![Tensor::from_f32("y", &inputs[0].shape, &y)])
    }
}
