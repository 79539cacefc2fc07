//! Weights that stay in the memory map of a package, and those that are scaled when they are read from it.

use briq_engine::{Engine as _, Tensor};
use briq_graph::Node;
use briq_model::{Backend, Optimization, import_onnx, optimized};
use briq_package::Package;
use briq_spec::recipe::Recipe;

use super::case::{Case, numbers};
use crate::backends::each;
use crate::recipes::RECIPE;

/// Factors behind a convolution, behind another twice, behind a transposed one and behind a product.
fn network() -> Case {
    let conv = |output: &str, operator: &str, input: &str, weights: &str| {
        Node::new(output, operator, &[input, weights], &[output]).with("pads", vec![1, 1, 1, 1])
    };
    Case::new(18)
        .input("x", &[3, 6, 6])
        .constant("u", &[16, 3, 3, 3])
        .constant("v", &[16, 16, 3, 3])
        .constant("t", &[16, 5, 3, 3])
        .constant("w", &[5, 7])
        .constant("f", &[16, 1, 1])
        .constant("g", &[1, 16, 1, 1])
        .constant("h", &[5, 1, 1])
        .constant("i", &[7])
        .node(conv("a", "Conv", "x", "u"))
        .plain("Mul", &["a", "f"], "b")
        .node(conv("c", "Conv", "b", "v"))
        .plain("Mul", &["c", "f"], "d")
        .plain("Mul", &["d", "g"], "e")
        .node(conv("j", "ConvTranspose", "e", "t"))
        .plain("Mul", &["h", "j"], "k")
        .plain("GlobalAveragePool", &["k"], "l")
        .plain("Flatten", &["l"], "m")
        .plain("MatMul", &["m", "w"], "n")
        .plain("Mul", &["n", "i"], "y")
        .output("y", 2)
}

fn answer(package: &Package, backend: Backend, optimization: &Optimization) -> Vec<f32> {
    let engine = optimized(package, backend, optimization).unwrap();
    let input = Tensor::from_f32("x", &[2, 3, 6, 6], &numbers(216, 5));
    engine.infer(&[input]).unwrap()[0].as_f32().unwrap()
}

#[test]
fn factors_hold_on_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let (file, target) = (folder.path().join("scaled.onnx"), folder.path().join("scaled.briq"));
    std::fs::write(&file, briq_graph::onnx::encode(&network().graph).unwrap()).unwrap();
    import_onnx(&file, &Recipe::parse(RECIPE).unwrap().package, &[]).unwrap().draft.write(&target).unwrap();
    let package = Package::open(&target).unwrap();
    let expected = answer(&package, Backend::Flex, &Optimization::none());
    let largest = expected.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    assert!(largest > 1e-3, "{expected:?}");
    for backend in each() {
        let found = answer(&package, backend, &Optimization::default());
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * largest;
        assert!(found.iter().zip(&expected).all(near), "{backend}: {found:?}, not {expected:?}");
    }
}
