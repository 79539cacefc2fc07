//! Shapes inferred, operator by operator.

use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer, Node, Value, brackets, shape};
use expect_test::{Expect, expect};

/// `2,n,3` as a shape; letters are dynamic axes.
fn dims(text: &str) -> Vec<Dim> {
    let axes = text.split(',').filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().map_or_else(|_| Dim::Dynamic(axis.to_owned()), Dim::Fixed)).collect()
}

/// One node over inputs `a`, `b`, `c`… of the given shapes, and integers `i` if there are some.
fn graph(operator: &str, inputs: &[&str], integers: Option<&[i64]>, attributes: &[(&str, Attribute)]) -> Graph {
    let names: Vec<String> = (0..inputs.len()).map(|place| char::from(b'a' + place as u8).to_string()).collect();
    let values = names.iter().zip(inputs).map(|(name, shape)| Value::new(name, ElementType::F32, dims(shape)));
    let given = integers.map(|integers| Initializer::from_i64("i", vec![integers.len()], integers));
    let reads: Vec<&str> = names.iter().map(String::as_str).chain(given.as_ref().map(|_| "i")).collect();
    let mut node = Node::new("node", operator, &reads, &["out", "second"]);
    node.attributes.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Graph {
        opset: 20,
        inputs: values.collect(),
        nodes: vec![node],
        initializers: given.into_iter().collect(),
        ..Graph::default()
    }
}

/// The shape of the first output, or why there is none.
fn outcome(graph: &Graph) -> String {
    match shape::infer(graph) {
        Ok(shapes) => brackets(&shapes["out"].shape),
        Err(error) => error.to_string(),
    }
}

fn check(operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)], expected: &Expect) {
    expected.assert_eq(&outcome(&graph(operator, inputs, None, attributes)));
}

fn check_with(operator: &str, input: &str, integers: &[i64], expected: &Expect) {
    expected.assert_eq(&outcome(&graph(operator, &[input], Some(integers), &[])));
}

fn ints(numbers: &[i64]) -> Attribute {
    Attribute::Ints(numbers.to_vec())
}

#[test]
fn elementwise_operators_broadcast() {
    check("Add", &["n,3,4", "4"], &[], &expect!["[n, 3, 4]"]);
    check("Mul", &["n,1", "1,5"], &[], &expect!["[n, 5]"]);
    check("Sub", &["n", "m"], &[], &expect!["[?]"]);
    check("Div", &["", "2"], &[], &expect!["[2]"]);
    check("Max", &["2,1", "3", "1,1,1"], &[], &expect!["[1, 2, 3]"]);
    check(
        "Add",
        &["n,3", "4"],
        &[],
        &expect!["cannot infer the shape of node `node` (Add): [n, 3] and [4] cannot be broadcast together"],
    );
}

#[test]
fn one_input_operators_keep_the_shape() {
    for operator in [
        "Relu",
        "Tanh",
        "Sigmoid",
        "Softmax",
        "LogSoftmax",
        "Gelu",
        "Elu",
        "LeakyRelu",
        "Erf",
        "Sqrt",
        "Identity",
        "Clip",
        "Dropout",
    ] {
        assert_eq!(outcome(&graph(operator, &["n,7"], None, &[])), "[n, 7]", "{operator}");
    }
    check(
        "Softmax",
        &["n,7"],
        &[("axis", Attribute::Int(2))],
        &expect!["cannot infer the shape of node `node` (Softmax): axis 2 is not one of 2"],
    );
}

#[test]
fn products_meet_in_the_middle() {
    check("MatMul", &["n,3", "3,5"], &[], &expect!["[n, 5]"]);
    check("MatMul", &["3", "3"], &[], &expect!["[]"]);
    check("MatMul", &["b,2,3,4", "1,4,5"], &[], &expect!["[b, 2, 3, 5]"]);
    check("MatMul", &["2,3", "3"], &[], &expect!["[2]"]);
    check(
        "MatMul",
        &["n,3", "4,5"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (MatMul): axis 1 of `a F32[n, 3]` and axis 0 of `b F32[4, 5]` differ"
        ],
    );
    check("Gemm", &["n,3", "3,5", "5"], &[], &expect!["[n, 5]"]);
    check("Gemm", &["3,n", "5,3"], &[("transA", Attribute::Int(1)), ("transB", Attribute::Int(1))], &expect!["[n, 5]"]);
    check(
        "Gemm",
        &["n,3", "3,5", "4"],
        &[],
        &expect!["cannot infer the shape of node `node` (Gemm): [n, 5] and [4] cannot be broadcast together"],
    );
    check(
        "Gemm",
        &["n,3,1", "3,5"],
        &[],
        &expect!["cannot infer the shape of node `node` (Gemm): `a F32[n, 3, 1]` should have 2 axes"],
    );
}

