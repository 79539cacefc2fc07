//! Burn modules as graphs.
//!
//! A module is Rust code: what it computes cannot be read off it. Its parameters can. So the architecture is declared, as
//! in `briq.toml`, and the module's parameters fill it, in the order in which the module holds them.

use briq_graph::layers::{LayerInput, Parameter, build};
use briq_graph::{Graph, Initializer};
use briq_spec::recipe::Layer;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::error::ModelError;

/// The graph of declared layers with the parameters of a Burn module.
///
/// Parameters are paired in order: those of the module as [`Module::visit`] meets them, which is the order of its
/// fields, with those of the layers. Burn and Briq agree on their shapes: a dense layer's matrix is `[inputs, units]`,
/// a convolution's kernel `[filters, channels, height, width]`, and a batch normalisation holds scale, bias, mean and
/// variance. The graph is what an ONNX file holds: [`briq_graph::onnx::encode`] writes it.
///
/// ```
/// use briq_graph::layers::LayerInput;
/// use briq_model::{Backend, BurnEngine, module_graph};
/// use briq_spec::recipe::{Dense, Layer};
/// use burn::nn::LinearConfig;
///
/// let module = LinearConfig::new(3, 2).init(&Backend::Flex.device()?);
/// let layers = [Layer::Dense(Dense { units: 2, activation: None, bias: true })];
/// let graph = module_graph("linear", &module, &layers, &LayerInput { name: "x".into(), shape: vec![3] })?;
/// let engine = BurnEngine::new(&graph, Backend::Flex, |_| unreachable!("every value is in the graph"))?;
/// assert_eq!(engine.answer(&[1.0, 0.0, 0.0], 1)?.len(), 2);
/// # Ok::<(), briq_model::ModelError>(())
/// ```
///
/// # Errors
/// When the layers do not compose, or the module's parameters are not as many and of the shapes that the layers have;
/// the error names the parameter and both shapes.
pub fn module_graph<M: Module>(
    name: &str,
    module: &M,
    layers: &[Layer],
    input: &LayerInput,
) -> Result<Graph, ModelError> {
    let network = build(name, layers, input, None)?;
    let mut collector = Collector::default();
    module.visit(&mut collector);
    let (given, wanted) = (collector.found.len(), network.parameters.len());
    if given != wanted {
        let message = format!("the module has {given} parameters and the layers have {wanted}");
        return Err(ModelError::invalid(message).advise("declare a layer for each module that holds parameters"));
    }
    let mut graph = network.graph;
    for (parameter, found) in network.parameters.iter().zip(collector.found) {
        fits(parameter, &found)?;
        if let Some(slot) = graph.initializer_mut(&parameter.name) {
            *slot = Initializer { name: parameter.name.clone(), ..found };
        }
    }
    Ok(graph)
}

fn fits(parameter: &Parameter, found: &Initializer) -> Result<(), ModelError> {
    if parameter.shape == found.shape {
        return Ok(());
    }
    let (wanted, given) = (&parameter.shape, &found.shape);
    let message = format!("`{}` is {wanted:?}, and the module's `{}` is {given:?}", parameter.name, found.name);
    Err(ModelError::invalid(message).advise("declare the layers in the order of the module's fields"))
}

/// The parameters of a module, by the path of fields to them, in their order.
#[derive(Default)]
struct Collector {
    path: Vec<String>,
    found: Vec<Initializer>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let shape: Vec<usize> = data.shape().iter().copied().collect();
        let values: Vec<f32> = data.convert::<f32>().iter::<f32>().collect();
        self.found.push(Initializer::from_f32(self.path.join("."), shape, &values));
    }
}
