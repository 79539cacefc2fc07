//! What no operator can compute is refused with a reason, and not by a panic of the backend.

use briq_graph::onnx::Datum;
use briq_graph::{Attribute, Data, Dim, ElementType, Form, Graph, Initializer, Node, Value};
use briq_model::{Backend, Runner};

/// Runs one node on zeros of these shapes, and gives the reason why it could not.
fn refusal(operator: &str, shapes: &[&[usize]], attributes: &[(&str, Attribute)]) -> String {
    let names: Vec<String> = (0..shapes.len()).map(|index| format!("x{index}")).collect();
    let value = |name: &str, shape: &[usize]| {
        let shape = shape.iter().map(|length| Dim::Fixed(*length)).collect();
        Value { name: name.to_owned(), element: ElementType::F32, shape, form: Form::Tensor }
    };
    let mut node = Node::new("node", operator, &names.iter().map(String::as_str).collect::<Vec<_>>(), &["y"]);
    node.attributes = attributes.iter().map(|(name, attribute)| ((*name).to_owned(), attribute.clone())).collect();
    let inputs = names.iter().zip(shapes).map(|(name, shape)| value(name, shape)).collect();
    let graph = Graph { opset: 17, inputs, outputs: vec![value("y", &[1])], nodes: vec![node], ..Graph::default() };
    let zeros = |(name, shape): (&String, &&[usize])| {
        let data = Data::Inline(vec![0; 4 * shape.iter().product::<usize>()]);
        Datum::Tensor(Initializer { name: name.clone(), element: ElementType::F32, shape: shape.to_vec(), data })
    };
    let runner = match Runner::new(&graph, Backend::Flex, |_| unreachable!("there are no parameters")) {
        Ok(runner) => runner,
        Err(error) => return error.to_string(),
    };
    let error = runner.run(names.iter().zip(shapes).map(zeros).collect()).expect_err("it cannot be computed");
    format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
}

fn ints(numbers: &[i64]) -> Attribute {
    Attribute::Ints(numbers.to_vec())
}

/// An operator, the shapes of its inputs, its attributes.
type Case = (&'static str, Vec<&'static [usize]>, Vec<(&'static str, Attribute)>);

#[test]
fn rejects_windows_that_do_not_move() {
    let image: &'static [usize] = &[1, 2, 5, 5];
    let kernel: &'static [usize] = &[2, 1, 3, 3];
    let pool = ("kernel_shape", ints(&[2, 2]));
    let cases: [Case; 11] = [
        ("Conv", vec![image, kernel], vec![("group", Attribute::Int(2)), ("strides", ints(&[0, 1]))]),
        ("Conv", vec![image, kernel], vec![("group", Attribute::Int(2)), ("dilations", ints(&[1, 0]))]),
        ("Conv", vec![image, kernel], vec![("group", Attribute::Int(0))]),
        ("ConvTranspose", vec![image, kernel], vec![("group", Attribute::Int(0))]),
        ("ConvTranspose", vec![image, kernel], vec![("strides", ints(&[0, 1]))]),
        ("ConvTranspose", vec![image, &[2, 1, 0, 3]], vec![]),
        ("MaxPool", vec![image], vec![("kernel_shape", ints(&[0, 2]))]),
        ("MaxPool", vec![image], vec![pool.clone(), ("strides", ints(&[1, 0]))]),
        ("AveragePool", vec![image], vec![("kernel_shape", ints(&[2, -2]))]),
        ("AveragePool", vec![image], vec![pool.clone(), ("dilations", ints(&[0, 1]))]),
        ("MaxPool", vec![image], vec![pool, ("pads", ints(&[1, 1]))]),
    ];
    for (operator, shapes, attributes) in cases {
        let text = refusal(operator, &shapes, &attributes);
        assert!(text.starts_with("cannot run node `node`") && !text.contains("backend"), "{operator}: {text}");
    }
}

#[test]
fn rejects_angles_that_do_not_reach_every_step() {
    for angles in [&[2, 4, 2][..], &[1, 4, 2], &[4, 2], &[0, 2]] {
        let text = refusal("RotaryEmbedding", &[&[2, 3, 5, 4], angles, angles], &[]);
        assert!(text.ends_with("rows of angles do not serve 2 times 5 steps"), "{text}");
    }
}

#[test]
fn names_the_operator_that_is_not_known() {
    let text = refusal("Frobnicate", &[&[1]], &[]);
    assert_eq!(
        text,
        "cannot run node `node` (Frobnicate): operator `Frobnicate` of domain `ai.onnx` is not known (operator set 17)"
    );
}
