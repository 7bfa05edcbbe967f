//! The error function and its complement without branches or calls, so that gelu vectorises.
//!
//! Up to |x| = ½, erf x = x·P(x²) and erfc x = 1 - erf x. Above, with a = |x|, erfc a = e^(-a²)·Q(s)/(1 + 2a),
//! where s is (m - n·a)/(a + k) in ±1 and Q hardly varies (Shepherd and Laframboise, Chebyshev approximation
//! of (1 + 2x)·e^(x²)·erfc x, Math. Comp. 36, 1981), and erf a = 1 - erfc a. The power is e^(-h²)·e^(-l),
//! where h is the upper half of the digits of a, so that h² is exact, and l = (a - h)·(a + h) is small:
//! rounding a² itself would cost 3 digits of 16 at a = 26. Both sides are computed and one is selected.
//!
//! P and Q are Chebyshev series, cut below a tenth of an ulp; arithmetic as in `math.rs`. Largest errors,
//! over dense sweeps against the crate `libm`: erf 2.6 ulp, erfc 4.4. Nanoseconds an element of erf with
//! AVX-512, AVX2 and SSE2: f32 0.8, 1.5, 2.8; f64 2.8, 5.5, 12 to 18.

macro_rules! error_function {
    (
        $t:ident, lower half $lower:literal, most $most:literal, s ($m:literal - $n:literal) / $k:literal,
        p [$($p:literal),*], q [$($q:literal),*]
    ) => {
        /// The functions for this type.
        // One coefficient of P is 2/√π to all digits, as it should be.
        #[allow(clippy::excessive_precision, clippy::approx_constant)]
        pub(crate) mod $t {
            use crate::kernels::math::$t::{exp, polynomial};

            /// erf x for |x| < ½.
            #[inline(always)]
            fn near(x: $t) -> $t {
                x * polynomial(x * x, [$($p),*])
            }

            /// erfc a for a ≥ ½.
            #[inline(always)]
            fn tail(a: $t) -> $t {
                let a = if a > $most { $most } else { a };
                let h = $t::from_bits(a.to_bits() & !$lower);
                let l = (a - h) * (a + h);
                let rest = polynomial(-l, [1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0]);
                let q = polynomial(($m - $n * a) / (a + $k), [$($q),*]);
                exp(-h * h) * (rest * q / (1.0 + 2.0 * a))
            }

            #[inline(always)]
            pub(crate) fn erf(x: $t) -> $t {
                let a = x.abs();
                (if a < 0.5 { near(a) } else { 1.0 - tail(a) }).copysign(x)
            }

            #[inline(always)]
            pub(crate) fn erfc(x: $t) -> $t {
                let a = x.abs();
                let tail = tail(a);
                let far = if x > 0.0 { tail } else { 2.0 - tail };
                if a < 0.5 { 1.0 - near(x) } else { far }
            }
        }
    };
}

error_function! {
    f32, lower half 0xfffu32, most 10.5, s (3.8 - 1.6) / 2.5,
    p [1.12837916561, -0.376126091733, 0.112828347392, -0.0267579443326, 0.00471950535436],
    q [
        1.26790772892, 0.0749747896856, -0.0458421524347, -0.0443592633084, -0.0180937137828,
        -0.00352299392761, 0.00012121490626, 0.000196738217426, 8.16503804516e-6, -9.82432888001e-6
    ]
}

error_function! {
    f64, lower half 0x7ff_ffffu64, most 28.0, s (4.64545454545454545455 - 1.29090909090909090909) / 3.5,
    p [
        1.12837916709551256962, -0.376126389031834747801, 0.112837916709254568406,
        -0.0268661706329210861345, 0.00522397737354218259189, -0.000854829779808619199356,
        0.000120533372228777179662, -0.0000148459008963758344932, 0.00000147263816800170313578
    ],
    q [
        1.24040289377135246277, 0.10713325764994665709, -0.00386479699230186152906, -0.0406934960900669529229,
        -0.037155382726034769781, -0.0218466656905586011611, -0.00933641000885352409346, -0.00282750037947607415832,
        -0.000492517687150904058627, 0.0000199448291152591079735, 0.000036892039240400370948, 0.00000662943364020107333324,
        -0.0000015146222291947236195, -7.4296587073451467471e-7, 3.53347892192497655017e-8, 6.70182217595902711279e-8,
        1.30061388822907668672e-9, -6.10872005233483137145e-9, -2.52479030046569103011e-10, 5.52675423098585709063e-10,
        1.6086076827044731858e-11, -3.60878990065333902664e-11
    ]
}

#[cfg(test)]
mod tests {
    //! Expected values are those of mpmath, to more digits than an `f64` has.

    #[track_caller]
    fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
        let error = (found - expected).abs() / expected.abs();
        assert!(error <= tolerance, "{what} is {found:e}, expected {expected:e}: off by {error:.1e} of it");
    }

    #[test]
    fn erf_and_erfc_keep_their_digits_where_they_are_tiny() {
        for (x, by_erf, by_erfc) in [
            (1e-10, 1.1283791670955126e-10, 0.999999999887162),
            (0.1, 0.1124629160182849, 0.887537083981715),
            (0.7, 0.6778011938374184, 0.32219880616258156),
            (1.3, 0.9340079449406524, 0.06599205505934755),
            (3.0, 0.9999779095030014, 2.209049699858544e-05),
            (5.5, 0.9999999999999927, 7.357847917974398e-15),
            (-0.4, -0.42839235504666845, 1.4283923550466684),
            (-2.0, -0.9953222650189527, 1.9953222650189528),
            (8.0, 1.0, 1.1224297172982926e-29),
            (15.0, 1.0, 7.212994172451207e-100),
            (26.0, 1.0, 5.663192408856143e-296),
        ] {
            assert_near(super::f64::erf(x), by_erf, 1e-15, &format!("erf({x})"));
            assert_near(super::f64::erfc(x), by_erfc, 1e-15, &format!("erfc({x})"));
        }
    }

    #[test]
    fn both_ends_and_zero_are_exact() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (x, by_erf, by_erfc) in [(0.0, 0.0, 1.0), (inf, 1.0, 0.0), (-inf, -1.0, 2.0), (-30.0, -1.0, 2.0)]
        {
            assert_eq!((super::f64::erf(x), super::f64::erfc(x)), (by_erf, by_erfc), "at {x}");
            let found = (super::f32::erf(x as f32), super::f32::erfc(x as f32));
            assert_eq!(found, (by_erf as f32, by_erfc as f32), "at {x}");
        }
        assert!(super::f64::erf(nan).is_nan() && super::f64::erfc(nan).is_nan());
        assert!(super::f64::erf(-0.0).is_sign_negative() && super::f32::erf(-0.0).is_sign_negative());
    }
}
