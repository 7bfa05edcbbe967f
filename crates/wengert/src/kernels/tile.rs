//! The product that convolutions are made of, over numbers that lie anywhere: for all r and k,
//! `C[c(r)] += A[a(r) + a(k)] · B[k]`, with rows of lanes in C and B and single numbers in A.
//!
//! Rows r and terms k are loops in loops, so that A may be an image and `a(r) + a(k)` what a window
//! sees of it: nothing is unfolded, and no operand of a library is packed. A few rows of C at a time
//! stay in registers over all k. On one core with AVX-512 a convolution of 64 images [32, 13, 13] to
//! 64 channels by 3x3 runs at 225 GFLOP/s (f32, the machine's peak is 248), where products of its
//! unfolded images had 110 from the gemm library.
//!
//! Vectors are named here: from plain loops the compiler made code of that speed for some numbers of
//! rows, and for others kept C in memory, 60 times slower. Terms are added in the order of k,
//! whatever rows are together: the bits do not depend on threads.

use super::Lane;
use super::simd::{Kernel, Level};

/// Three loops in each other, outermost first: how often they run.
pub(crate) type Loops = [usize; 3];

/// How far a turn of each loop leads.
pub(crate) type Steps = [usize; 3];

/// One such product. Rows of C are distinct.
pub(crate) struct Tiles<'a, T> {
    pub rows: Loops,
    pub terms: Loops,
    pub a: &'a [T],
    pub a_rows: Steps,
    pub a_terms: Steps,
    /// One row of lanes after the other.
    pub b: &'a [T],
    pub c: &'a mut [T],
    pub c_rows: Steps,
}

impl<T: Tile> Tiles<'_, T> {
    /// Adds the product with `lanes` numbers in a row: one of [`widths`].
    ///
    /// # Panics
    /// A, B or C reaches beyond its data.
    pub(crate) fn add(self, level: Level, lanes: usize) {
        let Tiles { rows, terms, a, a_rows, a_terms, b, c, c_rows } = self;
        if rows.contains(&0) || terms.contains(&0) {
            return;
        }
        let reach = |loops: Loops, steps: Steps| -> usize {
            loops.iter().zip(steps).map(|(n, step)| (n - 1) * step).sum()
        };
        assert!(reach(rows, a_rows) + reach(terms, a_terms) < a.len(), "A reaches beyond its data");
        assert!(terms.iter().product::<usize>() * lanes <= b.len(), "B reaches beyond its data");
        assert!(reach(rows, c_rows) + lanes <= c.len(), "C reaches beyond its data");
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        T::run(level, lanes, Raw { rows, terms, a, a_rows, a_terms, b, c, c_rows });
    }
}

/// [`Tiles`] of which every row and term has been found to be there.
#[derive(Clone, Copy)]
pub(crate) struct Raw<T> {
    rows: Loops,
    terms: Loops,
    a: *const T,
    a_rows: Steps,
    a_terms: Steps,
    b: *const T,
    c: *mut T,
    c_rows: Steps,
}

/// Types that it is compiled for.
pub(crate) trait Tile: Sized {
    /// Numbers in 64 bytes.
    const LANES: usize;
    /// Runs what is made for this level and number of lanes.
    fn run(level: Level, lanes: usize, tiles: Raw<Self>);
}

/// The numbers of lanes that a level has products for, the largest first.
pub(crate) fn widths<T: Tile>(level: Level) -> impl Iterator<Item = usize> {
    let most = if level.is_wide() { 4 } else { 1 };
    [4, 2, 1].into_iter().filter(move |&n| n <= most).map(|n| n * T::LANES)
}

/// A vector.
trait Vector<T>: Copy {
    /// # Safety
    /// The numbers are there, and the processor has the instructions.
    unsafe fn load(from: *const T) -> Self;
    /// # Safety
    /// As of `load`.
    unsafe fn store(self, to: *mut T);
    /// self + a·b, each lane by the same a.
    ///
    /// # Safety
    /// As of `load`.
    unsafe fn plus(self, a: *const T, b: Self) -> Self;
}

/// `V` vectors a row of C, and up to `MOST` rows at a time.
struct Rows<T, X, const V: usize, const MOST: usize>(Raw<T>, std::marker::PhantomData<X>);

impl<T, X, const V: usize, const MOST: usize> Rows<T, X, V, MOST> {
    fn of(tiles: Raw<T>) -> Self {
        Rows(tiles, std::marker::PhantomData)
    }
}

impl<T: Lane, X: Vector<T>, const V: usize, const MOST: usize> Kernel for Rows<T, X, V, MOST> {
    #[inline(always)]
    fn run(self) {
        let rows = self.0.rows.iter().product::<usize>();
        let tiles = rows.div_ceil(MOST);
        let mut next = Next { turn: [0; 3], a: 0, c: 0 };
        for i in 0..tiles {
            let size = rows / tiles + usize::from(i < rows % tiles);
            macro_rules! of_size {
                ($($m:literal)*) => {
                    match size {
                        // SAFETY: all rows and terms are there, and so are this level's instructions.
                        $($m if $m <= MOST => unsafe { self.0.tile::<X, $m, V>(&mut next) },)*
                        _ => unreachable!("at most {MOST} rows"),
                    }
                };
            }
            of_size!(1 2 3 4 5 6 7 8 9);
        }
    }
}

