//! Values counted in buckets of equal width.
//!
//! As TensorBoard's own writers do it: 30 buckets from the least to the greatest value, each closed
//! on the left and open on the right, the last one closed on both sides (tensorboard, `plugins/histogram`,
//! `summary_v2.py`). Values that are not finite have no bucket: they are counted apart, and not lost
//! silently. Two passes over the values; nothing is sorted.

/// TensorBoard's default.
const BUCKETS: usize = 30;

/// Counts of the finite values among some values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Left edge, right edge, count. None where no value is finite.
    pub rows: Vec<[f64; 3]>,
    /// How many values were NaN or infinite.
    pub nonfinite: usize,
}

impl Histogram {
    pub fn of<T: Copy + Into<f64>>(values: &[T]) -> Histogram {
        let finite = || values.iter().map(|&x| x.into()).filter(|x: &f64| x.is_finite());
        let (mut n, mut low, mut high) = (0usize, f64::INFINITY, f64::NEG_INFINITY);
        for x in finite() {
            (n, low, high) = (n + 1, low.min(x), high.max(x));
        }
        let nonfinite = values.len() - n;
        if n == 0 {
            return Histogram { rows: Vec::new(), nonfinite };
        }
        // The halves are subtracted: the range itself may be too large for a number.
        let half_width = (high / 2.0 - low / 2.0) / BUCKETS as f64;
        let edge = |i: usize| match i {
            BUCKETS => high,
            _ => low + half_width * i as f64 + half_width * i as f64,
        };
        let mut counts = [0usize; BUCKETS];
        if half_width > 0.0 {
            for x in finite() {
                let bucket = ((x / 2.0 - low / 2.0) / half_width) as usize;
                counts[bucket.min(BUCKETS - 1)] += 1;
            }
        } else {
            // One value, or values too near to be told apart: all edges coincide.
            counts[BUCKETS - 1] = n;
        }
        let row = |i| [edge(i), edge(i + 1), counts[i] as f64];
        Histogram { rows: (0..BUCKETS).map(row).collect(), nonfinite }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(histogram: &Histogram) -> Vec<f64> {
        histogram.rows.iter().map(|row| row[2]).collect()
    }

    #[test]
    fn buckets_are_of_equal_width_from_the_least_to_the_greatest() {
        let values: Vec<f64> = (0..60).map(|i| f64::from(i) / 2.0).chain([30.0]).collect();
        let histogram = Histogram::of(&values);
        for (i, &[left, right, _]) in histogram.rows.iter().enumerate() {
            assert!((left - i as f64).abs() < 1e-12 && (right - (i + 1) as f64).abs() < 1e-12, "{i}");
        }
        let mut expected = vec![2.0; 30];
        expected[29] = 3.0;
        assert_eq!(counts(&histogram), expected, "the last one is closed: 29, 29.5 and 30");
    }

    #[test]
    fn edges_of_neighbours_are_the_same_number() {
        let histogram = Histogram::of(&[0.1f64, 0.2, 0.7]);
        assert!(histogram.rows.windows(2).all(|pair| pair[0][1] == pair[1][0]));
        assert_eq!((histogram.rows[0][0], histogram.rows[29][1]), (0.1, 0.7));
    }

    #[test]
    fn a_single_value_is_in_the_last_bucket() {
        let histogram = Histogram::of(&[2.5f32; 7]);
        assert!(histogram.rows.iter().all(|row| row[..2] == [2.5, 2.5]));
        assert_eq!(counts(&histogram).iter().rposition(|&n| n == 7.0), Some(29));
        assert_eq!(counts(&histogram).iter().sum::<f64>(), 7.0);
    }

    #[test]
    fn what_is_not_finite_is_counted_apart() {
        let histogram = Histogram::of(&[f64::NAN, 1.0, f64::INFINITY, f64::NEG_INFINITY, 2.0]);
        assert_eq!(histogram.nonfinite, 3);
        assert_eq!(counts(&histogram).iter().sum::<f64>(), 2.0);
        assert!(histogram.rows.iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn without_finite_values_there_are_no_buckets() {
        assert_eq!(Histogram::of::<f64>(&[]), Histogram { rows: vec![], nonfinite: 0 });
        assert_eq!(Histogram::of(&[f32::NAN]), Histogram { rows: vec![], nonfinite: 1 });
    }

    #[test]
    fn a_range_beyond_the_largest_number_has_finite_edges() {
        let histogram = Histogram::of(&[f64::MAX, -f64::MAX, 0.0]);
        assert!(histogram.rows.iter().flatten().all(|x| x.is_finite()), "{histogram:?}");
        assert_eq!(counts(&histogram).iter().sum::<f64>(), 3.0);
        let tiny = Histogram::of(&[0.0, f64::from_bits(1)]);
        assert_eq!(counts(&tiny).iter().sum::<f64>(), 2.0);
    }
}
