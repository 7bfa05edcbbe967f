//! Shuffles and splits choose rows without copying images, and batches fill the same buffers again.

use wengert::Tensor;
use wengert_datasets::{Dataset, ImageDataset, TensorDataset, refill, to_one_hot};

/// `n` images of one row and two pixels, `[i, 255 - i]`, labelled `i % classes`.
fn numbered(n: u8, classes: u8) -> ImageDataset {
    let pixels = (0..n).flat_map(|i| [i, 255 - i]).collect();
    ImageDataset::new(pixels, (0..n).map(|i| i % classes).collect(), [1, 2], classes.into()).unwrap()
}

fn numbers(data: &ImageDataset) -> Vec<u8> {
    (0..data.len()).map(|i| data.image(i)[0]).collect()
}

#[test]
fn a_shuffle_is_a_new_order_that_depends_on_the_seed_alone() {
    let data = numbered(10, 10);
    // Pinned: another version of the generator must not change it unnoticed.
    assert_eq!(numbers(&data.shuffle(1)), [3, 8, 5, 2, 7, 9, 6, 0, 4, 1]);
    assert_eq!(numbers(&data.shuffle(1)), numbers(&data.clone().shuffle(1)));
    assert_ne!(numbers(&data.shuffle(1)), numbers(&data.shuffle(2)));
    assert_eq!(numbers(&data), (0..10).collect::<Vec<u8>>(), "the original keeps its order");
    assert!((0..10).all(|i| data.shuffle(1).label(i) == usize::from(data.shuffle(1).image(i)[0])));
}

#[test]
fn subsets_share_the_pixels() {
    let data = numbered(10, 10);
    let (_, last) = data.shuffle(3).split(9);
    let number = usize::from(last.image(0)[0]);
    assert_eq!(last.image(0).as_ptr(), data.image(number).as_ptr());
}

#[test]
fn splits_keep_the_order() {
    let data = numbered(10, 10);
    let (first, second) = data.split(3);
    assert_eq!((numbers(&first), numbers(&second)), (vec![0, 1, 2], vec![3, 4, 5, 6, 7, 8, 9]));
    assert_eq!(numbers(&second.take(2)), [3, 4]);
    assert_eq!(second.take(99).len(), 7);
    let (train, val) = second.split_validation(0.3);
    assert_eq!((numbers(&train), numbers(&val)), (vec![3, 4, 5, 6], vec![7, 8, 9]), "floor(7 * 0.7) = 4");
    assert_eq!(data.split_validation(1.0).0.len(), 0);
}

#[test]
fn a_stratified_split_has_the_same_share_of_each_label() {
    let data = numbered(100, 4);
    let (train, test) = data.split_stratified(0.2, 7);
    for (part, share) in [(&train, 20), (&test, 5)] {
        for label in 0..4 {
            assert_eq!(part.labels().as_slice().iter().filter(|&&l| l == label).count(), share);
        }
    }
    let mut all = [numbers(&train), numbers(&test)].concat();
    assert!(!numbers(&train).is_sorted() && !test.labels().as_slice().is_sorted(), "shuffled");
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>(), "each image once");
    assert_eq!(numbers(&test), numbers(&data.split_stratified(0.2, 7).1));
    assert_ne!(numbers(&test), numbers(&data.split_stratified(0.2, 8).1));
}

#[test]
fn a_stratified_split_of_a_subset_stays_in_it() {
    let (_, last) = numbered(10, 1).split(6);
    let (train, test) = last.split_stratified(0.25, 0);
    let mut all = [numbers(&train), numbers(&test)].concat();
    all.sort_unstable();
    assert_eq!(all, [6, 7, 8, 9]);
}

#[test]
#[should_panic(expected = "split: at 11, expected at most 10, the number of images")]
fn a_split_beyond_the_end_panics() {
    let _ = numbered(10, 10).split(11);
}

#[test]
#[should_panic(expected = "split_validation: fraction NaN, expected one from 0 to 1")]
fn a_fraction_that_is_none_panics() {
    let _ = numbered(10, 10).split_validation(f64::NAN);
}

#[test]
#[should_panic(expected = "row 10 is outside a data set of 10 rows")]
fn an_image_beyond_the_end_panics() {
    numbered(10, 10).image(10);
}

