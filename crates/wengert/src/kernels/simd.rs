//! Which vector instructions the loops use, found once at run time.
//!
//! A kernel is a plain scalar loop in an `#[inline(always)]` method. It is inlined into one
//! function for each instruction set, which LLVM vectorises with that set's registers: 16 bytes
//! wide everywhere, 32 with AVX2, 64 with AVX-512. No intrinsics
//! but in two places that say why (tile.rs, transpose.rs), and on other processors than
//! x86 the portable loop alone. The bits are the same at each level: Rust never contracts a·b + c
//! into a fused multiply-add by itself, and sums have a fixed order. Products of matrices and
//! convolutions fuse where the level can, and keep their bits on one level.
//!
//! `WENGERT_SIMD=portable`, `avx2` or `avx512` in the environment pins a lower set; a word that is
//! none of these, or a set that the processor lacks, leaves the best one it has. Matrix products
//! are not pinned: their library chooses for itself.

use std::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions that this processor has: values are made by detection alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(Set);

/// The sets that loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Set {
    Portable = 1,
    Avx2 = 2,
    Avx512 = 3,
}

/// Work that is compiled once for each instruction set.
pub(crate) trait Kernel {
    /// Must be `#[inline(always)]`, and so must everything in it that is to be vectorised.
    fn run(self);
}

impl Level {
    /// The level that all kernels of this process run at.
    #[inline]
    pub(crate) fn current() -> Level {
        static CURRENT: AtomicU8 = AtomicU8::new(0);
        // Threads that come here at the same time find the same level.
        match CURRENT.load(Ordering::Relaxed) {
            1 => Level(Set::Portable),
            2 => Level(Set::Avx2),
            3 => Level(Set::Avx512),
            _ => {
                let level = Level::pinned(std::env::var("WENGERT_SIMD").ok().as_deref());
                CURRENT.store(level.0 as u8, Ordering::Relaxed);
                level
            }
        }
    }

    /// The level that the environment's `word` asks for, or else the best.
    fn pinned(word: Option<&str>) -> Level {
        let best = Level::detected();
        let asked = match word {
            Some("portable") => Set::Portable,
            Some("avx2") => Set::Avx2,
            _ => Set::Avx512,
        };
        best.min(Level(asked))
    }

    #[cfg(target_arch = "x86_64")]
    fn detected() -> Level {
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        match is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            true if avx512 => Level(Set::Avx512),
            true => Level(Set::Avx2),
            false => Level(Set::Portable),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detected() -> Level {
        Level(Set::Portable)
    }

    /// Every level that this processor has.
    #[cfg(test)]
    pub(crate) fn available() -> impl Iterator<Item = Level> {
        let all = [Set::Portable, Set::Avx2, Set::Avx512].map(Level);
        all.into_iter().filter(|&level| level <= Level::detected())
    }

    /// Whether there are 32 registers of 64 bytes.
    #[inline]
    pub(crate) fn is_wide(self) -> bool {
        self.0 == Set::Avx512
    }

    /// Whether there are 16 registers of 32 bytes.
    #[inline]
    pub(crate) fn is_half(self) -> bool {
        self.0 == Set::Avx2
    }

    /// Runs a kernel that is made for 64-byte registers.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn run_wide<K: Kernel>(self, kernel: K) {
        assert!(self.is_wide(), "a kernel for AVX-512");
        // SAFETY: as in `run`.
        unsafe { avx512(kernel) }
    }

    /// Runs a kernel that is made for 32-byte registers.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn run_half<K: Kernel>(self, kernel: K) {
        assert!(self.is_half(), "a kernel for AVX2");
        // SAFETY: as in `run`.
        unsafe { avx2(kernel) }
    }

    /// Runs a kernel with this level's instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) {
        match self.0 {
            // SAFETY: a level above portable exists only if detection found its features.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2(kernel) },
            _ => portable(kernel),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<K: Kernel>(kernel: K) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) {
    kernel.run();
}

#[inline(never)]
fn portable<K: Kernel>(kernel: K) {
    kernel.run();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_only_lower_the_level() {
        let best = Level::detected();
        assert_eq!(Level::pinned(None), best);
        assert_eq!(Level::pinned(Some("avx1024")), best);
        assert_eq!(Level::pinned(Some("avx512")), best);
        assert_eq!(Level::pinned(Some("avx2")), best.min(Level(Set::Avx2)));
        assert_eq!(Level::pinned(Some("portable")), Level(Set::Portable));
    }
}
