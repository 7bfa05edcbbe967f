//! Einstein's convention against NumPy's `einsum` (2.x), and against the sum written out.

use crate::common::{panic_of, uniform};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use std::collections::BTreeMap;
use wengert::{GradientTape, Tensor, einsum, gradcheck, tensor};

/// 1, 2, 3, .. in row-major order.
fn counted(shape: &[usize]) -> Tensor<f64> {
    let mut next = 0.0;
    Tensor::from_fn(shape, |_| {
        next += 1.0;
        next
    })
}

#[test]
fn equations_mean_what_they_mean_in_numpy() {
    // Equation, operands counted from 1, the result's shape, and sum(result · cos(0, 1, 2, ..)).
    type Case = (&'static str, &'static [&'static [usize]], &'static [usize], f64);
    let cases: [Case; 35] = [
        ("ba", &[&[2, 3]], &[3, 2], -2.880004682435431),
        ("bA", &[&[2, 3]], &[3, 2], -2.880004682435431),
        ("ii", &[&[3, 3]], &[], 15.0),
        ("ij,jk", &[&[2, 3], &[3, 4]], &[2, 4], 164.0715844123668),
        (" i j , j k -> k i ", &[&[2, 3], &[3, 4]], &[4, 2], 117.15603643466513),
        ("ij,kj->ik", &[&[2, 3], &[4, 3]], &[2, 4], 187.13068605130243),
        ("ji,jk->ik", &[&[3, 2], &[3, 4]], &[2, 4], 134.56565990932245),
        ("Ab,bA", &[&[2, 3], &[3, 2]], &[], 86.0),
        ("ij,kl->", &[&[2, 2], &[2, 2]], &[], 100.0),
        ("->", &[&[]], &[], 1.0),
        ("", &[&[]], &[], 1.0),
        (",", &[&[], &[]], &[], 1.0),
        ("i,->i", &[&[3], &[]], &[3], 0.8321641020948523),
        ("i,i->", &[&[0], &[0]], &[], 0.0),
        ("i,i->i", &[&[0], &[1]], &[0], 0.0),
        ("iij->ij", &[&[2, 2, 3]], &[2, 3], -12.853894467850616),
        ("iii->i", &[&[2, 2, 2]], &[2], 5.322418446945118),
        ("iijj->ij", &[&[2, 2, 3, 3]], &[2, 3], -38.46835709535549),
        ("iji", &[&[2, 3, 2]], &[3], 8.949433754984398),
        ("ii->i", &[&[1, 1]], &[1], 1.0),
        ("i...", &[&[3, 2, 2]], &[2, 2, 3], -6.855693499168121),
        ("i->...i", &[&[3]], &[3], 0.8321641020948523),
        ("...i->...", &[&[2, 3]], &[2], 14.104534588022096),
        ("ij...->...", &[&[2, 3]], &[], 21.0),
        ("i...j->...", &[&[2, 4, 3]], &[4], -52.275616735908166),
        ("...i,...i", &[&[2, 3], &[3]], &[2], 31.289673787780472),
        ("i...,j->...", &[&[2, 3], &[2]], &[3], 15.110383836458091),
        ("...a,b...->...ab", &[&[2, 3], &[4, 1]], &[2, 3, 4], -17.561825498467766),
        ("...ij,...jk", &[&[5, 1, 2, 3], &[4, 3, 2]], &[5, 4, 2, 2], -1112.8123834184998),
        ("ij,ij->ij", &[&[2, 3], &[1, 3]], &[2, 3], -5.974599162151552),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]], &[2, 4], 59.34352831828761),
        ("ii,i->i", &[&[1, 1], &[3]], &[3], 0.8321641020948523),
        ("i,i,i->i", &[&[3], &[1], &[3]], &[3], -0.5841123054517228),
        ("i,ij,ijk->k", &[&[2], &[2, 3], &[2, 3, 4]], &[4], -41.76296223859799),
        ("ij,jk,kl->il", &[&[2, 3], &[3, 2], &[2, 2]], &[2, 2], -260.4615716889892),
    ];
    for (equation, shapes, shape, expected) in cases {
        let operands: Vec<Tensor<f64>> = shapes.iter().map(|shape| counted(shape)).collect();
        let result = einsum(equation, &operands.iter().collect::<Vec<_>>());
        assert_eq!(result.shape()[..], *shape, "{equation}");
        let weighted = result.as_slice().iter().enumerate().map(|(i, x)| x * (i as f64).cos());
        let found: f64 = weighted.sum();
        assert!((found - expected).abs() < 1e-9, "{equation}: {found}, expected {expected}");
    }
}

