//! Layers composed, and layers that do not compose.

use briq_graph::layers::{Init, LayerInput, Normalize, build};
use briq_graph::{Data, Dim};
use expect_test::{Expect, expect};

use crate::message;
use crate::samples::{digits, network, toml};

fn rejects(layers: &[(&str, &str)], shape: &[usize], expected: &Expect) {
    expected.assert_eq(&message(&network(&toml(layers), shape, None).unwrap_err()));
}

#[test]
fn the_architecture_is_a_table() {
    expect![[r#"
        layer         operators           output             parameters
        normalize     Sub, Div            [batch, 1, 8, 8]            2
        conv2d_1      Conv, Relu          [batch, 8, 8, 8]           80
        batch_norm_1  BatchNormalization  [batch, 8, 8, 8]           32
        max_pool2d_1  MaxPool             [batch, 8, 4, 4]            0
        conv2d_2      Conv                [batch, 12, 2, 2]         576
        activation_1  Sigmoid, Mul        [batch, 12, 2, 2]           0
        avg_pool2d_1  AveragePool         [batch, 12, 1, 1]           0
        dropout_1     Dropout             [batch, 12, 1, 1]           0
        flatten_1     Flatten             [batch, 12]                 0
        dense_1       Gemm, Gelu          [batch, 6]                 78
        layer_norm_1  LayerNormalization  [batch, 6]                 12
        dense_2       Gemm, Softmax       [batch, 10]                70
        total                                                       850
    "#]]
    .assert_eq(&digits().graph.summary().unwrap());
}

#[test]
fn every_node_is_named_and_every_value_has_a_shape() {
    let graph = digits().graph;
    let lines = graph.nodes.iter().map(|node| {
        let (inputs, outputs) = (node.inputs.join(", "), node.outputs.join(", "));
        let attributes: String = node.attributes.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        format!("{}: {outputs} = {}({inputs}){attributes}\n", node.name, node.operator)
    });
    let values = graph.values.iter().chain(&graph.outputs).map(|value| format!("{value}\n"));
    expect![[r#"
        normalize.sub: normalize.sub = Sub(input, normalize.offset)
        normalize.div: normalize.div = Div(normalize.sub, normalize.scale)
        conv2d_1: conv2d_1 = Conv(normalize.div, conv2d_1.weight, conv2d_1.bias) kernel_shape=Ints([3, 3]) pads=Ints([1, 1, 1, 1]) strides=Ints([1, 1])
        conv2d_1.relu: conv2d_1.relu = Relu(conv2d_1)
        batch_norm_1: batch_norm_1 = BatchNormalization(conv2d_1.relu, batch_norm_1.scale, batch_norm_1.bias, batch_norm_1.mean, batch_norm_1.variance) epsilon=Float(1e-5) momentum=Float(0.9)
        max_pool2d_1: max_pool2d_1 = MaxPool(batch_norm_1) kernel_shape=Ints([2, 2]) strides=Ints([2, 2])
        conv2d_2: conv2d_2 = Conv(max_pool2d_1, conv2d_2.weight) kernel_shape=Ints([2, 3]) pads=Ints([0, 0, 0, 1]) strides=Ints([2, 2])
        activation_1.sigmoid: activation_1.sigmoid = Sigmoid(conv2d_2)
        activation_1: activation_1 = Mul(activation_1.sigmoid, conv2d_2)
        avg_pool2d_1: avg_pool2d_1 = AveragePool(activation_1) kernel_shape=Ints([2, 2]) strides=Ints([1, 1])
        dropout_1: dropout_1 = Dropout(avg_pool2d_1, dropout_1.ratio)
        flatten_1: flatten_1 = Flatten(dropout_1) axis=Int(1)
        dense_1: dense_1 = Gemm(flatten_1, dense_1.weight, dense_1.bias)
        dense_1.gelu: dense_1.gelu = Gelu(dense_1) approximate=String("none")
        layer_norm_1: layer_norm_1 = LayerNormalization(dense_1.gelu, layer_norm_1.scale, layer_norm_1.bias) axis=Int(-1) epsilon=Float(1e-5)
        dense_2: dense_2 = Gemm(layer_norm_1, dense_2.weight, dense_2.bias)
        dense_2.softmax: output = Softmax(dense_2) axis=Int(-1)
        activation_1 F32[batch, 12, 2, 2]
        activation_1.sigmoid F32[batch, 12, 2, 2]
        avg_pool2d_1 F32[batch, 12, 1, 1]
        batch_norm_1 F32[batch, 8, 8, 8]
        conv2d_1 F32[batch, 8, 8, 8]
        conv2d_1.relu F32[batch, 8, 8, 8]
        conv2d_2 F32[batch, 12, 2, 2]
        dense_1 F32[batch, 6]
        dense_1.gelu F32[batch, 6]
        dense_2 F32[batch, 10]
        dropout_1 F32[batch, 12, 1, 1]
        flatten_1 F32[batch, 12]
        layer_norm_1 F32[batch, 6]
        max_pool2d_1 F32[batch, 8, 4, 4]
        normalize.div F32[batch, 1, 8, 8]
        normalize.sub F32[batch, 1, 8, 8]
        output F32[batch, 10]
    "#]].assert_eq(&lines.chain(values).collect::<String>());
}

#[test]
fn parameters_are_declared_with_their_start() {
    let lines = digits().parameters.into_iter().map(|parameter| {
        let frozen = if parameter.trainable { "" } else { " (statistic)" };
        format!("{} {:?} {:?}{frozen}\n", parameter.name, parameter.shape, parameter.init)
    });
    expect![[r#"
        conv2d_1.weight [8, 1, 3, 3] KaimingUniform { fan_in: 9 }
        conv2d_1.bias [8] Zeros
        batch_norm_1.scale [8] Ones
        batch_norm_1.bias [8] Zeros
        batch_norm_1.mean [8] Zeros (statistic)
        batch_norm_1.variance [8] Ones (statistic)
        conv2d_2.weight [12, 8, 2, 3] KaimingUniform { fan_in: 48 }
        dense_1.weight [12, 6] KaimingUniform { fan_in: 12 }
        dense_1.bias [6] Zeros
        layer_norm_1.scale [6] Ones
        layer_norm_1.bias [6] Zeros
        dense_2.weight [6, 10] GlorotUniform { fan_in: 6, fan_out: 10 }
        dense_2.bias [10] Zeros
    "#]]
    .assert_eq(&lines.collect::<String>());
}

#[test]
fn parameters_are_unset_and_the_rest_is_filled() {
    let network = digits();
    for tensor in &network.graph.initializers {
        let declared = network.parameters.iter().any(|parameter| parameter.name == tensor.name);
        assert_eq!(tensor.data == Data::Unset, declared, "{}", tensor.name);
    }
}

#[test]
fn logits_stand_before_a_final_softmax() {
    let network = digits();
    assert_eq!(network.logits, "dense_2");
    assert_eq!(network.graph.logits(), Some("dense_2"));
    let plain = crate::samples::network(&toml(&[("dense", "units = 1")]), &[4], None).unwrap();
    assert_eq!(plain.logits, "output");
}

#[test]
fn normalisation_is_part_of_the_graph() {
    let each = Normalize { offset: vec![1.0, 2.0], scale: vec![0.5, 4.0] };
    let graph = network(&toml(&[("dense", "units = 1")]), &[2], Some(&each)).unwrap().graph;
    assert_eq!(graph.initializer("normalize.offset").unwrap().shape, [2]);
    let operators: Vec<&str> = graph.nodes.iter().map(|node| node.operator.as_str()).collect();
    assert_eq!(operators, ["Sub", "Div", "Gemm"]);
    assert_eq!(graph.inputs[0].shape, [Dim::Dynamic("batch".into()), Dim::Fixed(2)]);
}

#[test]
fn each_step_of_a_sequence_goes_through_the_same_units() {
    let graph = network(&toml(&[("dense", "units = 3")]), &[5, 2], None).unwrap().graph;
    expect![[r#"
        layer    operators    output         parameters
        dense_1  MatMul, Add  [batch, 5, 3]           9
        total                                         9
    "#]]
    .assert_eq(&graph.summary().unwrap());
}

#[test]
fn a_reshape_gives_rows_a_shape() {
    let layers =
        toml(&[("reshape", "shape = [1, 8, 8]"), ("global-avg-pool2d", ""), ("activation", "function = \"linear\"")]);
    let network = network(&layers, &[64], None).unwrap();
    assert_eq!(network.output_shape, [1]);
    expect![[r#"
        layer                operators                   output            parameters
        reshape_1            Reshape                     [batch, 1, 8, 8]           0
        global_avg_pool2d_1  GlobalAveragePool, Flatten  [batch, 1]                 0
        activation_1         Identity                    [batch, 1]                 0
        total                                                                       0
    "#]]
    .assert_eq(&network.graph.summary().unwrap());
}

#[test]
fn the_start_follows_the_rectifier() {
    let start = |layers: &[(&str, &str)]| network(&toml(layers), &[6], None).unwrap().parameters[0].init;
    let (kaiming, glorot) = (Init::KaimingUniform { fan_in: 6 }, Init::GlorotUniform { fan_in: 6, fan_out: 2 });
    assert_eq!(start(&[("dense", "units = 2\nactivation = \"relu\"")]), kaiming);
    assert_eq!(start(&[("dense", "units = 2"), ("layer-norm", ""), ("activation", "function = \"gelu\"")]), kaiming);
    assert_eq!(start(&[("dense", "units = 2\nactivation = \"tanh\""), ("activation", "function = \"relu\"")]), glorot);
    assert_eq!(start(&[("dense", "units = 2"), ("dropout", "rate = 0.5")]), glorot);
    assert_eq!(kaiming.bound(), Some(1.0));
    assert!((glorot.bound().unwrap() - 0.75_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn rejects_a_window_over_no_image() {
    rejects(
        &[("dense", "units = 10"), ("max-pool2d", "size = 2")],
        &[64],
        &expect![[r#"
        cannot build layer 2 (max-pool2d): it takes [channels, height, width], it is given [10]
        hint: give the data a `shape`, or reshape it"#]],
    );
    rejects(
        &[("conv2d", "filters = 2\nkernel = 3")],
        &[8, 8],
        &expect![[r#"
        cannot build layer 1 (conv2d): it takes [channels, height, width], it is given [8, 8]
        hint: give the data a `shape`, or reshape it"#]],
    );
}

#[test]
fn rejects_units_over_an_image() {
    rejects(
        &[("conv2d", "filters = 2\nkernel = 3"), ("dense", "units = 4")],
        &[1, 8, 8],
        &expect![[r#"
        cannot build layer 2 (dense): it takes [features] or [steps, features], it is given [2, 6, 6]
        hint: put a `flatten` layer before it"#]],
    );
}

#[test]
fn rejects_a_window_that_does_not_fit() {
    rejects(
        &[("max-pool2d", "size = 4"), ("conv2d", "filters = 2\nkernel = [3, 1]")],
        &[1, 8, 8],
        &expect![[r#"
        cannot build layer 2 (conv2d): its window [3, 1] does not fit into [1, 2, 2]
        hint: pad with `padding = "same"`, or pool less before it"#]],
    );
}

#[test]
fn rejects_a_shape_of_another_size() {
    rejects(
        &[("reshape", "shape = [3, 3]")],
        &[64],
        &expect!["cannot build layer 1 (reshape): [64] has 64 values, [3, 3] has 9"],
    );
}

#[test]
fn rejects_a_layer_too_large_to_hold() {
    rejects(
        &[("dense", "units = 2000000000"), ("dense", "units = 2000000000")],
        &[4],
        &expect!["cannot build layer 2 (dense): [2000000000, 2000000000] has more than 1099511627776 elements"],
    );
}

#[test]
fn rejects_a_network_without_layers() {
    let input = LayerInput { name: "input".into(), shape: vec![3] };
    expect!["cannot build the network: it has no layer"]
        .assert_eq(&build("none", &[], &input, None).unwrap_err().to_string());
}

#[test]
fn rejects_statistics_that_do_not_fit() {
    let layers = toml(&[("dense", "units = 1")]);
    let try_with = |offset: &[f32], scale: &[f32]| {
        let normalize = Normalize { offset: offset.to_vec(), scale: scale.to_vec() };
        network(&layers, &[3], Some(&normalize)).unwrap_err().to_string()
    };
    expect!["cannot build normalisation: it has 2 numbers as offset, an example has [3]"]
        .assert_eq(&try_with(&[1.0, 2.0], &[1.0, 1.0]));
    expect!["cannot build normalisation: a number is not finite, or a scale is 0"].assert_eq(&try_with(&[1.0], &[0.0]));
}
