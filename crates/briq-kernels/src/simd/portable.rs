//! Four lanes of plain code, which every processor runs.

use super::{Kernel, Simd, Unit};

/// The unit that every processor has.
#[derive(Clone, Copy)]
pub(super) struct Portable(());

impl Portable {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// Four lanes, aligned as the registers of SSE and NEON are.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Four([f32; 4]);

#[inline(always)]
fn one(a: Four, f: impl Fn(f32) -> f32) -> Four {
    Four([f(a.0[0]), f(a.0[1]), f(a.0[2]), f(a.0[3])])
}

#[inline(always)]
fn two(a: Four, b: Four, f: impl Fn(f32, f32) -> f32) -> Four {
    Four([f(a.0[0], b.0[0]), f(a.0[1], b.0[1]), f(a.0[2], b.0[2]), f(a.0[3], b.0[3])])
}

/// Fused only where an instruction does it: the library's fallback is exact, and slower by far than the two roundings.
#[inline(always)]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

impl Simd for Portable {
    type Float = Four;
    type Mask = [bool; 4];
    type Lanes = [u32; 4];
    const LANES: usize = 4;
    const UNIT: Unit = Unit::Portable;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        run_portable(kernel)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Four {
        Four([value; 4])
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> Four {
        // SAFETY: the caller vouches for four numbers.
        Four(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32, value: Four) {
        // SAFETY: the caller vouches for room for four numbers.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(value.0) }
    }

    #[inline(always)]
    unsafe fn load_masked_at(self, from: *const f32, mask: [bool; 4]) -> Four {
        // SAFETY: the caller vouches for the lanes of the mask, and no others are read.
        Four(std::array::from_fn(|lane| if mask[lane] { unsafe { from.add(lane).read_unaligned() } } else { 0.0 }))
    }

    #[inline(always)]
    unsafe fn store_masked_at(self, to: *mut f32, mask: [bool; 4], value: Four) {
        for lane in (0..4).filter(|&lane| mask[lane]) {
            // SAFETY: the caller vouches for the lanes of the mask.
            unsafe { to.add(lane).write_unaligned(value.0[lane]) }
        }
    }

    #[inline(always)]
    fn add(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, left: Four, right: Four, addend: Four) -> Four {
        Four([
            fused(left.0[0], right.0[0], addend.0[0]),
            fused(left.0[1], right.0[1], addend.0[1]),
            fused(left.0[2], right.0[2], addend.0[2]),
            fused(left.0[3], right.0[3], addend.0[3]),
        ])
    }

    #[inline(always)]
    fn max(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, left: Four, right: Four) -> Four {
        two(left, right, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self, value: Four) -> Four {
        one(value, f32::sqrt)
    }

    #[inline(always)]
    fn round(self, value: Four) -> Four {
        one(value, f32::round_ties_even)
    }

    #[inline(always)]
    fn floor(self, value: Four) -> Four {
        one(value, f32::floor)
    }

    #[inline(always)]
    fn abs(self, value: Four) -> Four {
        one(value, f32::abs)
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: Four, sign: Four) -> Four {
        two(magnitude, sign, f32::copysign)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the power is a small integer")]
    fn power_of_two(self, power: Four) -> Four {
        one(power, |p| f32::from_bits(((p as i32 + 127) << 23).cast_unsigned()))
    }

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "the exponent is a small integer")]
    fn mantissa_exponent(self, value: Four) -> (Four, Four) {
        let mantissa = one(value, |v| f32::from_bits(v.to_bits() & 0x007f_ffff | 0x3f80_0000));
        let exponent = one(value, |v| ((v.to_bits() >> 23) & 0xff) as f32 - 127.0);
        (mantissa, exponent)
    }

    #[inline(always)]
    fn first(self, count: usize) -> [bool; 4] {
        [0 < count, 1 < count, 2 < count, 3 < count]
    }

    #[inline(always)]
    fn less(self, left: Four, right: Four) -> [bool; 4] {
        std::array::from_fn(|lane| left.0[lane] < right.0[lane])
    }

    #[inline(always)]
    fn is_nan(self, value: Four) -> [bool; 4] {
        std::array::from_fn(|lane| value.0[lane].is_nan())
    }

    #[inline(always)]
    fn select(self, mask: [bool; 4], yes: Four, no: Four) -> Four {
        Four(std::array::from_fn(|lane| if mask[lane] { yes.0[lane] } else { no.0[lane] }))
    }

    #[inline(always)]
    fn lanes(self, numbers: &[u32; 16]) -> [u32; 4] {
        [numbers[0], numbers[1], numbers[2], numbers[3]]
    }

    #[inline(always)]
    fn permute(self, value: Four, lanes: [u32; 4]) -> Four {
        Four(lanes.map(|lane| value.0[lane as usize % 4]))
    }

    #[inline(always)]
    fn transpose(self, rows: [Four; 16]) -> [Four; 16] {
        let mut columns = rows;
        for (column, out) in columns[..4].iter_mut().enumerate() {
            *out = Four(std::array::from_fn(|row| rows[row].0[column]));
        }
        columns
    }

    #[inline(always)]
    fn reduce_add(self, value: Four) -> f32 {
        (value.0[0] + value.0[2]) + (value.0[1] + value.0[3])
    }

    #[inline(always)]
    fn reduce_max(self, value: Four) -> f32 {
        value.0[0].max(value.0[2]).max(value.0[1].max(value.0[3]))
    }
}

#[inline(never)]
pub(super) fn run_portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable::new())
}