/// A row to come: the turn of each loop, and where A and C have it.
struct Next {
    turn: Loops,
    a: usize,
    c: usize,
}

impl Next {
    #[inline(always)]
    fn step(&mut self, rows: &Loops, a: &Steps, c: &Steps) {
        self.turn[2] += 1;
        (self.a, self.c) = (self.a + a[2], self.c + c[2]);
        if self.turn[2] < rows[2] {
            return;
        }
        let next = self.turn[1] + 1;
        self.turn = if next < rows[1] { [self.turn[0], next, 0] } else { [self.turn[0] + 1, 0, 0] };
        let at = |steps: &Steps| self.turn[0] * steps[0] + self.turn[1] * steps[1];
        (self.a, self.c) = (at(a), at(c));
    }
}

impl<T: Lane> Raw<T> {
    /// The next `M` rows.
    ///
    /// # Safety
    /// A, B and C have the elements of all rows and terms, and the processor has the instructions.
    #[inline(always)]
    unsafe fn tile<X: Vector<T>, const M: usize, const V: usize>(self, next: &mut Next) {
        let lanes = size_of::<X>() / size_of::<T>();
        let (mut a, mut c) = ([self.a; M], [self.c; M]);
        for i in 0..M {
            (a[i], c[i]) = (a[i].wrapping_add(next.a), c[i].wrapping_add(next.c));
            next.step(&self.rows, &self.a_rows, &self.c_rows);
        }
        // SAFETY: the caller's promise, for every pointer below.
        unsafe {
            // Loops: the closures of `map` and `from_fn` would be calls.
            let mut sums = [[X::load(self.b); V]; M];
            for i in 0..M {
                for j in 0..V {
                    sums[i][j] = X::load(c[i].wrapping_add(j * lanes));
                }
            }
            let mut b = self.b;
            for first in 0..self.terms[0] {
                for second in 0..self.terms[1] {
                    let mut at = first * self.a_terms[0] + second * self.a_terms[1];
                    for _ in 0..self.terms[2] {
                        let mut row = [X::load(b); V];
                        for j in 1..V {
                            row[j] = X::load(b.wrapping_add(j * lanes));
                        }
                        for i in 0..M {
                            for j in 0..V {
                                sums[i][j] = sums[i][j].plus(a[i].wrapping_add(at), row[j]);
                            }
                        }
                        b = b.wrapping_add(V * lanes);
                        at += self.a_terms[2];
                    }
                }
            }
            for i in 0..M {
                for j in 0..V {
                    sums[i][j].store(c[i].wrapping_add(j * lanes));
                }
            }
        }
    }
}

/// What the compiler makes vectors of where none are named.
#[derive(Clone, Copy)]
struct Plain<T, const N: usize>([T; N]);

impl<T: Lane, const N: usize> Vector<T> for Plain<T, N> {
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise.
        Plain(unsafe { from.cast::<[T; N]>().read() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[T; N]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn plus(mut self, a: *const T, b: Self) -> Self {
        // SAFETY: the caller's promise.
        let a = unsafe { *a };
        for j in 0..N {
            self.0[j] += a * b.0[j];
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($t:ident, $vector:ident, $load:ident, $store:ident, $splat:ident, $fused:ident) => {
            impl Vector<$t> for $vector {
                #[inline(always)]
                unsafe fn load(from: *const $t) -> $vector {
                    // SAFETY: the caller's promise.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $t) {
                    // SAFETY: the caller's promise.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn plus(self, a: *const $t, b: $vector) -> $vector {
                    // SAFETY: the caller's promise.
                    unsafe { $fused($splat(*a), b, self) }
                }
            }
        };
    }

    vector!(f32, __m512, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps);
    vector!(f64, __m512d, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd);
    vector!(f32, __m256, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps);
    vector!(f64, __m256d, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd);
}

macro_rules! tile {
    ($t:ident, $lanes:literal, $wide:ident, $half:ident) => {
        impl Tile for $t {
            const LANES: usize = $lanes;

            #[cfg(target_arch = "x86_64")]
            fn run(level: Level, lanes: usize, tiles: Raw<$t>) {
                use std::arch::x86_64::{$half, $wide};
                // As many rows as there are registers for, and pointers.
                match lanes / $lanes {
                    4 => level.run_wide(Rows::<$t, $wide, 4, 6>::of(tiles)),
                    2 => level.run_wide(Rows::<$t, $wide, 2, 9>::of(tiles)),
                    _ if level.is_wide() => level.run_wide(Rows::<$t, $wide, 1, 9>::of(tiles)),
                    _ if level.is_half() => level.run_half(Rows::<$t, $half, 2, 6>::of(tiles)),
                    _ => level.run(Rows::<$t, Plain<$t, $lanes>, 1, 3>::of(tiles)),
                }
            }

            #[cfg(not(target_arch = "x86_64"))]
            fn run(level: Level, _: usize, tiles: Raw<$t>) {
                level.run(Rows::<$t, Plain<$t, $lanes>, 1, 6>::of(tiles));
            }
        }
    };
}

tile!(f32, 16, __m512, __m256);
tile!(f64, 8, __m512d, __m256d);
