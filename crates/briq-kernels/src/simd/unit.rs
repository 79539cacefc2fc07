//! Which vector units there are, which of them the processor has, and how a kernel is entered.

use std::cell::Cell;

use super::portable::{Portable, run_portable};
use super::{Kernel, Simd as _};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// A vector unit, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// Four lanes of plain code, which the compiler turns into what every processor of the architecture has.
    Portable,
    /// Eight lanes: AVX2 with FMA.
    Avx2,
    /// Sixteen lanes: AVX-512 F, BW, DQ and VL.
    Avx512,
}

thread_local! {
    static FORCED: Cell<Option<Unit>> = const { Cell::new(None) };
}

impl Unit {
    /// All units, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether the processor has this unit.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The widest unit of the processor, or the one that [`force`](Self::force) names.
    ///
    /// Forcing holds for the calling thread, so a kernel asks before it spreads its work over others.
    #[must_use]
    pub fn current() -> Self {
        FORCED.get().unwrap_or_else(Self::widest)
    }

    fn widest() -> Self {
        Self::ALL.into_iter().rev().find(|unit| unit.is_available()).unwrap_or(Self::Portable)
    }

    /// Runs `work` with this unit as the [`current`](Self::current) one of this thread, to test or to compare units.
    ///
    /// # Panics
    /// If the processor lacks the unit.
    pub fn force<R>(self, work: impl FnOnce() -> R) -> R {
        assert!(self.is_available(), "the processor has no {self:?}");
        let _restore = Restore(FORCED.replace(Some(self)));
        work()
    }

    /// Numbers in one register.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            Self::Portable => Portable::LANES,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }

    /// Runs the kernel with this unit's instructions.
    ///
    /// # Panics
    /// If the processor lacks the unit.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        assert!(self.is_available(), "the processor has no {self:?}");
        match self {
            // SAFETY: the unit is available, which for x86-64 means these features.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { run_avx2(kernel) },
            _ => run_portable(kernel),
        }
    }
}

/// Puts back what was forced before, also when the work panics.
struct Restore(Option<Unit>);

impl Drop for Restore {
    fn drop(&mut self) {
        FORCED.set(self.0);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
#[inline(never)]
pub(super) fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are those that the token stands for.
    kernel.run(unsafe { Avx512::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(super) fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: this function's features are those that the token stands for.
    kernel.run(unsafe { Avx2::new() })
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn a_forced_unit_holds_until_the_work_ends() {
        let before = Unit::current();
        assert_eq!(Unit::Portable.force(Unit::current), Unit::Portable);
        assert_eq!(Unit::current(), before);
    }
}