#[test]
fn windows_move_over_what_follows_the_channels() {
    check("Conv", &["n,3,8,8", "16,3,3,3", "16"], &[], &expect!["[n, 16, 6, 6]"]);
    check(
        "Conv",
        &["n,3,8,8", "16,3,3,3"],
        &[("pads", ints(&[1, 1, 1, 1])), ("strides", ints(&[2, 1]))],
        &expect!["[n, 16, 4, 8]"],
    );
    check(
        "Conv",
        &["n,4,9", "8,2,3"],
        &[("group", Attribute::Int(2)), ("dilations", ints(&[2]))],
        &expect!["[n, 8, 5]"],
    );
    check(
        "Conv",
        &["n,3,7,h", "4,3,3,3"],
        &[("auto_pad", "SAME_UPPER".into()), ("strides", ints(&[2, 2]))],
        &expect!["[n, 4, 4, ?]"],
    );
    check(
        "MaxPool",
        &["n,3,8,8"],
        &[("kernel_shape", ints(&[3, 3])), ("strides", ints(&[2, 2]))],
        &expect!["[n, 3, 3, 3]"],
    );
    check(
        "MaxPool",
        &["n,3,8,8"],
        &[("kernel_shape", ints(&[3, 3])), ("strides", ints(&[2, 2])), ("ceil_mode", Attribute::Int(1))],
        &expect!["[n, 3, 4, 4]"],
    );
    check("AveragePool", &["n,3,8"], &[("kernel_shape", ints(&[2]))], &expect!["[n, 3, 7]"]);
    check("GlobalAveragePool", &["n,3,8,9"], &[], &expect!["[n, 3, 1, 1]"]);
    check(
        "Conv",
        &["n,3,8,8", "16,4,3,3"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (Conv): the channels of `a F32[n, 3, 8, 8]` and `b F32[16, 4, 3, 3]` do not fit, in 1 groups"
        ],
    );
    check(
        "Conv",
        &["n,3,2,8", "16,3,3,3"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (Conv): its window [3, 3] does not fit into `a F32[n, 3, 2, 8]`"
        ],
    );
    check(
        "MaxPool",
        &["n,3"],
        &[("kernel_shape", ints(&[3, 3]))],
        &expect!["cannot infer the shape of node `node` (MaxPool): `a F32[n, 3]` should be [batch, channels, …]"],
    );
    check(
        "MaxPool",
        &["n,3,8,8"],
        &[("kernel_shape", ints(&[3]))],
        &expect!["cannot infer the shape of node `node` (MaxPool): its kernel_shape is [3], 2 lengths are wanted"],
    );
    check(
        "MaxPool",
        &["n,3,8,8"],
        &[("kernel_shape", ints(&[3, 3])), ("strides", ints(&[0, 1]))],
        &expect!["cannot infer the shape of node `node` (MaxPool): its strides holds 0"],
    );
}

#[test]
fn normalisation_keeps_the_shape() {
    check("BatchNormalization", &["n,3,8", "3", "3", "3", "3"], &[], &expect!["[n, 3, 8]"]);
    check(
        "BatchNormalization",
        &["n,3,8", "3", "3", "4", "3"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (BatchNormalization): axis 1 of `a F32[n, 3, 8]` and axis 0 of `d F32[4]` differ"
        ],
    );
    check("LayerNormalization", &["n,3,8", "8", "8"], &[], &expect!["[n, 3, 8]"]);
    check(
        "LayerNormalization",
        &["n,3,8", "7"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (LayerNormalization): [n, 3, 8] and [7] cannot be broadcast together"
        ],
    );
}

