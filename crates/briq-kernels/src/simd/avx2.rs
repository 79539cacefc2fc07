//! Eight lanes: AVX2 with FMA.

use std::arch::x86_64::*;

use super::unit::run_avx2;
use super::{Kernel, Simd, Unit};

/// The proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor has AVX2 and FMA.
    pub(super) const unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY, for every block below: `self` proves that the processor has the instructions; where memory is touched, the
// caller of the unsafe function vouches for it.
impl Simd for Avx2 {
    type Float = __m256;
    type Mask = __m256i;
    type Lanes = __m256i;
    const LANES: usize = 8;
    const UNIT: Unit = Unit::Avx2;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { run_avx2(kernel) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn load_masked_at(self, from: *const f32, mask: __m256i) -> __m256 {
        unsafe { _mm256_maskload_ps(from, mask) }
    }

    #[inline(always)]
    unsafe fn store_masked_at(self, to: *mut f32, mask: __m256i, value: __m256) {
        unsafe { _mm256_maskstore_ps(to, mask, value) }
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn add(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_add_ps(left, right) }
    }

    #[inline(always)]
    fn sub(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(left, right) }
    }

    #[inline(always)]
    fn mul(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(left, right) }
    }

    #[inline(always)]
    fn div(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_div_ps(left, right) }
    }

    #[inline(always)]
    fn mul_add(self, left: __m256, right: __m256, addend: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(left, right, addend) }
    }

    #[inline(always)]
    fn max(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_max_ps(left, right) }
    }

    #[inline(always)]
    fn min(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_min_ps(left, right) }
    }

    #[inline(always)]
    fn sqrt(self, value: __m256) -> __m256 {
        unsafe { _mm256_sqrt_ps(value) }
    }

    #[inline(always)]
    fn round(self, value: __m256) -> __m256 {
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(value) }
    }

    #[inline(always)]
    fn floor(self, value: __m256) -> __m256 {
        unsafe { _mm256_floor_ps(value) }
    }

    #[inline(always)]
    fn abs(self, value: __m256) -> __m256 {
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), value) }
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: __m256, sign: __m256) -> __m256 {
        unsafe {
            let bit = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign))
        }
    }

    #[inline(always)]
    fn power_of_two(self, power: __m256) -> __m256 {
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn mantissa_exponent(self, value: __m256) -> (__m256, __m256) {
        unsafe {
            let bits = _mm256_castps_si256(value);
            let exponent = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            let fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
            let mantissa = _mm256_or_si256(fraction, _mm256_set1_epi32(0x3f80_0000));
            (_mm256_castsi256_ps(mantissa), _mm256_cvtepi32_ps(exponent))
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most eight")]
    fn first(self, count: usize) -> __m256i {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), lane)
        }
    }

    #[inline(always)]
    fn less(self, left: __m256, right: __m256) -> __m256i {
        unsafe { _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(left, right)) }
    }

    #[inline(always)]
    fn is_nan(self, value: __m256) -> __m256i {
        unsafe { _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(value, value)) }
    }

    #[inline(always)]
    fn select(self, mask: __m256i, yes: __m256, no: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(mask)) }
    }

    #[inline(always)]
    fn lanes(self, numbers: &[u32; 16]) -> __m256i {
        unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
    }

    #[inline(always)]
    fn permute(self, value: __m256, lanes: __m256i) -> __m256 {
        unsafe { _mm256_permutevar8x32_ps(value, lanes) }
    }

    #[inline(always)]
    fn transpose(self, rows: [__m256; 16]) -> [__m256; 16] {
        // Pairs, then fours of rows within each half of a register, then the halves.
        unsafe {
            let mut pairs = rows;
            for i in (0..8).step_by(2) {
                pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
                pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
            }
            let mut fours = pairs;
            for i in [0, 4] {
                fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
                fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
                fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
            }
            let mut columns = fours;
            for i in 0..4 {
                columns[i] = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
                columns[i + 4] = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
            }
            columns
        }
    }

    #[inline(always)]
    fn reduce_add(self, value: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn reduce_max(self, value: __m256) -> f32 {
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}
