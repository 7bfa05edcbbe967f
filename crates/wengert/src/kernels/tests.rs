//! Every kernel against its reference, on every instruction set, for any number of threads.

use super::simd::Level;
use super::*;
use crate::element::Element;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::LazyLock;

/// Numbers that depend on `seed` alone: mostly moderate, now and then a zero.
fn numbers<T: Element>(seed: u64, len: usize) -> Vec<T> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 11
    };
    let number =
        |bits: u64| if bits.is_multiple_of(16) { 0.0 } else { bits as f64 / (1u64 << 53) as f64 * 6.0 - 3.0 };
    (0..len).map(|_| T::from_f64(number(next()))).collect()
}

/// What a kernel writes over stale data.
fn written<T: Lane>(len: usize, kernel: impl FnOnce(&mut [T])) -> Vec<T> {
    let mut out = vec![T::UNREACHED; len];
    kernel(&mut out);
    assert!(out.iter().all(|x| !x.is_unreached()), "an element was not written");
    out
}

/// Of one thread and of three.
static POOLS: LazyLock<[rayon::ThreadPool; 2]> = LazyLock::new(|| {
    [1, 3].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
});

/// The kernel's result, after checking that each level and number of threads gives the same bits.
fn everywhere<T: Lane + Element>(kernel: impl Fn(Level) -> Vec<T> + Sync) -> Vec<T> {
    at_levels(Level::available(), kernel)
}

/// The same of a kernel that is compiled once, not for each level.
fn among_threads<T: Lane + Element>(kernel: impl Fn() -> Vec<T> + Sync) -> Vec<T> {
    at_levels([Level::current()], |_| kernel())
}

fn at_levels<T: Lane + Element>(
    levels: impl IntoIterator<Item = Level>,
    kernel: impl Fn(Level) -> Vec<T> + Sync,
) -> Vec<T> {
    let first = kernel(Level::current());
    for level in levels {
        for pool in POOLS.iter() {
            let result = pool.install(|| kernel(level));
            let same =
                |(a, b): (&T, &T)| a == b && a.to_f64().is_sign_negative() == b.to_f64().is_sign_negative();
            let both_nan = |a: &T, b: &T| a.to_f64().is_nan() && b.to_f64().is_nan();
            let position = first.iter().zip(&result).position(|(a, b)| !same((a, b)) && !both_nan(a, b));
            assert_eq!(position, None, "{level:?}, {} threads", pool.current_num_threads());
        }
    }
    first
}

fn assert_same<T: Element>(got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len());
    for (i, (a, b)) in got.iter().zip(want).enumerate() {
        assert!(a == b || (a.to_f64().is_nan() && b.to_f64().is_nan()), "at {i}: {a:?} is not {b:?}");
    }
}

fn assert_near<T: Element>(got: &[T], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (a, &b)) in got.iter().zip(want).enumerate() {
        let a = a.to_f64();
        let near = (a - b).abs() <= tolerance * (1.0 + b.abs()) || a == b || (a.is_nan() && b.is_nan());
        assert!(near, "at {i}: {a} is not {b}");
    }
}

/// Up to four axes of lengths 0 to 7, now and then a long one.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![8 => 1usize..8, 1 => Just(0), 1 => 100usize..400];
    prop::collection::vec(length, 0..4)
}

/// A shape, and two that stretch to it.
fn broadcasts() -> impl Strategy<Value = (Vec<usize>, Vec<usize>, Vec<usize>)> {
    (shapes(), any::<u32>(), 0usize..4, 0usize..4).prop_map(|(shape, ones, drop_a, drop_b)| {
        let cut = |drop: usize, bits: u32| -> Vec<usize> {
            let kept = shape.iter().enumerate().skip(drop.min(shape.len()));
            kept.map(|(i, &n)| if bits >> i & 1 == 1 { 1 } else { n }).collect()
        };
        let (a, b) = (cut(drop_a, ones), cut(drop_b, ones >> 8));
        (shape, a, b)
    })
}

fn grouping() -> impl Strategy<Value = Groups> {
    let length = || prop_oneof![4 => 1usize..6, 1 => Just(0), 2 => 10usize..40, 1 => 250usize..600];
    (1usize..5, length(), length()).prop_map(|(outer, n, inner)| Groups { outer, n, inner })
}

/// The same groups of sizes that reach the parallel and the blocked paths.
fn large_groupings() -> [Groups; 6] {
    let g = |outer, n, inner| Groups { outer, n, inner };
    [g(1, 100_000, 1), g(3000, 20, 1), g(2, 9000, 1), g(1, 9000, 3), g(1, 700, 300), g(40, 11, 257)]
}

/// Sizes, strides kinds of both operands and whether to accumulate.
fn products() -> impl Strategy<Value = ([usize; 3], [u8; 2], bool)> {
    let size = || prop_oneof![1 => Just(0), 6 => 1usize..20, 3 => 20usize..80];
    ([size(), size(), size()], [0u8..5, 0u8..5], any::<bool>())
}

/// The strides of a rows x cols matrix and how many elements it needs: row-major, column-major,
/// both with gaps, or one row repeated.
fn layout(kind: u8, rows: usize, cols: usize) -> (usize, usize, usize) {
    let (row, col) = match kind {
        0 => (cols, 1),
        1 => (1, rows),
        2 => (cols + 3, 1),
        3 => (2, 2 * rows + 1),
        _ => (0, 1),
    };
    (row, col, rows.saturating_sub(1) * row + cols.saturating_sub(1) * col + 1)
}

