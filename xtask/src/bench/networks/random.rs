//! Seeded random numbers.

/// A stream of SplitMix64 (Steele, Lea, Flood 2014) from seed 0.
#[derive(Default)]
pub(super) struct Random {
    counter: u64,
}

impl Random {
    /// Uniform numbers up to `bound` away from `mean`.
    pub(super) fn numbers(&mut self, count: usize, mean: f32, bound: f32) -> Vec<f32> {
        (0..count).map(|_| mean + bound * self.draw()).collect()
    }

    /// From -1 to 1.
    fn draw(&mut self) -> f32 {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.counter;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        (word >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
