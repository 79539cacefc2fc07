//! What is measured: a network of ours, or one in an ONNX file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use briq_graph::{Dim, ElementType, Graph, Value};

use crate::bench::networks::{BATCH, Network};

/// A network and how it is fed.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) source: Source,
    inputs: Vec<Value>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) ranges: Vec<Range>,
}

/// Where the network is.
pub(super) enum Source {
    Ours(Graph),
    File(PathBuf),
}

/// The length of an open dimension: `NAME=LENGTH`.
#[derive(Clone)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) length: usize,
}

/// The integers that an input is drawn from: `INPUT=FIRST..END`.
#[derive(Clone)]
pub(super) struct Range {
    pub(super) input: String,
    pub(super) first: i64,
    pub(super) end: i64,
}

impl Subject {
    /// One of ours.
    pub(super) fn ours(network: &Network) -> Result<Self> {
        let graph = network.graph()?;
        let dimension = |&(name, length): &(&str, usize)| Dimension { name: name.to_owned(), length };
        let range = |&(input, first, end): &(&str, i64, i64)| Range { input: input.to_owned(), first, end };
        Ok(Self {
            name: network.name.to_owned(),
            inputs: graph.inputs.clone(),
            source: Source::Ours(graph),
            dimensions: network.dimensions.iter().map(dimension).collect(),
            ranges: network.ranges.iter().map(range).collect(),
        })
    }

    /// One in a file, called by the file's name.
    pub(super) fn file(path: &Path, dimensions: &[Dimension], ranges: &[Range]) -> Result<Self> {
        let name = path.file_stem().with_context(|| format!("{} is no file", path.display()))?;
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let graph = briq_graph::onnx::decode(&bytes).with_context(|| format!("understand {}", path.display()))?;
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            source: Source::File(path.to_owned()),
            inputs: graph.inputs,
            dimensions: dimensions.to_vec(),
            ranges: ranges.to_vec(),
        })
    }

    /// Each input as a peer is told of it: name, type, shape, integers that it is drawn from.
    pub(super) fn inputs(&self, batch: usize) -> Result<Vec<String>> {
        let input = |value: &Value| {
            let shape = self.shape(value, batch)?.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
            let range = self.ranges.iter().find(|range| range.input == value.name);
            let (first, end) = range.map_or((0, 2), |range| (range.first, range.end));
            let kind = match value.element {
                ElementType::F32 => "float32",
                ElementType::I64 => "int64",
                ElementType::I32 => "int32",
                other => bail!("input {} of {} has elements of type {other}: none are drawn", value.name, self.name),
            };
            Ok(format!("{}:{kind}:{shape}:{first}:{end}", value.name))
        };
        self.inputs.iter().map(input).collect()
    }

    /// The shape of an input where `batch` examples are asked: they are what an open first dimension counts.
    fn shape(&self, input: &Value, batch: usize) -> Result<Vec<usize>> {
        let length = |(axis, dim): (usize, &Dim)| match dim {
            Dim::Fixed(length) => Ok(*length),
            Dim::Dynamic(name) => match self.dimensions.iter().find(|dimension| dimension.name == *name) {
                Some(dimension) => Ok(dimension.length),
                None if axis == 0 || name == BATCH => Ok(batch),
                None => bail!("dimension {name} of {} is open: say --dimension {name}=LENGTH", self.name),
            },
        };
        input.shape.iter().enumerate().map(length).collect()
    }
}

impl FromStr for Dimension {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, length) = text.split_once('=').ok_or("it is not NAME=LENGTH")?;
        Ok(Self { name: name.to_owned(), length: length.parse().map_err(|_| "the length is no number")? })
    }
}

impl FromStr for Range {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (input, range) = text.split_once('=').ok_or("it is not INPUT=FIRST..END")?;
        let (first, end) = range.split_once("..").ok_or("it is not INPUT=FIRST..END")?;
        let integer = |text: &str| text.parse().map_err(|_| "FIRST and END are integers");
        let (first, end) = (integer(first)?, integer(end)?);
        if first >= end { Err("no integer is in that range") } else { Ok(Self { input: input.to_owned(), first, end }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::networks::NETWORKS;

    #[test]
    fn every_network_can_be_planned_and_fed() {
        for network in &NETWORKS {
            let graph = network.graph().expect(network.name);
            briq_graph::plan::Plan::new(&graph).expect(network.name);
            let subject = Subject::ours(network).expect(network.name);
            for input in &graph.inputs {
                assert!(subject.shape(input, 2).expect(network.name).starts_with(&[2]), "{}", network.name);
            }
        }
    }

    #[test]
    fn a_file_is_fed_as_it_asks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tagger.onnx");
        let open = |name: &str| Dim::Dynamic(name.to_owned());
        let mut graph = Graph { name: "tagger".into(), opset: 17, ..Graph::default() };
        graph.inputs.push(Value::new("tokens", ElementType::I64, vec![open("n"), open("length")]));
        graph.outputs.push(Value::new("y", ElementType::I64, vec![open("n"), open("length")]));
        graph.nodes.push(briq_graph::Node::new("/Abs", "Abs", &["tokens"], &["y"]));
        std::fs::write(&path, briq_graph::onnx::encode(&graph).expect("encodes")).expect("written");
        let (length, range) = ("length=7".parse().expect("parses"), "tokens=3..90".parse().expect("parses"));
        let subject = Subject::file(&path, &[length], &[range]).expect("a subject");
        assert_eq!(subject.inputs(2).expect("fed"), ["tokens:int64:2x7:3:90"]);
        assert!(Subject::file(&path, &[], &[]).expect("a subject").inputs(2).is_err(), "a dimension is left open");
        assert!("tokens=3..3".parse::<Range>().is_err());
    }
}