#[test]
fn a_chain_of_products_records_products_and_nothing_else() {
    let tape = GradientTape::<f64>::new();
    let x = |shape: &[usize]| tape.constant(Tensor::ones(shape));
    let (a, b, c) = (x(&[2, 3]), x(&[3, 4]), x(&[5, 4]));
    let (q, k) = (x(&[2, 2, 3, 4]), x(&[2, 2, 5, 4]));
    let before = tape.len();
    tape.einsum("ij,jk,lk->il", &[a, b, c]);
    assert_eq!(tape.len() - before, 2, "{tape}");
    tape.einsum("bhqd,bhkd->bhqk", &[q, k]);
    assert_eq!(tape.len() - before, 3, "{tape}");
    tape.einsum("ji,jk->ik", &[b, b]);
    assert_eq!(tape.len() - before, 4, "{tape}");
}

#[test]
fn nodes_stand_at_the_callers_line() {
    let tape = GradientTape::<f64>::new();
    let x = tape.constant(Tensor::ones(&[2, 2, 3]));
    let first = tape.len();
    tape.einsum("iij,ikj->kj", &[x, x]);
    let line = line!() - 1;
    assert!(tape.len() > first + 2);
    let here = format!("einsum.rs:{line}\n");
    assert_eq!(tape.to_string().matches(&here).count(), tape.len() - first, "{tape}");
}

