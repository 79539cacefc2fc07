//! Local functions: models that define them are read as if they did not.

use std::process::Command;

use briq_graph::onnx::decode;
use briq_graph::{Graph, Node};
use expect_test::{Expect, expect};

use crate::message;
use crate::wire::{field, integer, model, node, value};

/// A function of the domain `f` with one input `x`, one output `y`, and more fields.
fn function(name: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let opset = field(9, integer(2, 20));
    let head = [field(1, name), field(4, "x"), field(5, "y"), field(10, "f"), opset];
    field(25, [head.concat(), more.concat()].concat())
}

fn call(name: &str, input: &str, output: &str) -> Vec<u8> {
    node(name, input, output, &[field(7, "f")])
}

/// A model that puts `in` through these nodes to `out`, and defines functions.
fn with(nodes: &[Vec<u8>], functions: &[Vec<u8>]) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    let graph = model(&[nodes, field(11, value("in", &[2])), field(12, value("out", &[2]))]);
    [graph, field(8, [field(1, "f"), integer(2, 1)].concat()), functions.concat()].concat()
}

fn shown(graph: &Graph) -> String {
    let line = |node: &Node| {
        let attributes: String = node.attributes.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        format!("{} = {}({}){attributes}\n", node.outputs.join(", "), node.operator, node.inputs.join(", "))
    };
    graph.nodes.iter().map(line).collect()
}

fn check(nodes: &[Vec<u8>], functions: &[Vec<u8>], expected: &Expect) {
    expected.assert_eq(&shown(&decode(&with(nodes, functions)).unwrap()));
}

fn rejects(nodes: &[Vec<u8>], functions: &[Vec<u8>], expected: &Expect) {
    expected.assert_eq(&message(&decode(&with(nodes, functions)).unwrap_err()));
}

/// `y = -relu(x)`.
fn bent() -> Vec<u8> {
    function("Bent", &[field(7, node("Relu", "x", "h", &[])), field(7, node("Neg", "h", "y", &[]))])
}

/// A reference to the attribute `slope` of the function.
fn reference() -> Vec<u8> {
    field(5, [field(1, "alpha"), integer(20, 1), field(21, "slope")].concat())
}

fn float(name: &str, number: f32) -> Vec<u8> {
    let f = [vec![2 << 3 | 5], number.to_le_bytes().to_vec()].concat();
    [field(1, name), f, integer(20, 1)].concat()
}

