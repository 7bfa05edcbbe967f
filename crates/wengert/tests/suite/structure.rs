//! What arranging, picking, ordering and scanning give: the numbers are NumPy's.

use crate::common::bits;
use wengert::{GradientTape, NoGradient, Tensor, tensor};

fn matrix() -> Tensor<f64> {
    tensor![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
}

#[test]
fn elements_are_repeated_rolled_and_flipped() {
    let a = matrix();
    assert_eq!(a.tile(&[2]), tensor![[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 4.0, 5.0, 6.0]]);
    assert_eq!(a.tile(&[2, 1, 2]).shape()[..], [2, 2, 6]);
    assert_eq!(a.tile(&[0, 2]).shape()[..], [0, 6]);
    assert_eq!(Tensor::scalar(5.0).tile(&[2, 2]), Tensor::full(&[2, 2], 5.0));
    assert_eq!(a.roll(-4, 1), tensor![[2.0, 3.0, 1.0], [5.0, 6.0, 4.0]]);
    assert_eq!(a.roll(5, 0), tensor![[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]);
    assert_eq!(a.flip(&[0, 1]), tensor![[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]);
    assert_eq!(a.flip(&[]), a);
}

#[test]
fn axes_come_and_go() {
    let a = matrix();
    assert_eq!(a.expand_dims(1).shape()[..], [2, 1, 3]);
    assert_eq!(a.expand_dims(-1).shape()[..], [2, 3, 1]);
    assert_eq!(a.expand_dims(-3).squeeze(0), a);
    assert_eq!(a.reshape(&[1, 2, 1, 3]).unwrap().squeeze_all(), a);
    assert_eq!(a.flatten(), tensor![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(a.t(), tensor![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    assert_eq!(a.flatten().as_slice().as_ptr(), a.as_slice().as_ptr(), "the buffer is shared");
}

#[test]
fn what_is_put_together_comes_apart_again() {
    let a = matrix();
    let b = Tensor::from_fn(&[2, 3], |i| 10.0 * a.get(i).unwrap());
    assert_eq!(
        Tensor::stack(&[&a, &b], 1),
        tensor![[[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]], [[4.0, 5.0, 6.0], [40.0, 50.0, 60.0]]]
    );
    assert_eq!(Tensor::stack(&[&a, &b], -1).unbind(2), [a.clone(), b.clone()]);
    assert_eq!(Tensor::concat(&[&a, &b], 0).chunk(2, 0), [a.clone(), b.clone()]);
    assert_eq!(Tensor::concat(&[&a, &b], -1).split(&[3, 3], 1), [a.clone(), b]);
    assert_eq!(a.split(&[0, 2], 0)[0].shape()[..], [0, 3]);
    assert!(Tensor::<f64>::zeros(&[0, 2]).unbind(0).is_empty());
}

#[test]
fn a_frame_changes_no_bit_of_what_is_inside() {
    let x = tensor![0.0, -0.0, f64::INFINITY, f64::NAN, 1e308, 5e-324];
    for value in [0.0, 0.5, -1e308, f64::INFINITY, f64::NAN] {
        let y = x.pad(&[[1, 2]], value);
        assert_eq!(bits(&y)[1..7], bits(&x), "{value}");
        assert_eq!(bits(&y)[0], value.to_bits(), "{value}");
        assert_eq!(bits(&y)[7..], [value.to_bits(); 2], "{value}");
    }
    let a = matrix();
    let framed = [[9.0; 5], [1.0, 2.0, 3.0, 9.0, 9.0], [4.0, 5.0, 6.0, 9.0, 9.0]];
    assert_eq!(a.pad(&[[1, 0], [0, 2]], 9.0), Tensor::from(framed));
    assert_eq!(Tensor::<f64>::zeros(&[0]).pad(&[[1, 1]], 3.0), tensor![3.0, 3.0]);
}

#[test]
fn diagonals_and_triangles_count_from_the_main_one() {
    let b = Tensor::<f64>::arange(13).slice(&[(1..).into()]).reshape(&[3, 4]).unwrap();
    assert_eq!(b.diagonal(-5), tensor![]);
    assert_eq!(b.diagonal(-1), tensor![5.0, 10.0]);
    assert_eq!(b.diagonal(0), tensor![1.0, 6.0, 11.0]);
    assert_eq!(b.diagonal(1), tensor![2.0, 7.0, 12.0]);
    assert_eq!(b.diagonal(3), tensor![4.0]);
    assert_eq!(b.diag(), b.diagonal(0));
    assert_eq!(b.tril(0), tensor![[1.0, 0.0, 0.0, 0.0], [5.0, 6.0, 0.0, 0.0], [9.0, 10.0, 11.0, 0.0]]);
    assert_eq!(b.tril(-2), tensor![[0.0; 4], [0.0; 4], [9.0, 0.0, 0.0, 0.0]]);
    assert_eq!(b.tril(4), b);
    assert_eq!(b.triu(1), tensor![[0.0, 2.0, 3.0, 4.0], [0.0, 0.0, 7.0, 8.0], [0.0, 0.0, 0.0, 12.0]]);
    assert_eq!(b.triu(-1), tensor![[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0, 10.0, 11.0, 12.0]]);
    assert_eq!(b.triu(4), Tensor::zeros(&[3, 4]));
    let batch = Tensor::<f64>::arange(8).reshape(&[2, 2, 2]).unwrap();
    assert_eq!(batch.trace(), tensor![3.0, 11.0]);
    assert_eq!(batch.triu(1), tensor![[[0.0, 1.0], [0.0, 0.0]], [[0.0, 5.0], [0.0, 0.0]]]);
}

#[test]
fn indices_pick_slices_or_each_row_its_own() {
    let a = matrix();
    assert_eq!(
        a.index_select(1, &tensor![[2, 0], [1, 1]]),
        tensor![[[3.0, 1.0], [2.0, 2.0]], [[6.0, 4.0], [5.0, 5.0]]]
    );
    assert_eq!(a.index_select(0, &Tensor::scalar(1)), tensor![4.0, 5.0, 6.0]);
    assert_eq!(a.gather(1, &tensor![[2, 0], [1, 1]]), tensor![[3.0, 1.0], [5.0, 5.0]]);
    assert_eq!(a.gather(0, &tensor![[1, 0, 1]]), tensor![[4.0, 2.0, 6.0]]);
    let added = a.scatter_add(1, &tensor![[2, 2], [0, 1]], &tensor![[10.0, 20.0], [30.0, 40.0]]);
    assert_eq!(added, tensor![[1.0, 2.0, 33.0], [34.0, 45.0, 6.0]]);
}

#[test]
fn equal_elements_keep_their_order_and_nan_comes_last() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let c = tensor![[3.0, 1.0, 2.0, 1.0], [0.0, nan, -inf, 0.0]];
    assert_eq!(c.argsort(1, false), tensor![[1, 3, 2, 0], [2, 0, 3, 1]]);
    assert_eq!(c.argsort(1, true), tensor![[0, 2, 1, 3], [0, 3, 2, 1]]);
    assert_eq!(bits(&c.sort(1, false)), bits(&tensor![[1.0, 1.0, 2.0, 3.0], [-inf, 0.0, 0.0, nan]]));
    assert_eq!((c.argmax(1), c.argmin(1)), (tensor![0, 1], tensor![1, 1]));
    assert_eq!((c.argmax(0), c.argmin(0)), (tensor![0, 1, 0, 0], tensor![1, 1, 1, 1]));
    let (largest, places) = c.topk(2, 1);
    assert_eq!((largest, places), (tensor![[3.0, 2.0], [0.0, 0.0]], tensor![[0, 2], [0, 3]]));
    assert_eq!(bits(&c.gather(0, &c.argsort(0, true))), bits(&c.sort(0, true)));
    assert_eq!(tensor![3u8, 200, 7].argmax(0), Tensor::scalar(1));
}

#[test]
fn scans_run_along_their_axis() {
    let a = matrix();
    assert_eq!(a.cumsum(0), tensor![[1.0, 2.0, 3.0], [5.0, 7.0, 9.0]]);
    assert_eq!(a.cumprod(1), tensor![[1.0, 2.0, 6.0], [4.0, 20.0, 120.0]]);
    let halves = Tensor::scalar(0.5);
    assert_eq!(a.recurrence(&halves, 1, false), tensor![[1.0, 2.5, 4.25], [4.0, 7.0, 9.5]]);
    assert_eq!(a.recurrence(&halves, 1, true), tensor![[2.75, 3.5, 3.0], [8.0, 8.0, 6.0]]);
    let first_unread = tensor![[f64::NAN, 2.0, 0.0]];
    assert_eq!(a.recurrence(&first_unread, 1, false), tensor![[1.0, 4.0, 3.0], [4.0, 13.0, 6.0]]);
}

#[test]
fn statistics_divide_by_the_number_of_elements() {
    let a = matrix();
    let close = |x: Tensor<f64>, expected: f64| assert!((x.item() - expected).abs() < 1e-14, "{x}");
    close(a.var(), 2.9166666666666665);
    close(a.std(), 1.707825127659933);
    close(a.norm(), 9.539392014169456);
    assert_eq!((a.prod().item(), a.min().item()), (720.0, 1.0));
    assert_eq!(a.var_axes(&[0], true), tensor![[2.25, 2.25, 2.25]]);
    assert_eq!(a.prod_axes(&[-1], false), tensor![6.0, 120.0]);
    assert_eq!(a.min_axes(&[0], false), tensor![1.0, 2.0, 3.0]);
    assert_eq!(tensor![1.0, 2.0].outer(&tensor![3.0, 4.0]), tensor![[3.0, 4.0], [6.0, 8.0]]);
    assert_eq!(tensor![1.0, 2.0].dot(&tensor![3.0, 4.0]).item(), 11.0);
}

/// Of a recorded gradient, which puts weights back in the order of the keys, only the weights move.
#[test]
fn nothing_flows_back_to_the_keys_of_an_order() {
    let tape = GradientTape::new();
    let (x, w) = (tape.var(tensor![3.0, 1.0, 2.0]), tape.var(tensor![10.0, 20.0, 30.0]));
    let slope = tape.gradient((x.sort(0, false) * w).sum(), &[x])[0];
    assert_eq!(slope.value(), tensor![30.0, 10.0, 20.0]);
    let (of_x, of_w) = match &tape.try_gradient((slope * x).sum(), &[x, w])[..] {
        [Ok(of_x), Ok(of_w)] => (of_x.value(), of_w.value()),
        other => panic!("{other:?}"),
    };
    assert_eq!((of_x, of_w), (slope.value(), x.sort(0, false).value()));
    let reason = tape.try_gradient(slope.sum(), &[x]).remove(0).unwrap_err();
    assert!(matches!(reason, NoGradient::Cut { op: "detach", .. }), "{reason:?}");
    assert_eq!(tape.jvp(&[slope], &[x], &[Tensor::ones(&[3])])[0], Tensor::zeros(&[3]));
}

#[test]
fn the_tape_says_along_which_axis() {
    let tape = GradientTape::new();
    let x = tape.var(Tensor::<f64>::ones(&[2, 3]));
    x.cumsum(1).sort(0, false).topk(1, -1);
    x.index_select(1, &tensor![0]).recurrence(x.slice(&[(..).into(), (..1).into()]), 0, true);
    x.tril(1).triu(-1);
    let text = tape.to_string();
    for line in [
        "cumsum %0, axis=1 ",
        "sort %1, axis=0 ",
        "sort %2, axis=1, descending ",
        "index_select %0, axis=1 ",
        "recurrence %4, %5, axis=0, reverse ",
        "band %0, diagonals=..=1 ",
        "band %7, diagonals=-1.. ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