/// An axis of windows: as many as fit, or, as transposed convolutions have them, fewer.
fn slides() -> impl Strategy<Value = Slide> {
    (1usize..10, 1usize..4, 1usize..4, 0usize..4, 1usize..3, 0usize..2).prop_map(
        |(image, kernel, stride, padding, dilation, fewer)| {
            let reach = dilation * (kernel - 1) + 1;
            let image = image.max(reach.saturating_sub(2 * padding));
            let fit = (image + 2 * padding - reach) / stride + 1;
            Slide { image, kernel, stride, padding, dilation, count: (fit - fewer.min(fit - 1)) }
        },
    )
}

fn convolutions() -> impl Strategy<Value = ConvSizes> {
    ((0usize..12, 1usize..4, 0usize..4, 0usize..4), [slides(), slides()]).prop_map(
        |((images, groups, inputs, outputs), axes)| ConvSizes { images, groups, inputs, outputs, axes },
    )
}

/// With channels enough to fill lanes.
fn wide_convolutions() -> impl Strategy<Value = ConvSizes> {
    ((1usize..4, 1usize..3, 1usize..40, 1usize..40), [slides(), slides()]).prop_map(
        |((images, groups, inputs, outputs), axes)| ConvSizes { images, groups, inputs, outputs, axes },
    )
}

/// Windows without gaps, each of which has an element in the image.
fn pools() -> impl Strategy<Value = Windows> {
    (0usize..4, [slides(), slides()]).prop_map(|(planes, axes)| {
        let axes = axes.map(|axis| {
            let padding = axis.padding.min(axis.kernel - 1);
            let image = axis.image.max(axis.kernel);
            let count = (image + 2 * padding - axis.kernel) / axis.stride + 1;
            Slide { image, padding, dilation: 1, count, ..axis }
        });
        Windows { planes, axes }
    })
}