#[test]
fn a_label_or_a_scale_that_does_not_fit_is_refused() {
    let e = ImageDataset::new(vec![0; 3], vec![0, 1, 2], [1, 1], 2).unwrap_err();
    assert_eq!(e.to_string(), "label 2 is 2, expected 0 to 1");
    let e = ImageDataset::new(vec![0], vec![0], [1, 1], 0).unwrap_err();
    assert_eq!(e.to_string(), "label 0 is 0, expected no label, as there are no classes");
    let data = ImageDataset::new(vec![0, 16], vec![0], [1, 2], 1).unwrap();
    let e = data.clone().with_scale(15).unwrap_err();
    assert_eq!(e.to_string(), "scale: found 15, expected at least 16, the greatest pixel");
    assert_eq!(data.with_scale(16).unwrap().images::<f32>().as_slice(), [0.0, 1.0]);
    let e = ImageDataset::new(vec![], vec![], [1, 1], 1).unwrap().with_scale(0).unwrap_err();
    assert_eq!(e.to_string(), "scale: found 0, expected at least 1, the greatest pixel");
}

#[test]
fn batches_cover_the_images_in_order() {
    let data = numbered(10, 5);
    let batches: Vec<_> = data.batches::<f64>(4).collect();
    assert_eq!(batches.iter().map(|b| b.labels.len()).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(batches[1].labels, Tensor::from_vec(vec![4, 0, 1, 2], &[4]).unwrap());
    assert_eq!(batches[2].images.shape()[..], [2, 2]);
    assert_eq!(batches[2].images.as_slice(), [8.0 / 255.0, 247.0 / 255.0, 9.0 / 255.0, 246.0 / 255.0]);
}

#[test]
fn batches_of_a_subset_are_its_own_images() {
    let (_, last) = numbered(10, 10).split(7);
    let batch = last.batches::<f32>(2).last().unwrap();
    assert_eq!((batch.labels.as_slice(), batch.images.as_slice()[0]), (&[9][..], 9.0 / 255.0));
}

#[test]
fn more_than_one_block_of_images_is_converted_in_order() {
    let data = numbered(255, 5);
    let images = data.shuffle(1).images::<f32>();
    let expected: Vec<f32> =
        numbers(&data.shuffle(1)).iter().flat_map(|&i| [i, 255 - i]).map(|p| f32::from(p) / 255.0).collect();
    assert_eq!(images.as_slice(), expected);
}

#[test]
fn the_number_of_batches_is_known() {
    let data = numbered(10, 10);
    assert_eq!((data.batches::<f32>(4).len(), data.batches::<f32>(4).drop_last().len()), (3, 2));
    assert_eq!((data.batches::<f32>(5).drop_last().count(), data.batches::<f32>(usize::MAX).count()), (2, 1));
    assert_eq!(data.batches::<f32>(4).drop_last().map(|b| b.labels.len()).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(data.take(0).batches::<f32>(4).len(), 0);
    assert!(data.take(0).batches::<f32>(4).next().is_none());
}

#[test]
#[should_panic(expected = "batches: the size is 0, expected at least 1")]
fn batches_of_nothing_panic() {
    numbered(10, 10).batches::<f32>(0);
}

#[test]
fn a_batch_that_was_let_go_is_filled_again() {
    let mut batches = numbered(12, 12).batches::<f32>(3);
    let first = batches.next().unwrap();
    let place = (first.images.as_slice().as_ptr(), first.labels.as_slice().as_ptr());
    drop(first);
    for batch in batches {
        assert_eq!((batch.images.as_slice().as_ptr(), batch.labels.as_slice().as_ptr()), place);
    }
}

#[test]
fn a_body_that_lets_go_one_step_later_alternates_between_two_buffers() {
    let mut held = None;
    let mut places = Vec::new();
    for batch in numbered(12, 12).batches::<f32>(2) {
        places.push(batch.images.as_slice().as_ptr());
        held = Some(batch);
    }
    drop(held);
    assert_ne!(places[0], places[1]);
    assert!(places.iter().skip(2).zip(&places).all(|(now, before)| now == before), "{places:?}");
}

#[test]
fn a_batch_that_is_kept_is_not_overwritten() {
    let data = numbered(12, 12);
    let kept: Vec<_> = data.batches::<f32>(3).collect();
    for (i, batch) in kept.iter().enumerate() {
        assert_eq!(batch.labels.as_slice(), [3 * i, 3 * i + 1, 3 * i + 2]);
    }
    // Only the labels are kept: the images' buffer may still be used again, theirs not.
    let labels: Vec<_> = data.batches::<f32>(3).map(|batch| batch.labels).collect();
    assert_eq!(labels[0].as_slice(), [0, 1, 2]);
}

#[test]
fn gather_takes_any_rows_and_reuses_what_nobody_holds() {
    let (_, data) = numbered(10, 10).split(5);
    let mut into = None;
    Dataset::<f32>::gather(&data, &[4, 0, 4], &mut into);
    let (images, labels) = into.clone().unwrap();
    assert_eq!(labels.as_slice(), [9, 5, 9]);
    assert_eq!(images.as_slice()[2], 5.0 / 255.0);
    Dataset::<f32>::gather(&data, &[0, 1, 2], &mut into);
    assert_eq!(labels.as_slice(), [9, 5, 9], "somebody holds it");
    let place = into.as_ref().unwrap().0.as_slice().as_ptr();
    Dataset::<f32>::gather(&data, &[2, 1, 0], &mut into);
    assert_eq!(into.as_ref().unwrap().0.as_slice().as_ptr(), place);
    Dataset::<f32>::gather(&data, &[2], &mut into);
    assert_eq!(into.unwrap().0.shape()[..], [1, 2], "another shape is another tensor");
}

#[test]
#[should_panic(expected = "row 5 is outside a data set of 5 rows")]
fn gather_panics_for_a_row_outside_the_subset() {
    let (first, _) = numbered(10, 10).split(5);
    Dataset::<f32>::gather(&first, &[0, 5], &mut None);
}

#[test]
fn tensors_are_gathered_by_their_first_axis() {
    let x = Tensor::from_vec((0..12).collect::<Vec<i64>>(), &[3, 2, 2]).unwrap();
    let y = Tensor::from_vec(vec![0.5, 1.5, 2.5], &[3]).unwrap();
    let data = TensorDataset::new(x, y).unwrap();
    let mut into = None;
    data.gather(&[2, 0], &mut into);
    let (x, y) = into.as_ref().unwrap();
    assert_eq!(*x, Tensor::from_vec(vec![8, 9, 10, 11, 0, 1, 2, 3], &[2, 2, 2]).unwrap());
    assert_eq!(*y, Tensor::from_vec(vec![2.5, 0.5], &[2]).unwrap());
    let place = x.as_slice().as_ptr();
    data.gather(&[1, 1], &mut into);
    assert_eq!(into.unwrap().0.as_slice().as_ptr(), place);
}

#[test]
fn rows_without_elements_are_gathered() {
    let empty = Tensor::from_vec(Vec::<f32>::new(), &[3, 0]).unwrap();
    let data = TensorDataset::new(empty.clone(), empty).unwrap();
    let mut into = None;
    data.gather(&[2, 0], &mut into);
    assert_eq!(into.unwrap().0.shape()[..], [2, 0]);
}

#[test]
fn tensors_of_different_lengths_are_refused() {
    let tensor = |shape: &[usize]| Tensor::from_vec(vec![0.0; shape.iter().product()], shape).unwrap();
    let e = TensorDataset::new(tensor(&[3, 2]), tensor(&[2])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "targets: found shape [2], expected a first axis of 3, as the inputs [3, 2] have"
    );
    let e = TensorDataset::new(tensor(&[3, 2]), Tensor::scalar(1.0)).unwrap_err();
    assert_eq!(
        e.to_string(),
        "targets: found shape [], expected a first axis of 3, as the inputs [3, 2] have"
    );
    let e = TensorDataset::new(Tensor::scalar(1.0), tensor(&[2])).unwrap_err();
    assert_eq!(
        e.to_string(),
        "inputs: found shape [], expected a first axis, whose length is the number of rows"
    );
}

#[test]
fn refill_makes_a_new_tensor_only_where_it_must() {
    let old = refill(None, &[2], |into: &mut [f32]| into.fill(1.0));
    let place = old.as_slice().as_ptr();
    let same = refill(Some(old), &[2], |into| into[0] = 3.0);
    assert_eq!((same.as_slice(), same.as_slice().as_ptr()), (&[3.0, 1.0][..], place));
    let other = refill(Some(same.clone()), &[2], |into| into[0] = 4.0);
    assert_eq!((same.as_slice(), other.as_slice()), (&[3.0, 1.0][..], &[4.0, 0.0][..]));
    assert_eq!(refill(Some(same), &[2, 1], |into| into.fill(0.0)).shape()[..], [2, 1]);
}

#[test]
fn one_hot_adds_an_axis_and_refuses_other_labels() {
    let labels = Tensor::from_vec(vec![1, 0, 1, 1], &[2, 2]).unwrap();
    let one_hot = to_one_hot::<f64>(&labels, 2).unwrap();
    assert_eq!(one_hot.shape()[..], [2, 2, 2]);
    assert_eq!(one_hot.as_slice(), [0., 1., 1., 0., 0., 1., 0., 1.]);
    assert_eq!(to_one_hot::<f64>(&Tensor::scalar(1), 3).unwrap().as_slice(), [0., 1., 0.]);
    let e = to_one_hot::<f64>(&labels, 1).unwrap_err();
    assert_eq!(e.to_string(), "label 0 is 1, expected 0 to 0");
    assert!(to_one_hot::<f64>(&labels, usize::MAX).unwrap_err().to_string().starts_with("classes: found"));
}

#[test]
fn data_sets_can_be_shared_between_threads() {
    fn check<T: Send + Sync + Clone>() {}
    check::<ImageDataset>();
    check::<TensorDataset<f32, usize>>();
}