#[test]
fn values_are_rearranged() {
    check("Flatten", &["n,3,4"], &[], &expect!["[n, 12]"]);
    check("Flatten", &["2,3,4"], &[("axis", Attribute::Int(3))], &expect!["[24, 1]"]);
    check("Flatten", &["n,m,4"], &[("axis", Attribute::Int(2))], &expect!["[m*n, 4]"]);
    check("Transpose", &["n,3,4"], &[("perm", ints(&[0, 2, 1]))], &expect!["[n, 4, 3]"]);
    check("Transpose", &["n,3,4"], &[], &expect!["[4, 3, n]"]);
    check(
        "Transpose",
        &["n,3"],
        &[("perm", ints(&[0, 0]))],
        &expect![
            "cannot infer the shape of node `node` (Transpose): [0, 0] is not an order of the axes of `a F32[n, 3]`"
        ],
    );
    check("Concat", &["n,3", "n,4"], &[("axis", Attribute::Int(-1))], &expect!["[n, 7]"]);
    check(
        "Concat",
        &["2,3", "3,3"],
        &[("axis", Attribute::Int(1))],
        &expect![
            "cannot infer the shape of node `node` (Concat): axis 0 of `a F32[2, 3]` and axis 0 of `b F32[3, 3]` differ"
        ],
    );
    check_with("Squeeze", "n,1,4", &[1], &expect!["[n, 4]"]);
    check_with(
        "Squeeze",
        "n,2,4",
        &[1],
        &expect!["cannot infer the shape of node `node` (Squeeze): axis 1 of `a F32[n, 2, 4]` is not 1"],
    );
    check("Squeeze", &["1,2,1"], &[], &expect!["[2]"]);
    check_with("Unsqueeze", "n,4", &[0, -1], &expect!["[1, n, 4, 1]"]);
    check_with(
        "Unsqueeze",
        "n,4",
        &[1, 1],
        &expect!["cannot infer the shape of node `node` (Unsqueeze): axis 1 is given twice"],
    );
}

#[test]
fn a_reshape_keeps_the_elements() {
    check_with("Reshape", "n,64", &[0, 1, 8, 8], &expect!["[n, 1, 8, 8]"]);
    check_with("Reshape", "n,1,8,8", &[-1, 64], &expect!["[n, 64]"]);
    check_with("Reshape", "n,4,6", &[0, -1], &expect!["[n, 24]"]);
    check_with("Reshape", "n,n,6", &[0, -1], &expect!["[n, 6*n]"]);
    check_with("Reshape", "2,3,4", &[4, -1], &expect!["[4, 6]"]);
    check_with("Reshape", "n,4", &[-1, 8], &expect!["[?, 8]"]);
    check_with(
        "Reshape",
        "2,3",
        &[4, 2],
        &expect!["cannot infer the shape of node `node` (Reshape): `a F32[2, 3]` cannot become [4, 2]"],
    );
    check_with(
        "Reshape",
        "2,3",
        &[-1, -1],
        &expect!["cannot infer the shape of node `node` (Reshape): `a F32[2, 3]` cannot become [-1, -1]"],
    );
    check_with(
        "Reshape",
        "2,3",
        &[-1, 4],
        &expect!["cannot infer the shape of node `node` (Reshape): `a F32[2, 3]` cannot become [-1, 4]"],
    );
    check_with(
        "Reshape",
        "2",
        &[2, 0],
        &expect!["cannot infer the shape of node `node` (Reshape): `a F32[2]` cannot become [2, 0]"],
    );
}

#[test]
fn reductions_drop_or_keep_axes() {
    check_with("ReduceMean", "n,3,4", &[-1], &expect!["[n, 3, 1]"]);
    check("ReduceMean", &["n,3,4"], &[("keepdims", Attribute::Int(0))], &expect!["[]"]);
    check("ReduceMean", &["n,3,4"], &[("axes", ints(&[1])), ("keepdims", Attribute::Int(0))], &expect!["[n, 4]"]);
    check_with(
        "ReduceSum",
        "n,3",
        &[5],
        &expect!["cannot infer the shape of node `node` (ReduceSum): axis 5 is not one of 2"],
    );
}

#[test]
fn casts_and_constants_know_their_type() {
    let graph = graph("Cast", &["n"], None, &[("to", Attribute::Int(7))]);
    assert_eq!(shape::infer(&graph).unwrap()["out"].element, ElementType::I64);
    check("Constant", &[], &[("value_ints", ints(&[1, 2]))], &expect!["[2]"]);
    check("Constant", &[], &[("value", Initializer::from_f32("", vec![1, 1], &[2.0]).into())], &expect!["[1, 1]"]);
    check(
        "Constant",
        &[],
        &[],
        &expect![
            "cannot infer the shape of node `node` (Constant): it should hold exactly one tensor, number or list of numbers"
        ],
    );
}

#[test]
fn a_constant_node_can_give_a_shape() {
    let shape = Node::new("", "Constant", &[], &["to"]).with("value_ints", vec![0_i64, -1]);
    let reshape = Node::new("", "Reshape", &["a", "to"], &["out"]);
    let inputs = vec![Value::new("a", ElementType::F32, dims("n,2,3"))];
    assert_eq!(outcome(&Graph { opset: 20, inputs, nodes: vec![reshape, shape], ..Graph::default() }), "[n, 6]");
}