#[test]
fn gradients_agree_with_differences_to_second_order() {
    type Case = (&'static str, &'static [&'static [usize]]);
    let cases: [Case; 14] = [
        ("ij->", &[&[2, 3]]),
        ("ij->ji", &[&[2, 3]]),
        ("iij->j", &[&[2, 2, 3]]),
        ("ij,jk->ik", &[&[2, 3], &[3, 2]]),
        ("ij,kj->ki", &[&[2, 3], &[4, 3]]),
        ("ji,jk->ik", &[&[3, 2], &[3, 4]]),
        ("bij,bjk->bik", &[&[2, 2, 3], &[2, 3, 2]]),
        ("ij,ij->i", &[&[2, 3], &[2, 3]]),
        ("ij,ij->ij", &[&[2, 3], &[1, 3]]),
        ("i,j->ij", &[&[3], &[2]]),
        ("ij,k->", &[&[2, 2], &[3]]),
        ("...i,...i->...", &[&[2, 3], &[3]]),
        ("ijk,jil->kl", &[&[2, 3, 2], &[3, 2, 2]]),
        ("a,ab,abc->c", &[&[2], &[2, 3], &[2, 3, 2]]),
    ];
    for (equation, shapes) in cases {
        let inputs: Vec<Tensor<f64>> =
            shapes.iter().zip(60..).map(|(shape, seed)| uniform(shape, seed)).collect();
        gradcheck(|v| v[0].tape().einsum(equation, v), &inputs).unwrap_or_else(|e| panic!("{equation}: {e}"));
    }
}

#[test]
fn what_does_not_fit_is_said_with_operand_index_and_lengths() {
    let tape = GradientTape::<f64>::new();
    let error = |equation: &str, shapes: &[&[usize]]| {
        let operands: Vec<_> = shapes.iter().map(|shape| tape.constant(Tensor::ones(shape))).collect();
        let error = tape.try_einsum(equation, &operands).unwrap_err().to_string();
        assert_eq!(panic_of(|| _ = tape.einsum(equation, &operands)).unwrap().text, error);
        error
    };
    let cases: [(&str, &[&[usize]], &str); 17] = [
        (
            "ij,jk",
            &[&[2, 3], &[4, 5]],
            "one length (or 1) for index j, got 3 in operand 0 and 4 in operand 1",
        ),
        (
            "i,i,i",
            &[&[1], &[2], &[3]],
            "one length (or 1) for index i, got 2 in operand 1 and 3 in operand 2",
        ),
        ("ii", &[&[1, 3]], "one length for index i, whose diagonal is taken, got 1 and 3 in operand 0"),
        (
            "...,...",
            &[&[2, 3], &[2]],
            "one length (or 1) for axis -1 of ..., got 3 in operand 0 and 2 in operand 1",
        ),
        ("ij", &[&[3]], "2 axes for \"ij\", got shape [3] as operand 0"),
        ("i,i", &[&[3], &[2, 3]], "1 axes for \"i\", got shape [2, 3] as operand 1"),
        ("ij...", &[&[3]], "at least 2 axes for \"ij...\", got shape [3] as operand 0"),
        ("i,j", &[&[2]], "one operand for each of the 2 terms of \"i,j\", got 1"),
        ("", &[], "one operand for each of the 1 terms of \"\", got 0"),
        (
            "...i->i",
            &[&[2, 3]],
            "... in the result, since it stands for axes of the operands, got \"...i->i\"",
        ),
        ("ij->jij", &[&[2, 3]], "each index of the result once, got j twice in \"ij->jij\""),
        ("ij->k", &[&[2, 3]], "indices in the result that an operand has, got k in \"ij->k\""),
        ("i1", &[&[2, 2]], "letters, commas, one ... a term and one ->, got '1' in \"i1\""),
        ("i.j", &[&[2, 2]], "letters, commas, one ... a term and one ->, got '.' in \"i.j\""),
        ("......i", &[&[2]], "letters, commas, one ... a term and one ->, got '.' in \"......i\""),
        ("i->->", &[&[2]], "letters, commas, one ... a term and one ->, got '-' in \"i->->\""),
        ("ÿ->ÿ", &[&[2]], "letters, commas, one ... a term and one ->, got 'ÿ' in \"ÿ->ÿ\""),
    ];
    for (equation, shapes, expected) in cases {
        assert_eq!(error(equation, shapes), format!("einsum: expected {expected}"), "{equation}");
    }
    let huge = 1 << 40;
    let text = error("ia,ib->iab", &[&[0, huge], &[0, huge]]);
    assert!(text.contains("is too large: at most 32 axes"), "{text}");
}

/// Every assignment of the indices, added up.
fn written_out(
    terms: &[Vec<char>],
    output: &[char],
    operands: &[Tensor<f64>],
    lengths: &BTreeMap<char, usize>,
) -> Tensor<f64> {
    let at = |letters: &[char], shape: &[usize], assignment: &BTreeMap<char, usize>| -> Vec<usize> {
        letters.iter().zip(shape).map(|(c, &n)| if n == 1 { 0 } else { assignment[c] }).collect()
    };
    let shape: Vec<usize> = output.iter().map(|c| lengths[c]).collect();
    let mut sums: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
    let count: usize = lengths.values().product();
    for mut rest in 0..count {
        let mut assignment = BTreeMap::new();
        for (&c, &n) in lengths {
            assignment.insert(c, rest % n);
            rest /= n;
        }
        let factor =
            |(term, x): (&Vec<char>, &Tensor<f64>)| x.get(&at(term, x.shape(), &assignment)).unwrap();
        let product: f64 = terms.iter().zip(operands).map(factor).product();
        *sums.entry(at(output, &shape, &assignment)).or_default() += product;
    }
    Tensor::from_fn(&shape, |index| sums.get(index).copied().unwrap_or(0.0))
}

#[test]
fn random_equations_are_the_sum_written_out() {
    // Letters of each term, lengths, which operands have length 1, and what the result keeps.
    let terms = vec(vec(0usize..4, 0..4), 1..4);
    let strategy = (terms, [0usize..4, 1..4, 1..4, 1..4], any::<u16>(), any::<u8>(), any::<bool>());
    let config = ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let check = |(terms, sizes, ones, kept, backwards): (Vec<Vec<usize>>, [usize; 4], u16, u8, bool)| {
        let letter = |l: &usize| ['i', 'j', 'k', 'L'][*l];
        let mut lengths: BTreeMap<char, usize> = BTreeMap::new();
        let mut operands = Vec::new();
        for (i, term) in terms.iter().enumerate() {
            let own = |&l: &usize| if ones >> (4 * i + l) & 1 == 1 { 1 } else { sizes[l] };
            let shape: Vec<usize> = term.iter().map(own).collect();
            for (l, &n) in term.iter().zip(&shape) {
                let known = lengths.entry(letter(l)).or_insert(n);
                *known = if *known == 1 { n } else { *known };
            }
            operands.push(uniform(&shape, i as u64));
        }
        let mut output: Vec<char> = (0..4)
            .filter(|l| kept >> l & 1 == 1)
            .map(|l| letter(&l))
            .filter(|c| lengths.contains_key(c))
            .collect();
        if backwards {
            output.reverse();
        }
        let terms: Vec<Vec<char>> = terms.iter().map(|term| term.iter().map(letter).collect()).collect();
        let inputs: Vec<String> = terms.iter().map(|term| term.iter().collect()).collect();
        let equation = format!("{}->{}", inputs.join(","), output.iter().collect::<String>());
        let found = einsum(&equation, &operands.iter().collect::<Vec<_>>());
        let expected = written_out(&terms, &output, &operands, &lengths);
        crate::common::assert_close(&found, &expected, 1e-13, &equation);
        Ok(())
    };
    TestRunner::new(config).run(&strategy, check).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn an_operand_may_be_named_twice_and_go_with_another_tapes_refusal() {
    let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    assert_eq!(einsum("ij,kj->ik", &[&x, &x]), x.matmul(&x.t()));
    let (here, there) = (GradientTape::<f64>::new(), GradientTape::<f64>::new());
    let (a, b) = (here.var(&x), there.var(&x));
    let panicked = panic_of(|| _ = here.einsum("ij,jk", &[a, b])).unwrap();
    assert!(panicked.text.contains("belongs to another tape"), "{}", panicked.text);
    assert_eq!(panicked.file, file!());
}
