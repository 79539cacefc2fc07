//! Sixteen lanes: AVX-512.

use std::arch::x86_64::*;

use super::unit::run_avx512;
use super::{Kernel, Simd, Unit};

/// The proof that the processor has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512 F, BW, DQ and VL.
    pub(super) const unsafe fn new() -> Self {
        Self(())
    }
}

// SAFETY, for every block below: `self` proves that the processor has the instructions; where memory is touched, the
// caller of the unsafe function vouches for it.
impl Simd for Avx512 {
    type Float = __m512;
    type Mask = __mmask16;
    type Lanes = __m512i;
    const LANES: usize = 16;
    const UNIT: Unit = Unit::Avx512;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { run_avx512(kernel) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn load_masked_at(self, from: *const f32, mask: __mmask16) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    #[inline(always)]
    unsafe fn store_masked_at(self, to: *mut f32, mask: __mmask16, value: __m512) {
        unsafe { _mm512_mask_storeu_ps(to, mask, value) }
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn add(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_add_ps(left, right) }
    }

    #[inline(always)]
    fn sub(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(left, right) }
    }

    #[inline(always)]
    fn mul(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(left, right) }
    }

    #[inline(always)]
    fn div(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_div_ps(left, right) }
    }

    #[inline(always)]
    fn mul_add(self, left: __m512, right: __m512, addend: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(left, right, addend) }
    }

    #[inline(always)]
    fn max(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_max_ps(left, right) }
    }

    #[inline(always)]
    fn min(self, left: __m512, right: __m512) -> __m512 {
        unsafe { _mm512_min_ps(left, right) }
    }

    #[inline(always)]
    fn sqrt(self, value: __m512) -> __m512 {
        unsafe { _mm512_sqrt_ps(value) }
    }

    #[inline(always)]
    fn round(self, value: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(value) }
    }

    #[inline(always)]
    fn floor(self, value: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(value) }
    }

    #[inline(always)]
    fn abs(self, value: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(value) }
    }

    #[inline(always)]
    fn copy_sign(self, magnitude: __m512, sign: __m512) -> __m512 {
        // Bit by bit: where the sign bit is set take `sign`, elsewhere `magnitude`.
        unsafe {
            let bit = _mm512_set1_epi32(i32::MIN);
            let (magnitude, sign) = (_mm512_castps_si512(magnitude), _mm512_castps_si512(sign));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xca>(bit, sign, magnitude))
        }
    }

    #[inline(always)]
    fn power_of_two(self, power: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), power) }
    }

    #[inline(always)]
    fn scale(self, value: __m512, power: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(value, power) }
    }

    #[inline(always)]
    fn mantissa_exponent(self, value: __m512) -> (__m512, __m512) {
        unsafe {
            let mantissa = _mm512_getmant_ps::<{ _MM_MANT_NORM_1_2 }, { _MM_MANT_SIGN_ZERO }>(value);
            (mantissa, _mm512_getexp_ps(value))
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "sixteen bits are kept")]
    fn first(self, count: usize) -> __mmask16 {
        ((1_u32 << count.min(16)) - 1) as __mmask16
    }

    #[inline(always)]
    fn less(self, left: __m512, right: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(left, right) }
    }

    #[inline(always)]
    fn is_nan(self, value: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value) }
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    #[inline(always)]
    fn lanes(self, numbers: &[u32; 16]) -> __m512i {
        unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
    }

    #[inline(always)]
    fn permute(self, value: __m512, lanes: __m512i) -> __m512 {
        unsafe { _mm512_permutexvar_ps(lanes, value) }
    }

    #[inline(always)]
    fn transpose(self, rows: [__m512; 16]) -> [__m512; 16] {
        // Pairs, then fours of rows within each quarter of a register, then the quarters of eight rows and of sixteen.
        unsafe {
            let mut pairs = rows;
            for i in (0..16).step_by(2) {
                pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
            }
            let mut fours = pairs;
            for i in (0..16).step_by(4) {
                fours[i] = _mm512_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
                fours[i + 1] = _mm512_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
                fours[i + 2] = _mm512_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
                fours[i + 3] = _mm512_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
            }
            let mut eights = fours;
            for i in [0, 1, 2, 3, 8, 9, 10, 11] {
                eights[i] = _mm512_shuffle_f32x4::<0x88>(fours[i], fours[i + 4]);
                eights[i + 4] = _mm512_shuffle_f32x4::<0xdd>(fours[i], fours[i + 4]);
            }
            let mut columns = eights;
            for i in 0..4 {
                columns[i] = _mm512_shuffle_f32x4::<0x88>(eights[i], eights[i + 8]);
                columns[i + 4] = _mm512_shuffle_f32x4::<0x88>(eights[i + 4], eights[i + 12]);
                columns[i + 8] = _mm512_shuffle_f32x4::<0xdd>(eights[i], eights[i + 8]);
                columns[i + 12] = _mm512_shuffle_f32x4::<0xdd>(eights[i + 4], eights[i + 12]);
            }
            columns
        }
    }

    #[inline(always)]
    fn reduce_add(self, value: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(value) }
    }

    #[inline(always)]
    fn reduce_max(self, value: __m512) -> f32 {
        unsafe { _mm512_reduce_max_ps(value) }
    }
}
