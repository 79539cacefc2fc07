//! Passes: graphs made smaller and faster to run, computing the same.
//!
//! A pass looks for one kind of pattern and rewrites it. [`optimize`] carries out a list of them, in order; the lists that
//! belong together are [`Pass::INFERENCE`] and [`Pass::TRAINING`]. Every pass can also be run alone. None changes what a
//! graph takes and gives: its inputs, its outputs with their names, and its metadata stay.
//!
//! This crate multiplies nothing. Where a pass wants to know what a constant subgraph computes, it asks whoever runs the
//! graph ([`Evaluate`]); a pass that folds a scale into weights writes the product as nodes over constants, and
//! [`Pass::Constants`] has them computed.
//!
//! **Exact** passes ([`Pass::is_exact`]) leave every result as it was, to the last bit. The others reorder arithmetic, so
//! results differ in rounding. Operators of the domain [`FUSED_DOMAIN`] come from passes alone: a file never holds them.
//!
//! ```
//! use std::borrow::Cow;
//! use briq_graph::pass::{Evaluate, Pass, optimize};
//! use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
//!
//! /// Runs nothing: constants stay as they are.
//! struct Nothing;
//! impl Evaluate for Nothing {
//!     fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>> {
//!         initializer.inline().map(Cow::Borrowed)
//!     }
//!     fn evaluate(&mut self, _: &Graph) -> Option<Vec<Initializer>> {
//!         None
//!     }
//! }
//!
//! let value = |name: &str| Value::new(name, ElementType::F32, vec![Dim::Fixed(3)]);
//! let graph = Graph {
//!     opset: 20,
//!     inputs: vec![value("x")],
//!     outputs: vec![value("y")],
//!     nodes: vec![Node::new("", "Sigmoid", &["x"], &["s"]), Node::new("", "Mul", &["s", "x"], &["y"])],
//!     ..Graph::default()
//! };
//! let (graph, report) = optimize(graph, &[Pass::Activations], &mut Nothing)?;
//! assert_eq!(graph.nodes[0].operator, "Silu");
//! assert_eq!((report.passes[0].before, report.passes[0].after), (2, 1));
//! # Ok::<(), briq_graph::GraphError>(())
//! ```

mod activations;
mod attention;
mod channel;
mod constants;
mod defaults;
mod duplicates;
mod epilogues;
mod identities;
mod learning;
mod normalizations;
mod product;
mod products;
mod projections;
mod ranks;
mod rewriter;
mod scalars;
mod scales;
mod shapes;
mod slices;
mod transposes;
mod view;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

pub use self::constants::MAX_GROWTH;
use self::rewriter::Rewriter;
pub(crate) use self::transposes::UNARY;
use crate::{Data, Graph, GraphError, Initializer};

/// The domain of the operators that passes make and no file holds: `Conv`, `Gemm`, `Attention`, `Silu`.
pub const FUSED_DOMAIN: &str = "briq";

/// What a pass asks of whoever runs graphs.
pub trait Evaluate {
    /// The bytes of an initializer, wherever they are: little-endian, row-major. `None` where they cannot be had.
    fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>>;

    /// Runs a graph that has no inputs and whose initializers are all inline. Returns its outputs in their order, inline,
    /// or `None` where it cannot be run; the nodes then stay in the network.
    fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>>;

    /// What stands for the product of `weights`, which lie outside of the graph, with `factor`, until somebody reads it under
    /// the name of `product`: so that large weights are not copied while a graph is rewritten. `None` where it is to be
    /// evaluated at once.
    fn defer(&mut self, weights: &Initializer, factor: &Initializer, product: &str) -> Option<Data> {
        let _ = (weights, factor, product);
        None
    }
}

/// One kind of rewriting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pass {
    /// Leaves out nodes that no output depends on, and constants that nobody reads. Every other pass ends so too.
    Dead,
    /// Leaves out what only learning needs: `Dropout`.
    Learning,
    /// Leaves out what changes nothing, and makes one of two that follow each other: `Identity`, a `Cast` to the same
    /// type, a `Transpose` after a `Transpose`, …
    Identities,
    /// Leaves out operations with a constant that changes nothing, such as a factor of 1; makes scalars of constants of one
    /// element.
    Scalars,
    /// Leaves out inputs that say what is assumed without them: initial states of zeros.
    Defaults,
    /// Computes what follows from shapes that are known before the graph runs.
    Shapes,
    /// Computes what follows from constants alone.
    Constants,
    /// Makes one of nodes that compute the same from the same.
    Duplicates,
    /// Recognises activations in their decompositions.
    Activations,
    /// Recognises layer and root-mean-square normalisation in their decompositions.
    Normalizations,
    /// Recognises multi-head attention in its decompositions.
    Attention,
    /// Makes `briq.Gemm` of products with constant matrices, and of what is added to them.
    Products,
    /// Carries products out on all axes, where the leading ones were merged for them.
    Ranks,
    /// Takes parts of the columns of a value before they are split and moved, instead of after.
    Slices,
    /// Leaves out transposes that are undone later.
    Transposes,
    /// Folds batch normalisation, scales, shifts and padding into the convolution or product beside them.
    Scales,
    /// Makes one product of several `briq.Gemm` that read the same input, such as those for queries, keys and values.
    Projections,
    /// Gives convolutions and products the residual and the activation behind them.
    Epilogues,
}

