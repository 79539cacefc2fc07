//! A Burn module and the package that is made of it answer alike.

use briq_graph::layers::LayerInput;
use briq_graph::onnx;
use briq_model::{Backend, engine, import_onnx, module_graph};
use briq_package::Package;
use briq_spec::Recipe;
use briq_spec::recipe::{Layer, PackageSection};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d, Relu};
use burn::tensor::{Device, Tensor, TensorData};

#[derive(Module, Debug)]
struct Network {
    conv: Conv2d,
    norm: BatchNorm,
    activation: Relu,
    head: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        let conv = Conv2dConfig::new([2, 4], [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        Self {
            conv: conv.init(device),
            norm: BatchNormConfig::new(4).init(device),
            activation: Relu::new(),
            head: LinearConfig::new(4 * 5 * 5, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.activation.forward(self.norm.forward(self.conv.forward(x)));
        self.head.forward(x.flatten(1, 3))
    }
}

const LAYERS: &str = r#"
[package]
name = "network"
version = "1.0.0"

[[layer]]
type = "conv2d"
filters = 4
kernel = 3
padding = "same"

[[layer]]
type = "batch-norm"

[[layer]]
type = "activation"
function = "relu"

[[layer]]
type = "flatten"

[[layer]]
type = "dense"
units = 3
"#;

fn layers() -> Vec<Layer> {
    Recipe::parse(LAYERS).unwrap().layers
}

fn input() -> LayerInput {
    LayerInput { name: "image".into(), shape: vec![2, 5, 5] }
}

#[test]
fn a_module_and_its_package_answer_alike() {
    let device = Backend::Flex.device().unwrap();
    let module = Network::new(&device);
    let graph = module_graph("network", &module, &layers(), &input()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, target) = (folder.path().join("network.onnx"), folder.path().join("network-1.0.0.briq"));
    std::fs::write(&file, onnx::encode(&graph).unwrap()).unwrap();
    let package: PackageSection = Recipe::parse(LAYERS).unwrap().package;
    import_onnx(&file, &package, &[]).unwrap().draft.write(&target).unwrap();
    let engine = engine(&Package::open(&target).unwrap(), Backend::Flex).unwrap();
    let features: Vec<f32> = (0..3 * 50).map(|index| (index as f32 * 0.37).sin()).collect();
    let x = Tensor::<4>::from_data(TensorData::new(features.clone(), [3, 2, 5, 5]), &device);
    let expected: Vec<f32> = module.forward(x).into_data().iter::<f32>().collect();
    let answered = engine.answer(&features, 3).unwrap();
    assert_eq!(answered.len(), expected.len());
    for (own, burn) in answered.iter().zip(&expected) {
        assert!((own - burn).abs() < 1e-5, "{own} instead of {burn}");
    }
}

#[test]
fn rejects_layers_that_the_module_does_not_have() {
    let device = Backend::Flex.device().unwrap();
    let module = Network::new(&device);
    let error = module_graph("network", &module, &layers()[..3], &input()).unwrap_err();
    assert!(error.to_string().contains("8 parameters") && error.to_string().contains("have 6"), "{error}");
    let wide = LayerInput { name: "image".into(), shape: vec![2, 6, 5] };
    let error = module_graph("network", &module, &layers(), &wide).unwrap_err();
    assert!(
        error.to_string().contains("`dense_1.weight` is [120, 3], and the module's `head.weight` is [100, 3]"),
        "{error}"
    );
}