#[test]
fn a_call_becomes_the_nodes_of_the_function() {
    check(
        &[call("Bent", "in", "a"), call("Bent", "a", "out")],
        &[bent()],
        &expect![[r#"
        Bent_1/h = Relu(in)
        a = Neg(Bent_1/h)
        Bent_2/h = Relu(a)
        out = Neg(Bent_2/h)
    "#]],
    );
}

#[test]
fn functions_may_call_functions() {
    let twice = function("Twice", &[field(7, call("Bent", "x", "h")), field(7, call("Bent", "h", "y"))]);
    check(
        &[call("Twice", "in", "out")],
        &[bent(), twice],
        &expect![[r#"
        Bent_2/h = Relu(in)
        Twice_1/h = Neg(Bent_2/h)
        Bent_3/h = Relu(Twice_1/h)
        out = Neg(Bent_3/h)
    "#]],
    );
}

#[test]
fn attributes_are_given_or_have_a_default_or_are_left_out() {
    let elu = field(7, node("Elu", "x", "y", &[reference()]));
    let declared = function("Bent", &[elu.clone(), field(6, "slope")]);
    let given = node("Bent", "in", "out", &[field(7, "f"), field(5, float("slope", 0.5))]);
    check(
        &[given],
        std::slice::from_ref(&declared),
        &expect![[r#"
        out = Elu(in) alpha=Float(0.5)
    "#]],
    );
    check(
        &[call("Bent", "in", "out")],
        &[declared],
        &expect![[r#"
        out = Elu(in)
    "#]],
    );
    let default = function("Bent", &[elu, field(11, float("slope", 0.25))]);
    check(
        &[call("Bent", "in", "out")],
        &[default],
        &expect![[r#"
        out = Elu(in) alpha=Float(0.25)
    "#]],
    );
}

#[test]
fn names_that_a_function_would_take_are_not_given_twice() {
    let taken = node("Relu", "in", "Bent_1/h", &[]);
    check(
        &[taken, call("Bent", "Bent_1/h", "out")],
        &[bent()],
        &expect![[r#"
        Bent_1/h = Relu(in)
        Bent_1/h' = Relu(Bent_1/h)
        out = Neg(Bent_1/h')
    "#]],
    );
}

#[test]
fn an_input_that_is_an_output_is_handed_through() {
    let same = [field(1, "Same"), field(4, "x"), field(5, "x"), field(10, "f")].concat();
    check(
        &[call("Same", "in", "out")],
        &[field(25, same)],
        &expect![[r#"
        out = Identity(in)
    "#]],
    );
}

#[test]
fn bodies_within_a_function_see_its_values() {
    let output = field(12, [field(1, "o")].concat());
    let branch = |operator: &str| {
        let inner = [field(1, node(operator, "h", "o", &[])), field(2, "body"), output.clone()].concat();
        [field(6, inner), integer(20, 5)].concat()
    };
    let bodies = [
        field(5, [field(1, "then_branch"), branch("Neg")].concat()),
        field(5, [field(1, "else_branch"), branch("Relu")].concat()),
    ];
    let choose = node("If", "c", "y", &bodies);
    let constant = node("Cast", "x", "c", &[field(5, [field(1, "to"), integer(3, 9), integer(20, 2)].concat())]);
    let function = function("Pick", &[field(7, constant), field(7, node("Abs", "x", "h", &[])), field(7, choose)]);
    let graph = decode(&with(&[call("Pick", "in", "out")], &[function])).unwrap();
    let body = graph.nodes[2].attributes["then_branch"].as_graph().unwrap();
    assert_eq!(body.captures, ["Pick_1/h"]);
    assert_eq!((shown(body).as_str(), body.outputs[0].name.as_str()), ("Pick_1/o = Neg(Pick_1/h)\n", "Pick_1/o"));
}

#[test]
fn rejects_functions_that_call_themselves() {
    let one = function("One", &[field(7, call("Two", "x", "y"))]);
    let two = function("Two", &[field(7, call("One", "x", "y"))]);
    rejects(
        &[call("One", "in", "out")],
        &[one, two],
        &expect!["cannot inline function `One` of domain `f`: it calls itself"],
    );
}

#[test]
fn rejects_functions_that_double_at_every_level() {
    let level = |place: usize| {
        let below = format!("F{}", place + 1);
        function(&format!("F{place}"), &[field(7, call(&below, "x", "h")), field(7, call(&below, "h", "y"))])
    };
    let mut functions: Vec<Vec<u8>> = (0..40).map(level).collect();
    functions.push(function("F40", &[field(7, node("Relu", "x", "y", &[]))]));
    let error = decode(&with(&[call("F0", "in", "out")], &functions)).unwrap_err();
    assert!(error.is_limit(), "{error}");
    let chain = |place: usize| function(&format!("F{place}"), &[field(7, call(&format!("F{}", place + 1), "x", "y"))]);
    let functions: Vec<Vec<u8>> = (0..100).map(chain).collect();
    rejects(
        &[call("F0", "in", "out")],
        &functions,
        &expect![
            "cannot inline function `F64` of domain `f`: it is called by functions that call one another, 64 deep"
        ],
    );
}

#[test]
fn rejects_functions_that_do_not_fit() {
    rejects(
        &[call("Bent", "in", "out")],
        &[bent(), bent()],
        &expect!["cannot inline function `Bent` of domain `f`: it is defined twice"],
    );
    let more = node("Bent", "in", "out", &[field(7, "f"), field(1, "in")]);
    rejects(
        &[more],
        &[bent()],
        &expect![
            "cannot inline function `Bent` of domain `f`: the call that gives `out` has more inputs or outputs than it"
        ],
    );
    let integer_slope = field(5, [field(1, "slope"), integer(3, 1), integer(20, 2)].concat());
    let given = node("Elude", "in", "out", &[field(7, "f"), integer_slope]);
    let elude = function("Elude", &[field(7, node("Elu", "x", "y", &[reference()]))]);
    rejects(
        &[given],
        &[elude],
        &expect!["cannot inline function `Elude` of domain `f`: its attribute `slope` is given as another type"],
    );
    let old = [field(1, "Old"), field(4, "x"), field(5, "y"), field(10, "f"), field(9, integer(2, 11))].concat();
    let softmax = field(7, node("Softmax", "x", "y", &[]));
    rejects(
        &[call("Old", "in", "out")],
        &[field(25, [old.clone(), softmax].concat())],
        &expect![
            "cannot inline function `Old` of domain `f`: its `Softmax` is of operator set 11, and means something else in the model's 20"
        ],
    );
    let relu = field(7, node("Relu", "x", "y", &[]));
    check(
        &[call("Old", "in", "out")],
        &[field(25, [old, relu].concat())],
        &expect![[r#"
        out = Relu(in)
    "#]],
    );
}

/// Functions in functions, with attributes, defaults, optional inputs and a body, as the text form of ONNX has them.
const MODEL: &str = r#"
import onnx, onnxruntime, numpy, sys
text = '''
<ir_version: 9, opset_import: ["" : 20, "f" : 1]>
agraph (float[N, 4] x) => (float[N, 4] y)
{
  a = f.scaled <by = 2.0> (x)
  b = f.scaled (a, x)
  y, unused = f.both (b)
}
<domain: "f", opset_import: ["" : 19]>
scaled <by: float = 0.5> (v, w) => (z)
{
  n = Constant <value_float: float = @by> ()
  c = Constant <value = bool {1}> ()
  z = If (c) <
    then_branch = inner () => (float[N, 4] o) { o = Mul(v, n) },
    else_branch = other () => (float[N, 4] o) { o = Neg(v) }>
}
<domain: "f", opset_import: ["" : 20, "f" : 1]>
both (v) => (z, v2)
{
  h = f.scaled (v)
  z = LeakyRelu <alpha = 0.3> (h)
  v2 = Identity(h)
}
'''
model = onnx.parser.parse_model(text)
onnx.checker.check_model(model)
if len(sys.argv) > 1:
    model = onnx.load(sys.argv[1])
else:
    sys.stdout.buffer.write(model.SerializeToString()); sys.exit()
x = (numpy.arange(12, dtype=numpy.float32).reshape(3, 4) - 5) / 4
s = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
print(s.run(None, {"x": x})[0].tolist())
"#;

#[test]
fn onnx_runtime_computes_the_same_without_functions() {
    let Some(python) = crate::runtime::python() else { return };
    let run = |arguments: &[&std::ffi::OsStr]| {
        let output = Command::new(&python).args(["-c", MODEL]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let bytes = run(&[]);
    let directory = tempfile::tempdir().unwrap();
    let [before, after] = ["before.onnx", "after.onnx"].map(|name| directory.path().join(name));
    std::fs::write(&before, &bytes).unwrap();
    let graph = decode(&bytes).unwrap();
    assert!(graph.nodes.iter().all(|node| node.domain.is_empty()));
    std::fs::write(&after, briq_graph::onnx::encode(&graph).unwrap()).unwrap();
    assert_eq!(run(&[before.as_os_str()]), run(&[after.as_os_str()]));
}
