//! One vocabulary for the vector units: a kernel is written once over [`Simd`] and compiled for each unit.
//!
//! A [`Kernel`] is a struct that holds the arguments; its [`run`](Kernel::run) is generic over the unit. [`Unit::run`]
//! enters it inside a function that has the unit's instructions enabled. For the compiler to use them, everything between
//! that function and the instructions has to be inlined: `run` and every generic helper carries `#[inline(always)]`.
//!
//! ```
//! use briq_kernels::simd::{Kernel, Simd, Unit, map};
//!
//! struct Double<'a>(&'a mut [f32]);
//! impl Kernel for Double<'_> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn run<S: Simd>(self, simd: S) {
//!         map(simd, self.0, |x| simd.add(x, x));
//!     }
//! }
//! let mut values = [1.0, 2.0, 3.0];
//! Unit::current().run(Double(&mut values));
//! assert_eq!(values, [2.0, 4.0, 6.0]);
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
mod slices;
mod unit;

pub use slices::{fold, map, zip};
pub use unit::Unit;

/// Work that is compiled once for each vector unit.
pub trait Kernel {
    /// What the work returns.
    type Output;

    /// Does the work with the instructions of `simd`. Implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// A vector unit: a value of such a type is the proof that the processor has it, and only [`Unit::run`] makes one.
///
/// Operations act lane by lane and follow IEEE 754 except where said.
pub trait Simd: Copy + Send + Sync + 'static {
    /// [`LANES`](Self::LANES) numbers in one register.
    type Float: Copy;
    /// One truth value for each lane.
    type Mask: Copy;
    /// The number of a lane for each lane.
    type Lanes: Copy;
    /// Numbers in one register.
    const LANES: usize;
    /// The unit's name.
    const UNIT: Unit;

    /// Runs a kernel as a function of its own, so that it is compiled once however many other kernels use it.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same number in all lanes.
    fn splat(self, value: f32) -> Self::Float;

    /// Zero in all lanes.
    #[inline(always)]
    fn zero(self) -> Self::Float {
        self.splat(0.0)
    }

    /// Reads the register at `from`, of any alignment.
    ///
    /// # Safety
    /// `LANES` numbers are readable at `from`.
    unsafe fn load_at(self, from: *const f32) -> Self::Float;

    /// Writes the register to `to`, of any alignment.
    ///
    /// # Safety
    /// `LANES` numbers are writable at `to`.
    unsafe fn store_at(self, to: *mut f32, value: Self::Float);

    /// Reads the lanes of `mask`, zero in the others, whose memory is not touched.
    ///
    /// # Safety
    /// The numbers in the mask's lanes are readable at `from`.
    unsafe fn load_masked_at(self, from: *const f32, mask: Self::Mask) -> Self::Float;

    /// Writes the lanes of `mask`; the memory of the others is not touched.
    ///
    /// # Safety
    /// The numbers in the mask's lanes are writable at `to`.
    unsafe fn store_masked_at(self, to: *mut f32, mask: Self::Mask, value: Self::Float);

    /// Asks for the cache line with this number, which is soon going to be read. Where it is need not be readable.
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        let _ = at;
    }

    /// Reads the first `LANES` numbers, or as many as there are and zero in the other lanes.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::Float {
        if from.len() >= Self::LANES {
            // SAFETY: the slice holds LANES numbers.
            unsafe { self.load_at(from.as_ptr()) }
        } else {
            // SAFETY: the mask has the lanes that the slice holds.
            unsafe { self.load_masked_at(from.as_ptr(), self.first(from.len())) }
        }
    }

    /// Writes the first `LANES` numbers, or as many as the slice has room for.
    #[inline(always)]
    fn store(self, to: &mut [f32], value: Self::Float) {
        if to.len() >= Self::LANES {
            // SAFETY: the slice has room for LANES numbers.
            unsafe { self.store_at(to.as_mut_ptr(), value) }
        } else {
            // SAFETY: the mask has the lanes that the slice has room for.
            unsafe { self.store_masked_at(to.as_mut_ptr(), self.first(to.len()), value) }
        }
    }

    /// `left + right`.
    fn add(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// `left - right`.
    fn sub(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// `left · right`.
    fn mul(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// `left / right`.
    fn div(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// `left · right + addend`, rounded once where the unit can, twice where it cannot.
    fn mul_add(self, left: Self::Float, right: Self::Float, addend: Self::Float) -> Self::Float;
    /// The larger; where `left` is not a number, `right`; where `right` is not one, that.
    fn max(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// The smaller; where `left` is not a number, `right`; where `right` is not one, that.
    fn min(self, left: Self::Float, right: Self::Float) -> Self::Float;
    /// The square root.
    fn sqrt(self, value: Self::Float) -> Self::Float;
    /// The nearest integer, ties to even.
    fn round(self, value: Self::Float) -> Self::Float;
    /// The largest integer that is not larger.
    fn floor(self, value: Self::Float) -> Self::Float;
    /// The magnitude.
    fn abs(self, value: Self::Float) -> Self::Float;
    /// The magnitude of one with the sign of another.
    fn copy_sign(self, magnitude: Self::Float, sign: Self::Float) -> Self::Float;
    /// 2 to the `power`, which is an integer from -126 to 127.
    fn power_of_two(self, power: Self::Float) -> Self::Float;
    /// `value · 2^power` for an integer power from -252 to 252; what is too large is infinite, what is too small rounds to a
    /// subnormal number or zero.
    #[inline(always)]
    fn scale(self, value: Self::Float, power: Self::Float) -> Self::Float {
        // Adding and taking away 1.5 · 2²³ rounds to an integer, also where there is no instruction for that.
        let integers = self.splat(12_582_912.0);
        let half = self.sub(self.mul_add(power, self.splat(0.5), integers), integers);
        let rest = self.sub(power, half);
        self.mul(self.mul(value, self.power_of_two(half)), self.power_of_two(rest))
    }
    /// `(m, e)` with `value = m · 2^e` and 1 ≤ m < 2, of positive normal numbers.
    fn mantissa_exponent(self, value: Self::Float) -> (Self::Float, Self::Float);

    /// The negated value.
    #[inline(always)]
    fn neg(self, value: Self::Float) -> Self::Float {
        self.sub(self.splat(-0.0), value)
    }

    /// The first `count` lanes; all of them when `count` is larger.
    fn first(self, count: usize) -> Self::Mask;
    /// `left < right`.
    fn less(self, left: Self::Float, right: Self::Float) -> Self::Mask;
    /// Which lanes are not a number.
    fn is_nan(self, value: Self::Float) -> Self::Mask;
    /// `yes` in the lanes of the mask, `no` in the others.
    fn select(self, mask: Self::Mask, yes: Self::Float, no: Self::Float) -> Self::Float;

    /// The first [`LANES`](Self::LANES) of these numbers of lanes.
    fn lanes(self, numbers: &[u32; 16]) -> Self::Lanes;
    /// In each lane, what `value` has in the lane whose number is there, modulo [`LANES`](Self::LANES).
    fn permute(self, value: Self::Float, lanes: Self::Lanes) -> Self::Float;

    /// Takes the first [`LANES`](Self::LANES) registers as rows of a square and returns its columns.
    fn transpose(self, rows: [Self::Float; 16]) -> [Self::Float; 16];

    /// The sum over the lanes.
    fn reduce_add(self, value: Self::Float) -> f32;
    /// The largest of the lanes, none of which is NaN.
    fn reduce_max(self, value: Self::Float) -> f32;
}