macro_rules! tests_for {
    ($t:ident, $tolerance:literal) => {
        mod $t {
            use super::*;

            fn unary_kernels(x: &[$t], y_bar: &[$t]) {
                let squares = [(Unary::Powi, [2.0, 0.0]), (Unary::Powf, [2.0, 0.0])];
                for (op, c) in Unary::ALL.iter().map(|&op| (op, [2.5, 0.0])).chain(squares) {
                    let value = |level| written(x.len(), |out| elementwise::unary(level, op, c, x, out));
                    let y = everywhere(value);
                    assert_same(&y, &naive::unary(op, c, x));
                    let want = naive::unary_vjp(op, c, x, &y, y_bar);
                    let in_place = |level| {
                        let mut out = y_bar.to_vec();
                        elementwise::unary_vjp_in_place(level, op, c, x, &y, &mut out);
                        out
                    };
                    assert_same(&everywhere(in_place), &want);
                    let adding = |level| {
                        let mut out = x.to_vec();
                        elementwise::unary_vjp(level, op, c, x, &y, y_bar, &mut out);
                        out
                    };
                    let sums: Vec<$t> = x.iter().zip(&want).map(|(a, b)| a + b).collect();
                    assert_same(&everywhere(adding), &sums);
                }
            }

            #[test]
            fn unary_kernels_equal_their_rules_at_any_length() {
                for len in (0..36).chain([63, 65, 1000, parallel::GRAIN + 5]) {
                    unary_kernels(&numbers(len as u64, len), &numbers(len as u64 + 1, len));
                }
            }

            #[test]
            fn unary_kernels_equal_their_rules_at_special_numbers() {
                let (inf, nan, tiny) = ($t::INFINITY, $t::NAN, $t::MIN_POSITIVE / 4.0);
                let one = [0.0, -0.0, 1.0, -1.0, inf, -inf, nan, tiny, -tiny, 1e4, -1e4, $t::MAX, $t::MIN];
                let (x, y_bar): (Vec<$t>, Vec<$t>) =
                    one.iter().flat_map(|&a| [0.0, 1.0, -2.0, inf, nan].map(|b| (a, b))).unzip();
                unary_kernels(&x, &y_bar);
            }

            #[test]
            fn long_operands_broadcast_too() {
                let long = 2 * parallel::GRAIN + 77;
                for (shape, a, b) in [
                    (vec![long], vec![long], vec![]),
                    (vec![long / 10, 10], vec![10], vec![long / 10, 10]),
                    (vec![long / 500, 500], vec![500], vec![long / 500, 1]),
                    (vec![3, long / 30, 10], vec![3, 1, 10], vec![long / 30, 10]),
                ] {
                    binary_kernels(&shape, &a, &b, 7);
                }
            }

            fn binary_kernels(shape: &[usize], shape_a: &[usize], shape_b: &[usize], seed: u64) {
                let n: usize = shape.iter().product();
                let (a, b, y_bar): (Vec<$t>, Vec<$t>, Vec<$t>) = (
                    numbers(seed, shape_a.iter().product()),
                    numbers(seed + 1, shape_b.iter().product()),
                    numbers(seed + 2, n),
                );
                let (a, b) = (Operand { data: &a, shape: shape_a }, Operand { data: &b, shape: shape_b });
                let (full_a, full_b) = (naive::stretch(a, shape), naive::stretch(b, shape));
                for &op in Binary::ALL {
                    let y = everywhere(|level| written(n, |out| broadcast::binary(level, op, a, b, shape, out)));
                    assert_same(&y, &naive::binary(op, &full_a, &full_b));
                    for wrt in [0, 1] {
                        let vjp = |level| {
                            written(n, |out| broadcast::binary_vjp(level, op, wrt, a, b, shape, Operand { data: &y, shape }, Operand { data: &y_bar, shape }, out))
                        };
                        assert_same(&everywhere(vjp), &naive::binary_vjp(op, wrt, &full_a, &full_b, &y, &y_bar));
                    }
                }
            }

            fn group_kernels(g: Groups, seed: u64) {
                let (n, m) = (g.elements(), g.outer * g.inner);
                let x: Vec<$t> = numbers(seed, n);
                let near = |got: Vec<$t>, want: Vec<f64>, scale: f64| assert_near(&got, &want, scale * $tolerance);
                let one = |f: fn(&[f64]) -> f64| naive::groups(&x, g, |x| vec![f(x)]);
                let sums = everywhere(|l| written(m, |out| fold::sum(l, &x, g, out)));
                for (i, (sum, exact)) in sums.iter().zip(naive::groups(&x, g, |x| vec![naive::sum(x)])).enumerate() {
                    let error = (*sum as f64 - exact).abs();
                    assert!(error <= 10.0 * $tolerance * g.n as f64, "at {i}: {sum} is not {exact}");
                }
                near(everywhere(|l| written(m, |out| fold::max(l, &x, g, out))), one(naive::max), 0.0);
                near(everywhere(|l| written(m, |out| fold::min(l, &x, g, out))), one(naive::min), 0.0);
                let got = everywhere(|l| written(m, |out| logsumexp::logsumexp(l, &x, g, out)));
                near(got, one(naive::logsumexp), 4.0);
                let y = everywhere(|l| written(n, |out| softmax::softmax(l, &x, g, out)));
                near(y.clone(), naive::groups(&x, g, naive::softmax), 4.0);
                let ln = everywhere(|l| written(n, |out| softmax::log_softmax(l, &x, g, out)));
                near(ln.clone(), naive::groups(&x, g, naive::log_softmax), 4.0);

                // The rules, by the formulas of the recorded sweep: the same bits.
                let y_bar: Vec<$t> = numbers(seed + 1, n);
                let sum = |x: &[$t]| {
                    let sums = written(m, |out| fold::sum(Level::current(), x, g, out));
                    let back = Operand { data: &sums, shape: &[g.outer, 1, g.inner] };
                    naive::stretch(back, &[g.outer, g.n, g.inner])
                };
                let products: Vec<$t> = y.iter().zip(&y_bar).map(|(a, b)| a * b).collect();
                let (inner, total) = (sum(&products), sum(&y_bar));
                let want: Vec<$t> = (0..n).map(|i| y[i] * (y_bar[i] - inner[i])).collect();
                let in_place = |rule: fn(Level, &[$t], Groups, &mut [$t]), y: &[$t]| {
                    everywhere(|level| {
                        let mut out = y_bar.clone();
                        rule(level, y, g, &mut out);
                        out
                    })
                };
                assert_same(&in_place(softmax::softmax_vjp, &y), &want);
                let exp = naive::unary(Unary::Exp, [0.0; 2], &ln);
                let want: Vec<$t> = (0..n).map(|i| y_bar[i] - exp[i] * total[i]).collect();
                assert_same(&in_place(softmax::log_softmax_vjp, &ln), &want);
            }

            #[test]
            fn large_groups_reduce_as_small_ones_do() {
                large_groupings().into_iter().for_each(|g| group_kernels(g, 5));
            }

            fn scan_kernels(g: Groups, seed: u64) {
                let (x, factors): (Vec<$t>, Vec<$t>) = (numbers(seed, g.elements()), numbers(seed + 1, g.elements()));
                let factors: Vec<$t> = factors.iter().map(|a| a / 3.0).collect();
                let places: Vec<f64> = (0..x.len()).map(|i| i as f64).collect();
                for reverse in [false, true] {
                    let by = |ones: bool| naive::groups(&places, g, |places| {
                        let pick = |from: &[$t]| places.iter().map(|&i| from[i as usize] as f64).collect::<Vec<_>>();
                        let factors = if ones { vec![1.0; places.len()] } else { pick(&factors) };
                        naive::recurrence(&pick(&x), &factors, reverse)
                    });
                    let sums = among_threads(|| written(x.len(), |out| scan::cumsum(&x, g, reverse, out)));
                    assert_near(&sums, &by(true), 20.0 * $tolerance * g.n as f64);
                    for mul0 in [false, true] {
                        let run = |out: &mut [$t]| scan::recurrence(mul0, [&x, &factors], g, reverse, out);
                        assert_near(&among_threads(|| written(x.len(), run)), &by(false), 20.0 * $tolerance * g.n as f64);
                    }
                }
            }

            fn order_kernels(g: Groups, seed: u64) {
                // With ties, infinities and NaNs.
                let coarse = |x: $t| if x > 2.8 { $t::NAN } else if x > 2.6 { $t::INFINITY } else { x.round() };
                let x: Vec<$t> = numbers(seed, g.elements()).into_iter().map(coarse).collect();
                let v: Vec<$t> = numbers(seed + 1, g.elements());
                for (descending, k) in [(false, g.n), (true, g.n), (true, g.n / 3), (false, g.n.min(1))] {
                    let ranking = order::Ranking { descending, k };
                    let places = naive::groups(&x, g, |x| {
                        naive::argsort(x, descending)[..k].iter().map(|&i| i as f64).collect()
                    });
                    let found = among_threads(|| {
                        let mut out = vec![usize::MAX; places.len()];
                        order::argsort(&x, g, ranking, &mut out);
                        out.iter().map(|&i| i as $t).collect::<Vec<$t>>()
                    });
                    assert_same(&found, &places.iter().map(|&i| i as $t).collect::<Vec<$t>>());
                    let shape = [g.outer, k, g.inner];
                    let from: Vec<usize> = naive::indices(&shape).iter().zip(&places)
                        .map(|(i, &place)| (i[0] * g.n + place as usize) * g.inner + i[2]).collect();
                    let sorted = among_threads(|| written(from.len(), |out| order::sort_by(&x, &v, g, ranking, out)));
                    assert_same(&sorted, &from.iter().map(|&i| v[i]).collect::<Vec<_>>());
                    let mut back = vec![0.0; v.len()];
                    from.iter().zip(&sorted).for_each(|(&i, &x)| back[i] = x);
                    let unsort = |out: &mut [$t]| order::unsort(&x, &sorted, g, ranking, out);
                    assert_same(&among_threads(|| written(v.len(), unsort)), &back);
                }
                for smallest in [false, true] {
                    let of = if smallest { naive::min } else { naive::max };
                    let first = |x: &[f64]| {
                        let best = of(x);
                        x.iter().position(|x| *x == best || (x.is_nan() && best.is_nan())).map_or(0.0, |i| i as f64)
                    };
                    let found = among_threads(|| {
                        let mut out = vec![usize::MAX; g.outer * g.inner];
                        if g.n > 0 {
                            order::argmax(&x, g, smallest, &mut out);
                        }
                        out.iter().map(|&i| i as $t).collect::<Vec<$t>>()
                    });
                    if g.n > 0 {
                        let want = naive::groups(&x, g, |x| vec![first(x)]);
                        assert_same(&found, &want.iter().map(|&i| i as $t).collect::<Vec<$t>>());
                    }
                }
            }

            fn index_kernels(g: Groups, k: usize, seed: u64) {
                let k = if g.n == 0 { 0 } else { k };
                let indices: Vec<usize> = (0..k).map(|i| (i * 7 + seed as usize % 10) % g.n).collect();
                let (x, rows): (Vec<$t>, Vec<$t>) = (numbers(seed, g.elements()), numbers(seed + 1, g.outer * k * g.inner));
                let from: Vec<usize> = naive::indices(&[g.outer, k, g.inner]).iter()
                    .map(|i| (i[0] * g.n + indices[i[1]]) * g.inner + i[2]).collect();
                let select = |out: &mut [$t]| index::select(&x, g, &indices, out);
                assert_same(&among_threads(|| written(from.len(), select)), &from.iter().map(|&i| x[i]).collect::<Vec<_>>());
                let mut want = vec![0.0; x.len()];
                from.iter().zip(&rows).for_each(|(&i, x)| want[i] += x);
                let add = |out: &mut [$t]| index::add(&rows, g, &indices, out);
                assert_same(&among_threads(|| written(x.len(), add)), &want);
            }

            #[test]
            fn large_groups_are_scanned_ordered_and_picked_among_threads() {
                for g in large_groupings() {
                    scan_kernels(g, 6);
                    order_kernels(g, 7);
                    index_kernels(g, g.n / 2 + 3, 8);
                }
            }

            fn cross_entropy_kernels(rows: usize, classes: usize, seed: u64) {
                let x: Vec<$t> = numbers(seed, rows * classes);
                let labels: Vec<usize> = (0..rows).map(|i| (i * 7 + seed as usize % 10) % classes).collect();
                let g = Groups { outer: rows, n: classes, inner: 1 };
                let losses = |level| {
                    written(rows, |out| cross_entropy::losses(level, &x, &labels, classes, out))
                };
                let ln = naive::groups(&x, g, naive::log_softmax);
                let want: Vec<f64> = labels.iter().enumerate().map(|(i, label)| -ln[i * classes + label]).collect();
                assert_near(&everywhere(losses), &want, 4.0 * $tolerance);

                // softmax - one_hot, times the adjoint, by the formula of the recorded sweep.
                let bar: Vec<$t> = numbers(seed + 1, rows);
                let y = written(x.len(), |out| softmax::softmax(Level::current(), &x, g, out));
                let hot = |i: usize| if labels[i / classes] == i % classes { 1.0 } else { 0.0 };
                let want: Vec<$t> = (0..x.len()).map(|i| bar[i / classes] * (y[i] - hot(i))).collect();
                let vjp = |level| {
                    written(x.len(), |out| cross_entropy::vjp(level, &x, &labels, classes, &bar, out))
                };
                assert_same(&everywhere(vjp), &want);
            }

            #[test]
            fn cross_entropy_of_many_rows_and_of_many_classes() {
                for (rows, classes) in [(0, 3), (0, 0), (5, 1), (5000, 10), (3, 1500), (130, 513)] {
                    cross_entropy_kernels(rows, classes, 3);
                }
            }

            #[test]
            fn a_group_of_minus_infinity_is_a_softmax_of_zeros() {
                let (x, g) = ([$t::NEG_INFINITY; 6], Groups { outer: 1, n: 3, inner: 2 });
                for g in [g, Groups { outer: 2, n: 3, inner: 1 }] {
                    let run = |f: fn(Level, &[$t], Groups, &mut [$t]), len| {
                        written(len, |out| f(Level::current(), &x, g, out))
                    };
                    assert_eq!(run(softmax::softmax, 6), [0.0; 6]);
                    assert_eq!(run(softmax::log_softmax, 6), x);
                    assert_eq!(run(logsumexp::logsumexp, 2), [$t::NEG_INFINITY; 2]);
                    assert_eq!(run(fold::max, 2), [$t::NEG_INFINITY; 2]);
                }
            }

            #[test]
            fn softmax_is_stable_at_500() {
                let (x, g) = ([500.0, 500.0, -500.0], Groups { outer: 1, n: 3, inner: 1 });
                let level = Level::current();
                assert_eq!(written::<$t>(3, |out| softmax::softmax(level, &x, g, out)), [0.5, 0.5, 0.0]);
                let ln2 = std::$t::consts::LN_2;
                assert_eq!(written::<$t>(1, |out| logsumexp::logsumexp(level, &x, g, out)), [500.0 + ln2]);
                let losses = |label| {
                    written::<$t>(1, |out| cross_entropy::losses(level, &x, &[label], 3, out))[0]
                };
                assert_eq!((losses(0), losses(2)), (ln2, 1000.0 + ln2));
            }

            #[test]
            fn nan_wins_a_maximum_and_infinity_a_log_sum_exp() {
                for inner in [1, 2] {
                    for at in 0..40 {
                        let mut x: Vec<$t> = vec![1.0; 40 * inner];
                        let g = Groups { outer: 1, n: 40, inner };
                        x[at * inner] = $t::INFINITY;
                        let out = written(inner, |out| logsumexp::logsumexp(Level::current(), &x, g, out));
                        assert_eq!(out[0], $t::INFINITY);
                        x[at * inner] = $t::NAN;
                        assert!(everywhere(|l| written(inner, |out| fold::max(l, &x, g, out)))[0].is_nan());
                    }
                }
            }

            #[test]
            fn sums_of_ten_million_stay_accurate() {
                let n = 10_000_000;
                let x: Vec<$t> = (0..n).map(|i| 0.1 + (i % 7) as $t * 0.01).collect();
                let exact = naive::sum(&x.iter().map(|&x| x as f64).collect::<Vec<_>>());
                for (n, inner) in [(n, 1), (n / 10, 10)] {
                    let out = written(inner, |out| {
                        fold::sum(Level::current(), &x, Groups { outer: 1, n, inner }, out)
                    });
                    let sum: f64 = out.iter().map(|&x| x as f64).sum();
                    assert!((sum / exact - 1.0).abs() < 2.0 * $tolerance, "{sum} is not {exact}");
                }
            }

            fn gemm_kernel([m, k, n]: [usize; 3], kinds: [u8; 2], accumulate: bool, seed: u64) {
                let matrix = |data, (row_stride, col_stride, _), rows, cols| {
                    Matrix { data, rows, cols, row_stride, col_stride }
                };
                let (at_a, at_b) = (layout(kinds[0], m, k), layout(kinds[1], k, n));
                let (x, y): (Vec<$t>, Vec<$t>) = (numbers(seed, at_a.2), numbers(seed + 1, at_b.2));
                let (a, b) = (matrix(&x[..], at_a, m, k), matrix(&y[..], at_b, k, n));
                let start: Vec<$t> = numbers(seed + 2, m * n);
                let product = |level| {
                    let mut c = if accumulate { start.clone() } else { vec![$t::NAN; m * n] };
                    gemm::gemm(level, a, b, accumulate, &mut c);
                    c
                };
                let begin = |i: usize| if accumulate { start[i] as f64 } else { 0.0 };
                let want: Vec<f64> = naive::gemm(a, b).iter().enumerate().map(|(i, x)| x + begin(i)).collect();
                let tolerance = (1.0 + k as f64).sqrt() * 20.0 * $tolerance;
                assert_near(&everywhere(product), &want, tolerance);
            }

            #[test]
            fn large_products_are_cut_among_threads_with_equal_bits() {
                for size in [[150, 300, 270], [1200, 40, 33], [1, 900, 1400], [1400, 900, 1], [9, 600, 700], [200, 1200, 60], [60, 1200, 200], [3, 513, 600], [4500, 20, 9]] {
                    for kinds in [[0, 0], [0, 1], [1, 0], [1, 1]] {
                        gemm_kernel(size, kinds, size[0] % 4 == 0, 11);
                    }
                }
            }

            #[test]
            #[should_panic(expected = "a matrix reaches beyond its data")]
            fn a_matrix_must_lie_in_its_data() {
                let a = Matrix { data: &[1.0; 5], rows: 2, cols: 3, row_stride: 3, col_stride: 1 };
                $t::gemm(a, a.t(), false, &mut [0.0; 4]);
            }

            fn conv_kernels(s: &ConvSizes, seed: u64) {
                let [rows, cols] = s.axes;
                let [x, w, y] = [
                    s.images * s.groups * s.inputs * rows.image * cols.image,
                    s.groups * s.outputs * s.inputs * rows.kernel * cols.kernel,
                    s.images * s.groups * s.outputs * rows.count * cols.count,
                ];
                for op in Conv::ALL {
                    let [n, m, size] = op.order(x, w, y);
                    let (a, b): (Vec<$t>, Vec<$t>) = (numbers(seed, n), numbers(seed + 1, m));
                    let bias: Option<Vec<$t>> =
                        (*op == Conv::Forward).then(|| numbers(seed + 2, s.groups * s.outputs));
                    let mut want = vec![0.0; size];
                    if let Some(bias) = &bias {
                        let of = |i: usize| bias[i / (rows.count * cols.count) % bias.len()] as f64;
                        want.iter_mut().enumerate().for_each(|(i, y)| *y = of(i));
                    }
                    let mut terms = 0;
                    conv::each_product(s, |x, w, y| {
                        let [i, j, k] = op.order(x, w, y);
                        want[k] += a[i] as f64 * b[j] as f64;
                        terms += 1;
                    });
                    let tolerance = (1.0 + terms as f64 / size.max(1) as f64).sqrt() * 30.0 * $tolerance;
                    for level in Level::available() {
                        let conv = |bias: Option<&[$t]>| {
                            let mut scratch = vec![$t::NAN; conv::scratch::<$t>(level, *op, s)];
                            written(size, |out| conv::conv(level, *op, s, [&a, &b], bias, &mut scratch, out))
                        };
                        assert_near(&among_threads(|| conv(bias.as_deref())), &want, tolerance);
                        if s.images == 1 && bias.is_some() {
                            let zeros = vec![0.0; s.groups * s.outputs];
                            assert_same(&conv(None), &conv(Some(&zeros)));
                        }
                    }
                }
            }

            #[test]
            fn large_convolutions_are_cut_among_threads_with_equal_bits() {
                let axis = |image, kernel, stride, padding, count| {
                    Slide { image, kernel, stride, padding, dilation: 1, count }
                };
                let (same, plain) = (axis(20, 3, 1, 1, 20), axis(20, 1, 1, 0, 20));
                let sizes = |images, groups, inputs, outputs, axes| {
                    ConvSizes { images, groups, inputs, outputs, axes }
                };
                conv_kernels(&sizes(9, 1, 8, 16, [same, same]), 1);
                conv_kernels(&sizes(5, 2, 16, 16, [plain, plain]), 2);
                conv_kernels(&sizes(1, 1, 32, 40, [same, axis(21, 3, 2, 1, 11)]), 3);
                conv_kernels(&sizes(2, 1, 200, 1400, [axis(1, 1, 1, 0, 1), plain]), 4);
                // As in a network for digits, and with a channel too many for the lanes.
                conv_kernels(&sizes(10, 1, 32, 64, [axis(13, 3, 1, 0, 11), axis(13, 3, 1, 0, 11)]), 5);
                conv_kernels(&sizes(6, 1, 33, 65, [axis(13, 3, 2, 1, 7), axis(13, 3, 1, 1, 13)]), 6);
                // Rows that are too long for one piece.
                conv_kernels(&sizes(2, 1, 16, 16, [axis(1, 1, 1, 0, 1), axis(1500, 3, 1, 1, 1500)]), 7);
            }

            fn pool_kernels(w: &Windows, seed: u64) {
                let [rows, cols] = &w.axes;
                let (size, count) = (rows.image * cols.image, rows.count * cols.count);
                let x: Vec<$t> = numbers(seed, w.planes * size);
                let y_bar: Vec<$t> = numbers(seed + 1, w.planes * count);
                // Positions of each window's elements in the image, in row-major order.
                let seen: Vec<Vec<usize>> = naive::indices(&[w.planes, rows.count, cols.count])
                    .iter()
                    .map(|o| {
                        let of = |k: Vec<usize>| Some((rows.place(o[1], k[0])?, cols.place(o[2], k[1])?));
                        let inside = naive::indices(&[rows.kernel, cols.kernel]).into_iter().filter_map(of);
                        inside.map(|(y, x)| (o[0] * rows.image + y) * cols.image + x).collect()
                    })
                    .collect();
                let area = (rows.kernel * cols.kernel) as f64;
                let largest = |p: &Vec<usize>| p.iter().map(|&i| x[i]).fold($t::NEG_INFINITY, $t::max);
                let first = |p: &Vec<usize>| *p.iter().find(|&&i| x[i] == largest(p)).unwrap();

                let max = everywhere(|level| written(seen.len(), |out| pooling::max(level, &x, w, out)));
                assert_same(&max, &seen.iter().map(largest).collect::<Vec<$t>>());
                let others: Vec<$t> = numbers(seed + 2, x.len());
                let picked = everywhere(|_| written(seen.len(), |out| pooling::pick(&x, &others, w, out)));
                assert_same(&picked, &seen.iter().map(|p| others[first(p)]).collect::<Vec<_>>());
                let mut want = vec![0.0; x.len()];
                seen.iter().zip(&y_bar).for_each(|(p, y_bar)| want[first(p)] += *y_bar);
                let unpick = |level| written(x.len(), |out| pooling::give(level, &x, &y_bar, w, out));
                assert_same(&everywhere(unpick), &want);

                let mean = everywhere(|_| written(seen.len(), |out| pooling::mean(&x, w, out)));
                let sum = |p: &Vec<usize>| naive::sum(&p.iter().map(|&i| x[i] as f64).collect::<Vec<_>>());
                let want: Vec<f64> = seen.iter().map(|p| sum(p) / area).collect();
                assert_near(&mean, &want, 10.0 * $tolerance);
                let mut want = vec![0.0; x.len()];
                for (p, y) in seen.iter().zip(&y_bar) {
                    p.iter().for_each(|&i| want[i] += *y as f64 / area);
                }
                let spread = everywhere(|_| written(x.len(), |out| pooling::spread(&y_bar, w, out)));
                assert_near(&spread, &want, 10.0 * $tolerance);
            }

            #[test]
            fn large_images_are_pooled_by_several_threads() {
                let axis = Slide { image: 57, kernel: 3, stride: 2, padding: 1, dilation: 1, count: 29 };
                pool_kernels(&Windows { planes: 40, axes: [axis, axis] }, 5);
            }

            #[test]
            fn nan_wins_a_window_and_the_first_of_equals_gets_the_gradient() {
                // With a stride of 1 by the general loops, with 2 by those of windows side by side.
                let axis = |stride| Slide { image: 2, kernel: 2, stride, padding: 0, dilation: 1, count: 1 };
                let [w, side_by_side] = [1, 2].map(|stride| Windows { planes: 1, axes: [axis(stride); 2] });
                let (nan, low) = ($t::NAN, $t::NEG_INFINITY);
                for (x, largest, place) in [
                    ([1.0, nan, 3.0, nan], nan, 1usize),
                    ([nan, 1.0, nan, 3.0], nan, 0),
                    ([low; 4], low, 0),
                    ([low, 2.0, 2.0, 1.0], 2.0, 1),
                    ([-0.0, 0.0, 0.0, -0.0], 0.0, 0),
                ] {
                    let places = [0.0, 1.0, 2.0, 3.0];
                    let picked = written(1, |out| pooling::pick(&x, &places, &w, out));
                    assert_eq!(picked, [places[place]], "{x:?}");
                    // Twenty of them in a strip.
                    let wide = |n| Slide { image: 2 * n, count: n, ..axis(2) };
                    let strip = Windows { axes: [axis(2), wide(20)], ..side_by_side };
                    let rows = [[x[0], x[1]].repeat(20), [x[2], x[3]].repeat(20)].concat();
                    for (w, x) in [(w, &x[..]), (side_by_side, &x[..]), (strip, &rows[..])] {
                        let n = w.axes[1].count;
                        let max = written(n, |out| pooling::max(Level::current(), x, &w, out));
                        assert_same(&max, &vec![largest; n]);
                        let given = written(4 * n, |out| {
                            pooling::give(Level::current(), x, &vec![3.0; n], &w, out);
                        });
                        let here = |i: usize| i / (2 * n) * 2 + i % 2 == place;
                        let want: Vec<$t> = (0..4 * n).map(|i| if here(i) { 3.0 } else { 0.0 }).collect();
                        assert_same(&given, &want);
                    }
                }
            }

            #[test]
            fn a_mask_is_the_same_however_it_is_cut() {
                let mask = Mask { seed: 5, stream: 3, rate: 0.3 };
                let x: Vec<$t> = numbers(1, 100_000);
                let y = everywhere(|_| written(x.len(), |out| dropout::dropout(&x, mask, out)));
                let mut whole = vec![0.0; x.len()];
                mask.each(0, x.len(), |i, kept| {
                    whole[i] = if kept { x[i] * mask.scale() as $t } else { 0.0 };
                });
                assert_same(&y, &whole);
                // Ten standard deviations: sqrt(0.3 · 0.7 · n) is 145.
                let kept = |mask: Mask| {
                    let mut count = 0;
                    mask.each(0, x.len(), |_, kept| count += kept as usize);
                    count as f64
                };
                assert!((kept(mask) - 70_000.0).abs() < 1450.0, "{}", kept(mask));
                assert_eq!(kept(Mask { rate: 1.0, ..mask }), 0.0);
                assert_eq!(kept(Mask { rate: 0.0, ..mask }), x.len() as f64);
                let other = Mask { stream: 4, ..mask };
                assert_ne!(written(x.len(), |out| dropout::dropout(&x, other, out)), y);
            }

            /// Batches that are cut among threads, and single matrices, which are not.
            #[test]
            fn linear_algebra_has_equal_bits_everywhere() {
                for (batch, n) in [(900, 4), (2, 33), (1, 70), (3, 1), (3, 0)] {
                    let a: Vec<$t> = numbers(5, batch * n * n);
                    for &op in Linalg::ALL.iter().filter(|&&op| op != Linalg::Solve) {
                        let size = linalg::size_of_result(op, n, n);
                        everywhere(|level| written(batch * size, |out| linalg::run(level, op, &a, n, n, out)));
                    }
                    let (k, pairs) = (2, (0..batch).map(|i| (i / 2, batch - 1 - i)).collect::<Vec<_>>());
                    let b: Vec<$t> = numbers(6, batch * n * k);
                    let systems = Systems { a: &a, b: &b, n, k, pairs: &pairs };
                    everywhere(|level| written(b.len(), |out| linalg::solve(level, systems, out)));
                }
            }

            #[test]
            fn solutions_solve_their_systems() {
                for n in [1, 2, 5, 64] {
                    let mut a: Vec<$t> = numbers(7, n * n);
                    a.iter_mut().step_by(n + 1).for_each(|x| *x += 3.0 * n as $t);
                    let b: Vec<$t> = numbers(8, n * 3);
                    let systems = Systems { a: &a, b: &b, n, k: 3, pairs: &[(0, 0)] };
                    let x = written(n * 3, |out| $t::solve(systems, out));
                    let of = |data, cols| Matrix { data, rows: n, cols, row_stride: cols, col_stride: 1 };
                    let back: Vec<$t> = naive::gemm(of(&a, n), of(&x, 3)).into_iter().map(|x| x as $t).collect();
                    let want: Vec<f64> = b.iter().map(|&b| b.to_f64()).collect();
                    assert_near(&back, &want, 30.0 * $tolerance);
                }
            }

            #[test]
            fn updates_run_over_parameter_and_state_at_once() {
                for n in [0, 1, 33, 1000, 2 * parallel::GRAIN + 9] {
                    let (w, g, m): (Vec<$t>, Vec<$t>, Vec<$t>) = (numbers(1, n), numbers(2, n), numbers(3, n));
                    let rule = |w: $t, g: $t, [m, v]: [$t; 2]| (w - g * m, [m * 0.5 + g, v + g * g]);
                    let want: Vec<_> = (0..n).map(|i| rule(w[i], g[i], [m[i], w[i]])).collect();
                    let (mut w1, mut w2) = (w.clone(), vec![$t::UNREACHED; n]);
                    let (mut m1, mut v1, mut m2, mut v2) = (m.clone(), w.clone(), m.clone(), w.clone());
                    update(&mut w1, &g, [&mut m1, &mut v1], rule);
                    update_into(&w, &mut w2, &g, [&mut m2, &mut v2], rule);
                    for (got, state) in [(w1, [m1, v1]), (w2, [m2, v2])] {
                        assert_same(&got, &want.iter().map(|x| x.0).collect::<Vec<_>>());
                        for k in 0..2 {
                            assert_same(&state[k], &want.iter().map(|x| x.1[k]).collect::<Vec<_>>());
                        }
                    }
                }
            }

            #[test]
            fn the_mark_of_an_unreached_adjoint_is_no_result_of_arithmetic() {
                assert!($t::UNREACHED.is_nan() && $t::UNREACHED.is_unreached());
                assert!(!$t::NAN.is_unreached() && !($t::UNREACHED + 0.0).is_unreached());
                assert!(!(0.0 as $t / 0.0).is_unreached() && !(0.0 as $t).is_unreached());
            }

            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(40) })]

                #[test]
                fn gemm_equals_the_reference((size, kinds, accumulate) in products(), seed: u64) {
                    gemm_kernel(size, kinds, accumulate, seed >> 1);
                }

                #[test]
                fn binary_kernels_equal_their_rules((shape, a, b) in broadcasts(), seed: u64) {
                    binary_kernels(&shape, &a, &b, seed >> 1);
                }

                #[test]
                fn group_kernels_equal_the_reference(g in grouping(), seed: u64) {
                    group_kernels(g, seed >> 1);
                }

                #[test]
                fn scans_orders_and_indices_equal_the_reference(g in grouping(), k in 0usize..9, seed: u64) {
                    scan_kernels(g, seed >> 1);
                    order_kernels(g, seed >> 1);
                    index_kernels(g, k, seed >> 1);
                }

                #[test]
                fn convolutions_are_the_sums_of_their_products(s in convolutions(), seed: u64) {
                    conv_kernels(&s, seed >> 1);
                }

                #[test]
                fn convolutions_of_many_channels_too(s in wide_convolutions(), seed: u64) {
                    conv_kernels(&s, seed >> 1);
                }

                #[test]
                fn transposes_have_rows_for_columns(rows in 0usize..40, cols in 0usize..40, more in 0usize..9) {
                    let (from, to) = (cols + more, rows + 2 * more);
                    let x: Vec<$t> = numbers(1, rows * from);
                    let fresh = vec![$t::NAN; cols * to];
                    for level in Level::available() {
                        let mut y = fresh.clone();
                        transpose::transpose(level, [rows, cols], (&x, from), (&mut y, to));
                        let mut want = fresh.clone();
                        for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
                            want[j * to + i] = x[i * from + j];
                        }
                        assert_same(&y, &want);
                    }
                }

                #[test]
                fn pairs_are_pooled_in_strips(
                    planes in 0usize..5, height in 2usize..9, width in 2usize..70, seed: u64,
                ) {
                    let axis = |image| {
                        Slide { image, kernel: 2, stride: 2, padding: 0, dilation: 1, count: image / 2 }
                    };
                    pool_kernels(&Windows { planes, axes: [axis(height), axis(width)] }, seed >> 1);
                }

                #[test]
                fn pools_are_those_of_each_window(w in pools(), seed: u64) {
                    pool_kernels(&w, seed >> 1);
                }

                #[test]
                fn cross_entropy_equals_the_reference(rows in 0usize..70, classes in 1usize..40, seed: u64) {
                    cross_entropy_kernels(rows, classes, seed >> 1);
                }
            }
        }
    };
}

tests_for!(f32, 2e-7);
tests_for!(f64, 1e-15);