impl Pass {
    /// What a graph is put through before it only answers, in this order.
    pub const INFERENCE: &[Self] = &[
        Self::Dead,
        Self::Learning,
        Self::Shapes,
        Self::Constants,
        Self::Identities,
        Self::Shapes,
        Self::Scalars,
        Self::Defaults,
        Self::Duplicates,
        Self::Slices,
        Self::Transposes,
        Self::Activations,
        Self::Normalizations,
        Self::Attention,
        Self::Products,
        Self::Scales,
        Self::Ranks,
        Self::Identities,
        Self::Transposes,
        Self::Identities,
        Self::Scales,
        Self::Projections,
        Self::Constants,
        Self::Duplicates,
        Self::Epilogues,
    ];

    /// What a graph is put through before it learns: parameters, and every node that has a gradient to give, stay.
    pub const TRAINING: &[Self] = &[Self::Dead, Self::Shapes, Self::Identities];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Learning => "learning",
            Self::Identities => "identities",
            Self::Scalars => "scalars",
            Self::Defaults => "defaults",
            Self::Shapes => "shapes",
            Self::Constants => "constants",
            Self::Duplicates => "duplicates",
            Self::Activations => "activations",
            Self::Normalizations => "normalizations",
            Self::Attention => "attention",
            Self::Products => "products",
            Self::Ranks => "ranks",
            Self::Slices => "slices",
            Self::Transposes => "transposes",
            Self::Scales => "scales",
            Self::Projections => "projections",
            Self::Epilogues => "epilogues",
        }
    }

    /// Whether every result stays as it was, to the last bit.
    pub fn is_exact(self) -> bool {
        use Pass::{Constants, Dead, Defaults, Duplicates, Identities, Learning, Scalars, Shapes, Slices, Transposes};
        let exact = [Constants, Dead, Defaults, Duplicates, Identities, Learning, Scalars, Shapes, Slices, Transposes];
        exact.contains(&self)
    }

    fn run(self, rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
        match self {
            Self::Dead => Ok(Changes::default()),
            Self::Learning => learning::run(rewriter),
            Self::Identities => identities::run(rewriter),
            Self::Scalars => scalars::run(rewriter),
            Self::Defaults => defaults::run(rewriter),
            Self::Shapes => shapes::run(rewriter),
            Self::Constants => constants::run(rewriter),
            Self::Duplicates => duplicates::run(rewriter),
            Self::Activations => activations::run(rewriter),
            Self::Normalizations => normalizations::run(rewriter),
            Self::Attention => attention::run(rewriter),
            Self::Projections => projections::run(rewriter),
            Self::Products => products::run(rewriter),
            Self::Ranks => ranks::run(rewriter),
            Self::Slices => slices::run(rewriter),
            Self::Transposes => transposes::run(rewriter),
            Self::Scales => scales::run(rewriter),
            Self::Epilogues => epilogues::run(rewriter),
        }
    }
}

/// What the passes did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// One entry for each pass, in the order in which they were carried out.
    pub passes: Vec<Outcome>,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The pass.
    pub pass: Pass,
    /// Number of nodes before it.
    pub before: usize,
    /// Number of nodes after it.
    pub after: usize,
    /// How often it did what.
    pub changes: Changes,
}

/// How often something was done, by what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Changes(BTreeMap<&'static str, usize>);

impl Changes {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// What was done, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(what, count)| (*what, *count))
    }
}

impl Report {
    /// Number of nodes before the first pass and after the last; `None` where none was carried out.
    pub fn nodes(&self) -> Option<(usize, usize)> {
        Some((self.passes.first()?.before, self.passes.last()?.after))
    }
}

/// Carries passes out, one after the other.
///
/// Initializers that no pass has to touch keep their bytes where they are; new ones are [`crate::Data::Inline`]. Time is
/// about linear in the number of nodes for each pass, apart from what `context` computes.
///
/// # Errors
/// A graph that has no order of execution, or in which a value is produced twice or by nothing.
pub fn optimize(graph: Graph, passes: &[Pass], context: &mut dyn Evaluate) -> Result<(Graph, Report), GraphError> {
    let mut rewriter = Rewriter::new(graph, context)?;
    let mut report = Report::default();
    for &pass in passes {
        let before = rewriter.count();
        let mut changes = pass.run(&mut rewriter)?;
        let dead = rewriter.sweep()?;
        if pass == Pass::Dead && dead > 0 {
            changes.0.insert("node", dead);
        }
        report.passes.push(Outcome { pass, before, after: rewriter.count(), changes });
    }
    Ok((rewriter.finish()?, report))
}
