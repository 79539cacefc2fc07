//! What the tests of several kernels need.

use briq_kernels::simd::Unit;

/// Runs `work` with every vector unit that the processor has.
pub(crate) fn for_each_unit(work: impl Fn(Unit)) {
    for unit in Unit::ALL.into_iter().filter(|unit| unit.is_available()) {
        unit.force(|| work(unit));
    }
}

/// Numbers between -1 and 1 that look random and are the same every time.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// By a xorshift generator.
    pub(crate) fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }

    pub(crate) fn scaled(&mut self, count: usize, factor: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * factor).collect()
    }
}

/// Whether each number is within `tolerance`, relative to the larger of 1 and the expected magnitude.
#[track_caller]
pub(crate) fn assert_close(unit: Unit, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (index, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{unit:?}: {got} at {index} instead of {expected}: error {error:e}");
    }
}

pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}
