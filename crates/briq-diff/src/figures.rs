//! How far two tensors are apart.
//!
//! Everything is computed in double precision. Tensors are cut into chunks of a fixed length, which are summed up each for
//! itself and then in order, so that the figures do not depend on how many threads there are.

use briq_graph::ElementType;
use half::slice::HalfFloatSliceExt as _;
use rayon::prelude::*;
use serde::Serialize;

/// How many elements are widened at once: both sides stay in the first cache.
const BLOCK: usize = 1024;

/// How many elements one task takes.
const CHUNK: usize = 64 * BLOCK;

/// Sums that are kept side by side, so that the processor adds several at once.
const LANES: usize = 8;

/// How far two tensors of the same shape are apart.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// How many elements each has.
    pub elements: u64,
    /// How many of them differ. NaN does not differ from NaN, nor -0 from 0.
    pub changed: u64,
    /// How many of those differ by no finite number, since one of the two is none. They are left out of the figures below.
    pub not_finite: u64,
    /// The largest difference of two elements, without its sign.
    pub largest: f64,
    /// The Euclidean norm of the difference.
    pub norm: f64,
    /// The Euclidean norm of the older tensor.
    pub norm_before: f64,
}

impl Figures {
    /// The fraction of elements that differ, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        if self.elements == 0 { 0.0 } else { self.changed as f64 / self.elements as f64 }
    }

    /// The norm of the difference in units of the norm of the older tensor; `None` where that is zero and the other is not.
    pub fn relative(&self) -> Option<f64> {
        if self.norm == 0.0 { Some(0.0) } else { Some(self.norm / self.norm_before).filter(|ratio| ratio.is_finite()) }
    }
}

/// Compares two tensors, given as element type and bytes, little-endian and row-major. The types may differ.
///
/// `None` where they hold different numbers of elements, or elements that are no numbers of at least eight bits: booleans
/// and integers are numbers, text and floating-point numbers of eight bits or less are not.
pub fn figures(before: (ElementType, &[u8]), after: (ElementType, &[u8])) -> Option<Figures> {
    let (reader, other) = (Reader::of(before.0)?, Reader::of(after.0)?);
    let elements = before.1.len() / reader.width;
    if elements != after.1.len() / other.width {
        return None;
    }
    let chunks = before.1.par_chunks(CHUNK * reader.width).zip(after.1.par_chunks(CHUNK * other.width));
    let sums: Vec<Sums> = match (before.0, after.0) {
        (ElementType::I64, ElementType::I64) => chunks.map(|(a, b)| whole(a, b, i64::from_le_bytes)).collect(),
        (ElementType::U64, ElementType::U64) => chunks.map(|(a, b)| whole(a, b, u64::from_le_bytes)).collect(),
        _ => chunks.map(|(a, b)| widened(&reader, &other, a, b)).collect(),
    };
    let total = sums.into_iter().fold(Sums::default(), Sums::and);
    Some(Figures {
        elements: elements as u64,
        changed: total.changed,
        not_finite: total.not_finite,
        largest: total.largest,
        norm: total.squares.sqrt(),
        norm_before: total.squares_before.sqrt(),
    })
}

/// How elements of a type become numbers of double precision.
struct Reader {
    /// Bytes of one element.
    width: usize,
    /// Widens the elements in the bytes into as many numbers.
    widen: fn(&[u8], &mut [f64]),
}

impl Reader {
    fn of(element: ElementType) -> Option<Self> {
        use ElementType as E;
        macro_rules! reader {
            ($kind:ty) => {
                Self {
                    width: size_of::<$kind>(),
                    widen: |bytes, out| plain(bytes, out, |b| <$kind>::from_le_bytes(b) as f64),
                }
            };
        }
        Some(match element {
            E::Bool | E::U8 => reader!(u8),
            E::U16 => reader!(u16),
            E::U32 => reader!(u32),
            E::U64 => reader!(u64),
            E::I8 => reader!(i8),
            E::I16 => reader!(i16),
            E::I32 => reader!(i32),
            E::I64 => reader!(i64),
            E::F32 => reader!(f32),
            E::F64 => reader!(f64),
            E::F16 => Self { width: 2, widen: |bytes, out| halves(bytes, out, half::f16::from_le_bytes) },
            E::BF16 => Self { width: 2, widen: |bytes, out| halves(bytes, out, half::bf16::from_le_bytes) },
            _ => return None,
        })
    }
}

