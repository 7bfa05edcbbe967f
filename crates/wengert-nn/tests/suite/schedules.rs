//! Schedules beyond the golden ones: their edges, what they refuse, and how they are joined.

use std::f64::consts::PI;
use wengert_nn::prelude::*;

/// One of each kind, over ten steps.
fn all() -> Vec<Box<dyn Schedule>> {
    vec![
        Box::new(StepDecay::new(0.1, 10)),
        Box::new(MultiStepDecay::new(0.1, [3, 7])),
        Box::new(ExponentialDecay::new(0.1, 0.9)),
        Box::new(CosineAnnealing::new(0.1, 10)),
        Box::new(LinearRamp::new(0.1, 10)),
        Box::new(OneCycle::new(0.1, 10)),
        Box::new(PolynomialDecay::new(0.1, 10)),
        Box::new(|step: u64| 0.1 / (1.0 + step as f64)),
    ]
}

#[test]
fn every_step_has_a_rate_even_the_last_that_can_be_counted() {
    for schedule in all() {
        for step in [0, 1, 9, 10, 11, 1 << 33, u64::MAX] {
            let rate = schedule.at(step);
            assert!((0.0..=0.1).contains(&rate), "step {step}: {rate}");
        }
    }
}

#[test]
fn those_that_end_stay_at_their_last_rate() {
    let ramp = LinearRamp::new(0.1, 4).factors(0.5, 0.25);
    assert_eq!([4, 5, 100].map(|step| ramp.at(step)), [0.025; 3]);
    let polynomial = PolynomialDecay::new(0.1, 4).power(3.0).minimum(0.02);
    assert_eq!([4, 5, 100].map(|step| polynomial.at(step)), [0.02; 3]);
    let cycle = OneCycle::new(0.5, 4).divisors(10.0, 5.0);
    assert_eq!([3, 4, 100].map(|step| cycle.at(step)), [0.05 / 5.0; 3]);
}

#[test]
fn the_cosine_rises_again_and_has_a_period_of_two_halves() {
    let schedule = CosineAnnealing::new(0.3, 8).minimum(0.1);
    for step in 0..=8 {
        let expected = 0.2 + 0.1 * (PI * step as f64 / 8.0).cos();
        for same in [step, 16 - step, 16 + step] {
            assert!((schedule.at(same) - expected).abs() < 1e-15, "step {same}");
        }
    }
}

#[test]
fn a_minimum_is_added_to_a_smaller_polynomial() {
    let (whole, above) = (PolynomialDecay::new(0.3, 5).minimum(0.1), PolynomialDecay::new(0.2, 5));
    for step in 0..=5 {
        assert!((whole.at(step) - 0.1 - above.at(step)).abs() < 1e-16, "step {step}");
    }
}

#[test]
fn milestones_count_in_any_order_and_as_often_as_they_are_named() {
    let schedule = MultiStepDecay::new(1.0, [4, 0, 2, 4]).factor(0.5);
    assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.at(step)), [0.5, 0.5, 0.25, 0.25, 0.0625]);
    assert_eq!(MultiStepDecay::new(1.0, []).at(9), 1.0);
}

#[test]
fn in_no_steps_a_ramp_is_at_its_end_at_once() {
    assert_eq!(LinearRamp::new(0.1, 0).at(0), 0.1);
    assert_eq!(PolynomialDecay::new(0.1, 0).at(0), 0.0);
    for steps in [0, 1] {
        let last = OneCycle::new(0.1, steps).divisors(10.0, 10.0).at(0);
        assert!((last - 1e-3).abs() < 1e-17, "{steps}: {last}");
    }
}

/// Where the maximum lies on a step: the way up ends there, and the way down begins.
#[test]
fn one_cycle_may_go_up_all_the_time_or_not_at_all() {
    let up = OneCycle::new(0.1, 11).warmup(1.0);
    assert!((0..10).all(|step| up.at(step) < up.at(step + 1)));
    assert_eq!(up.at(10), 0.1);
    for warmup in [0.0, 1.0 / 8.0] {
        let down = OneCycle::new(0.1, 8).warmup(warmup);
        assert!((0..7).all(|step| down.at(step) > down.at(step + 1)));
        assert!(down.at(0) <= 0.1);
    }
}

#[test]
#[should_panic(expected = "StepDecay: every 0 steps; at least 1 is needed")]
fn a_decay_every_zero_steps_is_refused() {
    StepDecay::new(0.1, 0);
}

#[test]
#[should_panic(expected = "CosineAnnealing: half a wave in 0 steps; at least 1 is needed")]
fn a_wave_of_zero_steps_is_refused() {
    CosineAnnealing::new(0.1, 0);
}

#[test]
fn a_warm_up_and_a_decay_are_joined_by_a_function() {
    let (warmup, decay) = (LinearRamp::new(0.1, 5).factors(0.0, 1.0), ExponentialDecay::new(0.1, 0.5));
    let both = move |step: u64| if step < 5 { warmup.at(step) } else { decay.at(step - 5) };
    let schedule: Box<dyn Schedule> = Box::new(both);
    assert_eq!([0, 5, 6].map(|step| schedule.at(step)), [0.0, 0.1, 0.05]);
}

#[test]
fn schedules_follow_each_other_and_begin_gently() {
    let schedule = LinearRamp::new(1.0, 4)
        .factors(0.0, 1.0)
        .then(4, StepDecay::new(1.0, 2).factor(0.5))
        .then(8, |_: u64| 7.0);
    let rates: Vec<f64> = (0..10).map(|step| schedule.at(step)).collect();
    assert_eq!(rates, [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 7.0, 7.0]);
    let warmed = ExponentialDecay::new(1.0, 0.5).warmed_up(3);
    assert_eq!([0, 1, 2, 3, 4].map(|step| warmed.at(step)), [0.25, 0.5, 0.75, 1.0, 0.5]);
    assert_eq!(ExponentialDecay::new(1.0, 0.5).warmed_up(0).at(1), 0.5);
    let boxed: Box<dyn Schedule> = Box::new(warmed);
    assert_eq!((move |step: u64| boxed.at(step)).then(1, |_: u64| 0.0).at(0), 0.25);
}

/// PyTorch's formula with logarithms, where it has no rounding trouble.
#[test]
fn a_cosine_starts_again_and_its_waves_may_grow() {
    for (longer, starts) in [(1, vec![0, 5, 10, 15, 20]), (2, vec![0, 5, 15, 35]), (3, vec![0, 5, 20, 65])] {
        let schedule = CosineRestarts::new(0.3, 5).minimum(0.1).longer(longer);
        for wave in starts.windows(2) {
            for step in wave[0]..wave[1] {
                let part = (step - wave[0]) as f64 / (wave[1] - wave[0]) as f64;
                let expected = 0.1 + 0.2 * (1.0 + (PI * part).cos()) / 2.0;
                assert!((schedule.at(step) - expected).abs() < 1e-15, "step {step}");
            }
        }
        for step in [1 << 40, u64::MAX] {
            assert!((0.1..=0.3).contains(&schedule.at(step)));
        }
    }
}

#[test]
#[should_panic(expected = "CosineRestarts: half a wave in 0 steps; at least 1 is needed")]
fn waves_of_zero_steps_are_refused() {
    CosineRestarts::new(0.1, 0);
}