#[test]
fn a_shape_that_is_computed_says_how_many_axes_there_are() {
    let mut graph = graph("Reshape", &["n,4"], Some(&[4]), &[]);
    graph.initializers.clear();
    graph.inputs.push(Value::new("i", ElementType::I64, dims("2")));
    assert_eq!(outcome(&graph), "[?, ?]");
    graph.inputs[1].shape = dims("m");
    let error = shape::infer(&graph).unwrap_err();
    assert!(error.is_unsupported());
    expect![
        "cannot infer the shape of node `node` (Reshape): its input `i` is not a constant of integers held in the model"
    ]
    .assert_eq(&error.to_string());
}

#[test]
fn rows_of_indices_pick_what_lies_behind_them() {
    check("GatherND", &["b,t,8", "b,1,t,2"], &[], &expect!["[b, 1, t, 8]"]);
    check("GatherND", &["b,t,8", "b,3,1"], &[("batch_dims", Attribute::Int(1))], &expect!["[b, 3, 8]"]);
    check(
        "GatherND",
        &["b,t", "b,3"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (GatherND): the rows of `b F32[b, 3]` do not pick from `a F32[b, t]`"
        ],
    );
    check(
        "GatherND",
        &["b,t", "b,n"],
        &[],
        &expect![
            "cannot infer the shape of node `node` (GatherND): the rows of `b F32[b, n]` do not pick from `a F32[b, t]`"
        ],
    );
}

#[test]
fn attention_is_as_wide_as_its_values() {
    let heads = |q: i64, kv: i64| [("q_num_heads", Attribute::Int(q)), ("kv_num_heads", Attribute::Int(kv))];
    check("Attention", &["b,4,s,8", "b,2,t,8", "b,2,t,6"], &[], &expect!["[b, 4, s, 6]"]);
    check("Attention", &["b,s,32", "b,t,16", "b,t,12"], &heads(4, 2), &expect!["[b, s, 24]"]);
    check("Attention", &["b,s,32", "b,t,16", "b,t,n"], &heads(4, 2), &expect!["[b, s, ?]"]);
    check("Attention", &["b,s,32", "b,t,16", "b,t,12"], &[], &expect!["[b, s, ?]"]);
    check(
        "Attention",
        &["s,32", "t,16", "t,12"],
        &[],
        &expect!["cannot infer the shape of node `node` (Attention): `a F32[s, 32]` should have three or four axes"],
    );
    check("RotaryEmbedding", &["b,4,s,8", "s,4", "s,4"], &[], &expect!["[b, 4, s, 8]"]);
}

#[test]
fn a_range_up_to_the_length_of_an_axis_is_as_long() {
    let mut graph = graph("Range", &[], None, &[]);
    let shape = Node::new("", "Shape", &["x"], &["lengths"]).with("start", 0_i64).with("end", 1_i64);
    let scalar = Node::new("", "Squeeze", &["lengths"], &["length"]);
    graph.inputs.push(Value::new("x", ElementType::F32, dims("n,3")));
    graph.nodes = vec![shape, scalar, Node::new("node", "Range", &["start", "length", "step"], &["out"])];
    for (start, step, expected) in [(0, 1, "[n]"), (1, 1, "[?]"), (0, 2, "[?]")] {
        graph.initializers = [("start", start), ("step", step)]
            .map(|(name, number)| Initializer::from_i64(name, vec![], &[number]))
            .into();
        assert_eq!(outcome(&graph), expected, "{start}, {step}");
    }
}

#[test]
fn rejects_operators_without_a_rule() {
    let error = shape::infer(&graph("NoSuchThing", &["n"], None, &[])).unwrap_err();
    assert!(error.is_unsupported());
    expect!["cannot infer the shape of node `node` (NoSuchThing): the operator is not known here"]
        .assert_eq(&error.to_string());
    let mut custom = graph("Relu", &["n"], None, &[]);
    custom.nodes[0].domain = "com.example".into();
    assert!(shape::infer(&custom).unwrap_err().is_unsupported());
}

#[test]
fn rejects_element_types_that_differ() {
    let mut graph = graph("Add", &["n", "n"], None, &[]);
    graph.inputs[1].element = ElementType::I64;
    expect!["cannot infer the shape of node `node` (Add): `a F32[n]` and `b I64[n]` differ in element type"]
        .assert_eq(&outcome(&graph));
}

#[test]
fn rejects_an_output_that_is_declared_otherwise() {
    let mut graph = graph("Relu", &["n,3"], None, &[]);
    graph.outputs.push(Value::new("out", ElementType::F32, dims("n,4")));
    expect!["cannot infer the shape of output `out`: it is declared as out F32[n, 4] and computed as out F32[n, 3]"]
        .assert_eq(&shape::annotate(&mut graph).unwrap_err().to_string());
}