fn plain<const N: usize>(bytes: &[u8], out: &mut [f64], number: impl Fn([u8; N]) -> f64) {
    for (place, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *place = number(*bytes);
    }
}

/// Half precision goes through single precision, for which processors have an instruction.
fn halves<T: Copy + Default>(bytes: &[u8], out: &mut [f64], number: impl Fn([u8; 2]) -> T)
where
    [T]: half::slice::HalfFloatSliceExt,
{
    let (mut narrow, mut single) = ([T::default(); BLOCK], [0.0_f32; BLOCK]);
    let count = out.len();
    for (place, bytes) in narrow.iter_mut().zip(bytes.as_chunks().0) {
        *place = number(*bytes);
    }
    narrow[..count].convert_to_f32_slice(&mut single[..count]);
    out.iter_mut().zip(single).for_each(|(place, number)| *place = f64::from(number));
}

/// What a part of two tensors adds to their figures.
#[derive(Clone, Copy, Default)]
struct Sums {
    changed: u64,
    not_finite: u64,
    largest: f64,
    squares: f64,
    squares_before: f64,
}

impl Sums {
    fn and(self, other: Self) -> Self {
        Self {
            changed: self.changed + other.changed,
            not_finite: self.not_finite + other.not_finite,
            largest: self.largest.max(other.largest),
            squares: self.squares + other.squares,
            squares_before: self.squares_before + other.squares_before,
        }
    }
}

/// Integers of 64 bits: double precision cannot tell large neighbours apart, so their difference is taken first.
fn whole<T: Into<i128> + Copy>(before: &[u8], after: &[u8], number: impl Fn([u8; 8]) -> T) -> Sums {
    let mut sums = Sums::default();
    for (a, b) in before.as_chunks().0.iter().zip(after.as_chunks().0) {
        let (a, b): (i128, i128) = (number(*a).into(), number(*b).into());
        let difference = (b - a) as f64;
        sums.changed += u64::from(a != b);
        sums.largest = sums.largest.max(difference.abs());
        sums.squares += difference * difference;
        sums.squares_before += a as f64 * a as f64;
    }
    sums
}

fn widened(reader: &Reader, other: &Reader, before: &[u8], after: &[u8]) -> Sums {
    let (mut a, mut b) = ([0.0; BLOCK], [0.0; BLOCK]);
    let blocks = before.chunks(BLOCK * reader.width).zip(after.chunks(BLOCK * other.width));
    let sums = blocks.map(|(before, after)| {
        let count = before.len() / reader.width;
        (reader.widen)(before, &mut a[..count]);
        (other.widen)(after, &mut b[..count]);
        block(&a[..count], &b[..count])
    });
    sums.fold(Sums::default(), Sums::and)
}

fn block(before: &[f64], after: &[f64]) -> Sums {
    let ((a, a_rest), (b, b_rest)) = (before.as_chunks(), after.as_chunks());
    let mut lanes = [Sums::default(); LANES];
    for (a, b) in a.iter().zip(b) {
        add(&mut lanes, a, b);
    }
    // Zeros that follow the rest add nothing.
    let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
    a[..a_rest.len()].copy_from_slice(a_rest);
    b[..b_rest.len()].copy_from_slice(b_rest);
    add(&mut lanes, &a, &b);
    let sums = lanes.into_iter().fold(Sums::default(), Sums::and);
    if sums.not_finite == 0 { sums } else { without_same(sums, before, after) }
}

#[inline(always)]
fn add(lanes: &mut [Sums; LANES], before: &[f64; LANES], after: &[f64; LANES]) {
    for ((sums, &a), &b) in lanes.iter_mut().zip(before).zip(after) {
        let difference = (b - a).abs();
        let finite = difference <= f64::MAX;
        let counted = if finite { difference } else { 0.0 };
        let own = if a.abs() <= f64::MAX { a } else { 0.0 };
        sums.changed += u64::from(a != b);
        sums.not_finite += u64::from(!finite);
        sums.largest = if counted > sums.largest { counted } else { sums.largest };
        sums.squares += counted * counted;
        sums.squares_before += own * own;
    }
}

/// An infinity differs from itself by NaN, and NaN is not equal to NaN; neither has changed.
fn without_same(mut sums: Sums, before: &[f64], after: &[f64]) -> Sums {
    for (a, b) in before.iter().zip(after) {
        let both_nan = a.is_nan() && b.is_nan();
        sums.changed -= u64::from(both_nan);
        sums.not_finite -= u64::from(both_nan || (a == b && a.is_infinite()));
    }
    sums
}
