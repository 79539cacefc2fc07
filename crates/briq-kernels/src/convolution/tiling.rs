//! How large the tiles of Winograd's method are, and what larger ones cost in memory.

use super::ConvolutionSpec;
use super::winograd::Winograd;

/// The tiles that a convolution of 3×3 is computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tiling {
    /// None: a direct sum, over weights as many as they are.
    None,
    /// Two by two pixels: 4/9 of the multiplications, over weights 16/9 as large.
    Two,
    /// Four by four pixels: 1/4 of the multiplications, over weights four times as large.
    #[default]
    Four,
}

impl Tiling {
    /// The largest tiles that compute a convolution well.
    #[must_use]
    pub fn of(spec: &ConvolutionSpec) -> Self {
        Winograd::tiling(spec)
    }

    /// Numbers that are kept for a kernel of 3×3.
    const fn kept(self) -> usize {
        match self {
            Self::None => 9,
            Self::Two => 16,
            Self::Four => 36,
        }
    }

    /// Multiplications for a number of the output and a channel.
    const fn multiplications(self) -> f64 {
        match self {
            Self::None => 9.0,
            Self::Two => 4.0,
            Self::Four => 2.25,
        }
    }
}

/// One enlargement of a convolution's tiles.
struct Step {
    convolution: usize,
    from: Tiling,
    to: Tiling,
    /// Bytes by which the weights grow.
    bytes: usize,
    /// Multiplications saved for each of these bytes, up to a factor that is the same for all.
    gain: f64,
}

impl Step {
    fn new(convolution: usize, spec: &ConvolutionSpec, from: Tiling, to: Tiling) -> Self {
        let kernels = spec.channels * spec.filters;
        let kept = to.kept() - from.kept();
        // Images are not known yet. From layer to layer of a network they shrink about as the weights grow.
        let gain = (from.multiplications() - to.multiplications()) / kept as f64 / kernels as f64;
        Self { convolution, from, to, bytes: kernels * kept * size_of::<f32>(), gain }
    }
}

/// The tiles of a network's convolutions, such that their weights grow by no more than `bytes` in all. What there is goes where
/// a byte saves most multiplications.
///
/// ```
/// use briq_kernels::convolution::{ConvolutionSpec, Tiling, tilings};
///
/// let specs = [256, 64].map(|channels| ConvolutionSpec::new(channels, channels, [3, 3]));
/// assert_eq!(tilings(&specs, 0), [Tiling::None, Tiling::None]);
/// assert_eq!(tilings(&specs, 64 * 64 * 27 * 4), [Tiling::None, Tiling::Four]);
/// assert_eq!(tilings(&specs, usize::MAX), [Tiling::Four, Tiling::Four]);
/// ```
#[must_use]
pub fn tilings(specs: &[ConvolutionSpec], bytes: usize) -> Vec<Tiling> {
    let mut steps: Vec<Step> = specs.iter().enumerate().flat_map(|(index, spec)| steps(index, spec)).collect();
    steps.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let (mut tilings, mut left) = (vec![Tiling::None; specs.len()], bytes);
    for step in steps {
        let tiling = &mut tilings[step.convolution];
        if *tiling == step.from && step.bytes <= left {
            *tiling = step.to;
            left -= step.bytes;
        }
    }
    tilings
}

/// From no tiles to the largest.
fn steps(convolution: usize, spec: &ConvolutionSpec) -> impl Iterator<Item = Step> {
    let most = Tiling::of(spec);
    let all = [(Tiling::None, Tiling::Two), (Tiling::Two, Tiling::Four)];
    all.into_iter().filter(move |(_, to)| *to <= most).map(move |(from, to)| Step::new(convolution, spec, from, to))
}
