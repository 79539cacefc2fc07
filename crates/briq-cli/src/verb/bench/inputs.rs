//! Random inputs from a signature, the same on every machine.
//!
//! Number `i` of input `j`, both from 0, is SplitMix64 (Steele, Lea, Flood 2014) of the counter `j·2⁴⁰ + i + 1`, so that
//! a peer in any language can make the same inputs.

use std::str::FromStr;

use briq_engine::{DataType, Tensor, TensorSpec};
use briq_graph::{Dim, Graph};

use crate::exit::{Code, Failure};

/// `NAME=LENGTH`: how long an open dimension is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dimension {
    name: String,
    length: usize,
}

/// `INPUT=FIRST..END`: the integers that an input is drawn from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Range {
    input: String,
    first: i64,
    end: i64,
}

/// How long open dimensions are.
pub(super) struct Lengths<'a> {
    pub(super) batch: usize,
    pub(super) dimensions: &'a [Dimension],
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, length)| Some((name, length.parse().ok()?)));
        let (name, length) = parts.ok_or("write NAME=LENGTH, such as sequence=128")?;
        Ok(Self { name: name.to_owned(), length })
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(input, range)| {
            let (first, end) = range.split_once("..")?;
            Some((input, first.parse().ok()?, end.parse().ok()?))
        });
        let form = "write INPUT=FIRST..END, such as tokens=0..30522";
        let (input, first, end) = parts.filter(|(_, first, end)| first < end).ok_or(form)?;
        Ok(Self { input: input.to_owned(), first, end })
    }
}

/// The names of the open dimensions of each input, in the graph's order.
pub(super) fn symbols(graph: &Graph) -> Vec<Vec<Option<String>>> {
    let symbol = |dim: &Dim| match dim {
        Dim::Dynamic(symbol) => Some(symbol.clone()),
        Dim::Fixed(_) => None,
    };
    graph.inputs.iter().map(|value| value.shape.iter().map(symbol).collect()).collect()
}

/// One tensor for each input.
///
/// # Errors
/// When the length of an open dimension is not known, or an input holds what nobody can draw.
pub(super) fn random(
    specs: &[TensorSpec],
    symbols: &[Vec<Option<String>>],
    lengths: &Lengths<'_>,
    ranges: &[Range],
) -> anyhow::Result<Vec<Tensor>> {
    let make = |(position, (spec, symbols)): (usize, (&TensorSpec, &Vec<Option<String>>))| {
        let shape = shape(spec, symbols, lengths)?;
        let range = ranges.iter().find(|range| range.input == spec.name);
        let (first, end) = range.map_or((0, 2), |range| (range.first, range.end));
        let draw = Draw { counter: (position as u64) << 40, first, end };
        let data = draw.bytes(spec.datatype, shape.iter().product());
        let data = data.ok_or_else(|| refusal(spec, format!("nobody can draw {}", spec.datatype)))?;
        Ok(Tensor::new(&spec.name, spec.datatype, &shape, data)?)
    };
    specs.iter().zip(symbols).enumerate().map(make).collect()
}

fn shape(spec: &TensorSpec, symbols: &[Option<String>], lengths: &Lengths<'_>) -> anyhow::Result<Vec<usize>> {
    let length = |(axis, &length): (usize, &i64)| {
        if let Ok(fixed) = usize::try_from(length) {
            return Ok(fixed);
        }
        let symbol = symbols.get(axis).cloned().flatten().unwrap_or_default();
        let told = lengths.dimensions.iter().find(|dimension| dimension.name == symbol);
        let told = told.map(|dimension| dimension.length).or((axis == 0).then_some(lengths.batch));
        told.ok_or_else(|| {
            let open = refusal(spec, format!("its dimension {axis} (`{symbol}`) is open"));
            anyhow::Error::from(open.hint(format!("add --dimension {symbol}=LENGTH")))
        })
    };
    spec.shape.iter().enumerate().map(length).collect()
}

fn refusal(spec: &TensorSpec, reason: String) -> Failure {
    Failure::new(Code::Input, format!("cannot make input `{}`: {reason}", spec.name))
}

/// A stream of random numbers.
struct Draw {
    counter: u64,
    first: i64,
    end: i64,
}

impl Draw {
    fn bytes(&self, datatype: DataType, count: usize) -> Option<Vec<u8>> {
        let words = (1..=count as u64).map(|index| mixed(self.counter + index));
        let integers = words.clone().map(|word| self.integer(word));
        Some(match datatype {
            DataType::Fp32 => words.flat_map(|word| unit(word).to_le_bytes()).collect(),
            DataType::Fp64 => words.flat_map(|word| f64::from(unit(word)).to_le_bytes()).collect(),
            DataType::Int64 | DataType::Uint64 => integers.flat_map(i64::to_le_bytes).collect(),
            DataType::Int32 | DataType::Uint32 => integers.flat_map(|number| (number as i32).to_le_bytes()).collect(),
            DataType::Int16 | DataType::Uint16 => integers.flat_map(|number| (number as i16).to_le_bytes()).collect(),
            DataType::Int8 | DataType::Uint8 | DataType::Bool => integers.map(|number| number as u8).collect(),
            _ => return None,
        })
    }

    fn integer(&self, word: u64) -> i64 {
        let width = self.end.wrapping_sub(self.first) as u64;
        self.first.wrapping_add(((word >> 1) % width) as i64)
    }
}

/// The finalizer of SplitMix64.
fn mixed(counter: u64) -> u64 {
    let mut word = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// From -1 to 1, by the upper 24 bits.
fn unit(word: u64) -> f32 {
    (word >> 40) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_splitmix_gives() {
        assert_eq!(mixed(1), 0xE220_A839_7B1D_CDAF, "the first number of SplitMix64 with seed 0");
        assert_eq!(mixed(2), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn open_dimensions_have_the_lengths_that_were_told() {
        let specs = [TensorSpec::new("tokens", DataType::Int64, &[-1, -1, 2])];
        let symbols = [vec![Some("batch".into()), Some("sequence".into()), None]];
        let range: Range = "tokens=5..7".parse().expect("a range");
        let dimensions = ["sequence=3".parse().expect("a dimension")];
        let lengths = Lengths { batch: 2, dimensions: &dimensions };
        let made = random(&specs, &symbols, &lengths, &[range]).expect("every length is known");
        assert_eq!(made[0].shape, [2, 3, 2]);
        assert!(made[0].as_i64().expect("integers").iter().all(|number| [5, 6].contains(number)));
        let error = random(&specs, &symbols, &Lengths { batch: 2, dimensions: &[] }, &[]).expect_err("not told");
        assert!(error.to_string().contains("`sequence`"), "{error}");
    }

    #[test]
    fn rejects_what_is_no_range() {
        for text in ["tokens", "tokens=5", "tokens=7..5", "tokens=a..b"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }
}
