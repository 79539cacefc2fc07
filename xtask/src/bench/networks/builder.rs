//! A graph that grows node by node, with random weights.

use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer, Node, Value};

use super::BATCH;
use super::random::Random;

/// The operator set that exporters of the day write.
const OPSET: u32 = 17;

/// A graph, and the numbers that its weights are made of.
pub(super) struct Builder {
    graph: Graph,
    random: Random,
    nodes: usize,
}

/// The window of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) groups: usize,
}

impl Window {
    /// One by one, every position.
    pub(super) const POINT: Self = Self { kernel: 1, stride: 1, groups: 1 };

    /// A square window.
    pub(super) fn square(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, groups: 1 }
    }

    /// One filter for each channel.
    pub(super) fn depthwise(kernel: usize, stride: usize, channels: usize) -> Self {
        Self { kernel, stride, groups: channels }
    }

    /// Padded so that only a stride makes the picture smaller.
    fn attributes(self) -> Vec<(&'static str, Attribute)> {
        let square = |length: usize| Attribute::from(vec![length as i64; 2]);
        vec![
            ("dilations", square(1)),
            ("group", Attribute::from(self.groups as i64)),
            ("kernel_shape", square(self.kernel)),
            ("pads", Attribute::from(vec![(self.kernel / 2) as i64; 4])),
            ("strides", square(self.stride)),
        ]
    }
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            graph: Graph { name: name.to_owned(), opset: OPSET, ..Graph::default() },
            random: Random::default(),
            nodes: 0,
        }
    }

    /// An input whose first dimension is open.
    pub(super) fn input(&mut self, name: &str, element: ElementType, lengths: &[Dim]) -> String {
        let open = Dim::Dynamic(BATCH.to_owned());
        let shape = std::iter::once(open).chain(lengths.iter().cloned()).collect();
        self.graph.inputs.push(Value::new(name, element, shape));
        name.to_owned()
    }

    /// An input of pictures: channels, height, width.
    pub(super) fn pictures(&mut self, channels: usize, size: usize) -> String {
        self.input("input", ElementType::F32, &[channels, size, size].map(Dim::Fixed))
    }

    /// A node with one output, whose name is returned.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.node_with(operator, inputs, Vec::new())
    }

    /// A node with one output and attributes.
    pub(super) fn node_with(&mut self, operator: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>) -> String {
        self.nodes += 1;
        let output = format!("{}_{}", operator.to_lowercase(), self.nodes);
        let node = Node::new(format!("/{operator}_{}", self.nodes), operator, inputs, &[&output]);
        let node = attributes.into_iter().fold(node, |node, (name, value)| node.with(name, value));
        self.graph.nodes.push(node);
        output
    }

    /// Random numbers, uniform with this standard deviation about `mean`.
    pub(super) fn random(&mut self, shape: &[usize], mean: f32, deviation: f32) -> String {
        let numbers = self.random.numbers(shape.iter().product(), mean, deviation * 3.0_f32.sqrt());
        self.parameter(Initializer::from_f32(self.fresh("weight"), shape.to_vec(), &numbers))
    }

    /// Weights by which activations keep their spread behind a rectifier (He et al. 2015).
    pub(super) fn weight(&mut self, shape: &[usize], fan_in: usize) -> String {
        self.random(shape, 0.0, (2.0 / fan_in as f32).sqrt())
    }

    /// One single-precision number.
    pub(super) fn scalar(&mut self, number: f32) -> String {
        self.parameter(Initializer::from_f32(self.fresh("scalar"), Vec::new(), &[number]))
    }

    /// Integers: a shape, axes, bounds.
    pub(super) fn integers(&mut self, numbers: &[i64]) -> String {
        self.parameter(Initializer::from_i64(self.fresh("constant"), vec![numbers.len()], numbers))
    }

    /// One integer.
    pub(super) fn integer(&mut self, number: i64) -> String {
        self.parameter(Initializer::from_i64(self.fresh("constant"), Vec::new(), &[number]))
    }

    /// One row of integers.
    pub(super) fn table(&mut self, numbers: &[i64]) -> String {
        self.parameter(Initializer::from_i64(self.fresh("table"), vec![1, numbers.len()], numbers))
    }

    /// Convolution without bias, then batch normalisation whose scale is about `scale`.
    pub(super) fn convolution(&mut self, x: &str, [inputs, outputs]: [usize; 2], window: Window, scale: f32) -> String {
        let Window { kernel, groups, .. } = window;
        let per_group = inputs / groups;
        let weight = self.weight(&[outputs, per_group, kernel, kernel], per_group * kernel * kernel);
        let y = self.node_with("Conv", &[x, &weight], window.attributes());
        self.batch_normalization(&y, outputs, scale)
    }

    /// Convolution of single positions, with bias.
    pub(super) fn point_with_bias(&mut self, x: &str, [inputs, outputs]: [usize; 2]) -> String {
        let weight = self.weight(&[outputs, inputs, 1, 1], inputs);
        let bias = self.random(&[outputs], 0.0, 0.1);
        self.node_with("Conv", &[x, &weight, &bias], Window::POINT.attributes())
    }

    fn batch_normalization(&mut self, x: &str, channels: usize, scale: f32) -> String {
        let [scale, bias] =
            [(scale, scale / 10.0), (0.0, 0.1)].map(|(mean, spread)| self.random(&[channels], mean, spread));
        let [mean, variance] = [(0.0, 0.1), (1.0, 0.1)].map(|(mean, spread)| self.random(&[channels], mean, spread));
        let attributes = vec![("epsilon", Attribute::from(1e-5_f32)), ("momentum", Attribute::from(0.9_f32))];
        self.node_with("BatchNormalization", &[x, &scale, &bias, &mean, &variance], attributes)
    }

    /// A fully connected layer on rows, as `Gemm` with its weights transposed.
    pub(super) fn linear(&mut self, x: &str, [inputs, outputs]: [usize; 2]) -> String {
        let weight = self.weight(&[outputs, inputs], inputs);
        let bias = self.random(&[outputs], 0.0, 0.1);
        let attributes = vec![
            ("alpha", Attribute::from(1.0_f32)),
            ("beta", Attribute::from(1.0_f32)),
            ("transB", Attribute::from(1_i64)),
        ];
        self.node_with("Gemm", &[x, &weight, &bias], attributes)
    }

    /// The mean of each channel, as rows.
    pub(super) fn pooled_rows(&mut self, x: &str) -> String {
        let pooled = self.node("GlobalAveragePool", &[x]);
        self.node_with("Flatten", &[&pooled], vec![("axis", Attribute::from(1_i64))])
    }

    /// The graph, whose last value becomes its output.
    pub(super) fn finish(mut self, last: &str, shape: Vec<Dim>) -> Graph {
        self.graph.outputs.push(super::output(last, shape));
        self.graph
    }

    fn parameter(&mut self, initializer: Initializer) -> String {
        let name = initializer.name.clone();
        self.graph.initializers.push(initializer);
        name
    }

    fn fresh(&self, kind: &str) -> String {
        format!("{kind}_{}", self.graph.initializers.len())
    }
}
