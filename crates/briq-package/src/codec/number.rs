//! What a number differs by from its base, as a number without sign in which little means near.

use super::Rule;

/// The bits of a number.
pub(super) trait Number: Copy + Default {
    /// How many bytes it has.
    const WIDTH: usize;

    /// Reads it, the lowest byte first.
    fn read(bytes: &[u8]) -> Self;

    /// Writes it, the lowest byte first.
    fn write(self, bytes: &mut [u8]);

    /// Its byte of a plane; that of the lowest bytes is plane 0.
    fn byte(self, plane: usize) -> u8;

    /// With a byte of a plane where zeros were.
    fn with(self, plane: usize, byte: u8) -> Self;

    /// What it differs by from a base.
    fn told(self, rule: Rule, base: Self) -> Self;

    /// The number that differs by this from a base.
    fn untold(self, rule: Rule, base: Self) -> Self;
}

macro_rules! number {
    ($unsigned:ty, $signed:ty) => {
        impl Number for $unsigned {
            const WIDTH: usize = size_of::<Self>();

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let mut number = [0; size_of::<Self>()];
                number.copy_from_slice(bytes);
                Self::from_le_bytes(number)
            }

            #[inline]
            fn write(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn byte(self, plane: usize) -> u8 {
                (self >> (8 * plane)) as u8
            }

            #[inline]
            fn with(self, plane: usize, byte: u8) -> Self {
                self | Self::from(byte) << (8 * plane)
            }

            #[inline]
            fn told(self, rule: Rule, base: Self) -> Self {
                // Sign and magnitude in the order of the numbers; then the sign of their distance in the lowest bit.
                let place =
                    |number: Self| number ^ ((number as $signed >> (Self::BITS - 1)) as Self | !(Self::MAX >> 1));
                match rule {
                    Rule::Xor => self ^ base,
                    Rule::Difference => {
                        let far = place(self).wrapping_sub(place(base));
                        far << 1 ^ (far as $signed >> (Self::BITS - 1)) as Self
                    }
                }
            }

            #[inline]
            fn untold(self, rule: Rule, base: Self) -> Self {
                let place =
                    |number: Self| number ^ ((number as $signed >> (Self::BITS - 1)) as Self | !(Self::MAX >> 1));
                let number =
                    |place: Self| place ^ ((!place as $signed >> (Self::BITS - 1)) as Self | !(Self::MAX >> 1));
                match rule {
                    Rule::Xor => self ^ base,
                    Rule::Difference => {
                        let far = self >> 1 ^ (self & 1).wrapping_neg();
                        number(place(base).wrapping_add(far))
                    }
                }
            }
        }
    };
}

number!(u8, i8);
number!(u16, i16);
number!(u32, i32);
number!(u64, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_the_numbers_between() {
        let far = |number: f32, base: f32| number.to_bits().told(Rule::Difference, base.to_bits());
        assert_eq!([far(1.0, 1.0), far(1.0_f32.next_up(), 1.0), far(1.0_f32.next_down(), 1.0)], [0, 2, 1]);
        assert_eq!([far(0.0, -0.0), far(-0.0, 0.0), far(f32::from_bits(1), -0.0)], [2, 1, 4]);
    }

    #[test]
    fn without_a_base_the_exponent_is_a_byte_of_its_own() {
        for number in [1.5_f32, -1.5, 3.1e-20, f32::NAN] {
            assert_eq!(number.to_bits().told(Rule::Difference, 0), number.to_bits().rotate_left(1));
        }
    }

    #[test]
    fn every_number_of_two_bytes_comes_back() {
        for number in 0..=u16::MAX {
            for base in [0, 1, 0x3f80, 0x7fff, 0x8000, 0x8001, 0xbf80, 0xffff] {
                for rule in [Rule::Xor, Rule::Difference] {
                    assert_eq!(number.told(rule, base).untold(rule, base), number, "{rule:?} from {base:#x}");
                }
            }
        }
    }
}
