//! One graph with constant weights, run with and without optimisation.

use briq_graph::onnx::Datum;
use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
use briq_model::{Backend, ModelError, Optimization, Runner};

/// A graph under construction, whose inputs all have a batch as their first axis unless they are fixed.
#[derive(Clone, Default)]
pub(super) struct Case {
    pub(super) graph: Graph,
    /// The shapes of the inputs behind the batch; whether the batch leads.
    inputs: Vec<(Vec<usize>, bool)>,
    seed: usize,
}

/// Numbers without a pattern that a wrong stride or order could hide behind.
pub(super) fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 37 + seed * 61 + 11) % 211) as f32 / 105.0 - 1.0).collect()
}

impl Case {
    pub(super) fn new(opset: u32) -> Self {
        Self { graph: Graph { name: "case".into(), opset, ..Graph::default() }, ..Self::default() }
    }

    /// An input `[batch, …]`.
    pub(super) fn input(self, name: &str, behind: &[usize]) -> Self {
        let fixed = behind.iter().map(|&length| Dim::Fixed(length));
        let dims = std::iter::once(Dim::Dynamic("batch".into())).chain(fixed).collect();
        self.declared(name, dims, behind, true)
    }

    /// An input whose shape is fixed.
    pub(super) fn fixed(self, name: &str, shape: &[usize]) -> Self {
        let dims = shape.iter().map(|&length| Dim::Fixed(length)).collect();
        self.declared(name, dims, shape, false)
    }

    fn declared(mut self, name: &str, dims: Vec<Dim>, shape: &[usize], batched: bool) -> Self {
        self.graph.inputs.push(Value::new(name, ElementType::F32, dims));
        self.inputs.push((shape.to_vec(), batched));
        self
    }

    /// Constant numbers.
    pub(super) fn constant(mut self, name: &str, shape: &[usize]) -> Self {
        self.seed += 1;
        let numbers = numbers(shape.iter().product(), self.seed);
        self.graph.initializers.push(Initializer::from_f32(name, shape.to_vec(), &numbers));
        self
    }

    /// Constant integers in a row.
    pub(super) fn integers(mut self, name: &str, numbers: &[i64]) -> Self {
        self.graph.initializers.push(Initializer::from_i64(name, vec![numbers.len()], numbers));
        self
    }

    pub(super) fn node(mut self, node: Node) -> Self {
        self.graph.nodes.push(node);
        self
    }

    /// A node without attributes.
    pub(super) fn plain(self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.node(Node::new(output, operator, inputs, &[output]))
    }

    /// An output of so many axes.
    pub(super) fn output(mut self, name: &str, rank: usize) -> Self {
        let dims = (0..rank).map(|axis| Dim::Dynamic(format!("{name}{axis}"))).collect();
        self.graph.outputs.push(Value::new(name, ElementType::F32, dims));
        self
    }

    pub(super) fn runner(&self, backend: Backend, optimization: &Optimization) -> Runner {
        Runner::optimized(&self.graph, backend, optimization, |_| unreachable!("every value is in the graph")).unwrap()
    }

    /// Inputs for a batch.
    pub(super) fn data(&self, batch: usize) -> Vec<Datum> {
        let datum = |(at, ((shape, batched), value)): (usize, (&(Vec<usize>, bool), &Value))| {
            let shape = if *batched { [&[batch], &shape[..]].concat() } else { shape.clone() };
            let numbers = numbers(shape.iter().product(), at * 7 + 3);
            Datum::Tensor(Initializer::from_f32(&value.name, shape, &numbers))
        };
        self.inputs.iter().zip(&self.graph.inputs).enumerate().map(datum).collect()
    }

    /// Compares for batches of one, three and none.
    pub(super) fn agrees(&self) {
        let fast = self.runner(Backend::Flex, &Optimization::default());
        let kernels = Optimization { passes: Vec::new(), kernels: true };
        let unpassed = self.runner(Backend::Flex, &kernels);
        let plain =
            [Backend::Flex, Backend::Ndarray].map(|backend| (backend, self.runner(backend, &Optimization::none())));
        for batch in [1, 3, 1] {
            let result = fast.run(self.data(batch)).unwrap_or_else(|error| panic!("{}: {}", self.said(), told(&error)));
            near(&unpassed.run(self.data(batch)).unwrap(), &result, &format!("{} without passes", self.said()));
            for (backend, runner) in &plain {
                let reference =
                    runner.run(self.data(batch)).unwrap_or_else(|e| panic!("{}: {}", self.said(), told(&e)));
                near(&reference, &result, &format!("{} against {backend}, batch {batch}", self.said()));
            }
        }
        self.agrees_on_nothing(&fast, &plain[0].1);
    }

    /// An empty batch gives empty outputs of the right shape, or an error; the reference may not be able to.
    fn agrees_on_nothing(&self, fast: &Runner, plain: &Runner) {
        if !self.inputs.iter().any(|(_, batched)| *batched) {
            return;
        }
        if let (Ok(result), Ok(reference)) = (fast.run(self.data(0)), plain.run(self.data(0))) {
            near(&reference, &result, &format!("{} of an empty batch", self.said()));
        }
    }

    fn said(&self) -> String {
        let node = |node: &Node| format!("{}({}) {:?}", node.operator, node.inputs.join(", "), node.attributes);
        let constant = |constant: &Initializer| format!("{}{:?}", constant.name, constant.shape);
        let nodes: Vec<String> = self.graph.nodes.iter().map(node).collect();
        let constants: Vec<String> = self.graph.initializers.iter().map(constant).collect();
        format!("{:?} over {:?}, {}", nodes, self.inputs, constants.join(" "))
    }
}

/// An error and its causes.
pub(super) fn told(error: &ModelError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

pub(super) fn tensor(datum: &Datum) -> (&[usize], Vec<f32>) {
    let Datum::Tensor(tensor) = datum else { panic!("{datum:?} is no tensor") };
    let bytes = tensor.inline().unwrap().as_chunks().0;
    (&tensor.shape, bytes.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Within 1e-5 of the largest.
pub(super) fn near(reference: &[Datum], result: &[Datum], place: &str) {
    assert_eq!(reference.len(), result.len(), "{place}");
    for (at, (left, right)) in reference.iter().zip(result).enumerate() {
        let ((shape, left), (other, right)) = (tensor(left), tensor(right));
        assert_eq!(shape, other, "shape of output {at}: {place}");
        let largest = left.iter().filter(|x| x.is_finite()).fold(1e-2_f32, |largest, number| largest.max(number.abs()));
        for (index, (left, right)) in left.iter().zip(&right).enumerate() {
            let same = left == right || left.is_nan() && right.is_nan() || (left - right).abs() <= 1e-5 * largest;
            assert!(same, "output {at}, element {index} is {right}, not {left}: {place}");
        }
    }
}
