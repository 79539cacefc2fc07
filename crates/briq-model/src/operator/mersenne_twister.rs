//! The generator behind the seeds of ONNX: MT19937 (Matsumoto and Nishimura, 1998), read as NumPy's `RandomState`
//! reads it, so that a seed draws here what it draws in the reference implementation.

use std::hash::{BuildHasher, Hasher, RandomState};

const SIZE: usize = 624;
const MIDDLE: usize = 397;

/// A stream of numbers that its seed determines.
pub(super) struct MersenneTwister {
    state: [u32; SIZE],
    next: usize,
    /// Normal numbers come in pairs; the second waits here.
    spare: Option<f64>,
}

impl MersenneTwister {
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for index in 1..SIZE {
            let before = state[index - 1];
            state[index] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(index as u32);
        }
        Self { state, next: SIZE, spare: None }
    }

    /// With a seed of its own where none is given.
    pub(super) fn seeded(seed: Option<f64>) -> Self {
        let own = || RandomState::new().build_hasher().finish() as u32;
        Self::new(seed.filter(|seed| seed.is_finite()).map_or_else(own, |seed| seed as i64 as u32))
    }

    fn refill(&mut self) {
        for index in 0..SIZE {
            let joined = self.state[index] & 0x8000_0000 | self.state[(index + 1) % SIZE] & 0x7fff_ffff;
            let twisted = (joined >> 1) ^ if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + MIDDLE) % SIZE] ^ twisted;
        }
        self.next = 0;
    }

    fn word(&mut self) -> u32 {
        if self.next == SIZE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// From zero to below one, with 53 random bits.
    pub(super) fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// Of mean zero and variance one, by the polar method (Marsaglia and Bray, 1964).
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(factor * x);
                return factor * y;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MersenneTwister;

    #[test]
    fn draws_what_numpy_draws() {
        let mut random = MersenneTwister::new(0);
        assert_eq!([random.uniform(), random.uniform()], [0.548_813_503_927_324_8, 0.715_189_366_372_419_5]);
        let mut random = MersenneTwister::new(42);
        assert_eq!([random.normal(), random.normal()], [0.496_714_153_011_232_7, -0.138_264_301_171_184_66]);
    }
}
