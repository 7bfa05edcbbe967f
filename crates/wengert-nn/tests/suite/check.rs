//! The look at a training before it begins: it says nothing about one that is sane, names what is wrong
//! with others, and changes nothing.

use crate::common::weights;
use wengert_nn::datasets::TensorDataset;
use wengert_nn::prelude::*;
use wengert_nn::{About, Check};

type Labelled = TensorDataset<f32, usize>;

fn labelled(n: usize, scale: f32, offset: f32) -> Labelled {
    let x: Tensor = Tensor::randn(&[n, 4], &mut seeded(1));
    let labels: Vec<usize> = x.as_slice().chunks(4).map(|x| usize::from(x[0] > x[1])).collect();
    let x = Tensor::from_fn(&[n, 4], |at| offset + scale * x.get(at).unwrap());
    TensorDataset::new(x, Tensor::from(labels)).unwrap()
}

fn sequential(activation: impl Layer + 'static) -> Sequential {
    let mut rng = seeded(5);
    Sequential::new().layer(Dense::new(4, 32, &mut rng)).layer(activation).layer(Dense::new(32, 2, &mut rng))
}

fn trainer<M: Model>(model: M) -> Trainer<M> {
    Trainer::new(model, Adam::new(0.01), SparseCategoricalCrossEntropy::from_logits()).metric(Accuracy::new())
}

#[track_caller]
fn names(check: &Check, about: About, words: &[&str]) {
    assert!(check.has(about), "{check}");
    let finding = check.findings.iter().find(|finding| finding.about == about).unwrap();
    for word in words {
        assert!(finding.what.contains(word), "`{word}` in {check}");
    }
    assert!(!finding.advice.is_empty() && check.to_string().contains(&finding.advice));
    assert!(!check.is_good());
}

#[test]
fn a_sane_training_has_nothing_to_complain_of() {
    for n in [1, 5, 200] {
        let check = trainer(sequential(Relu)).check(&labelled(n, 1.0, 0.0)).unwrap();
        assert!(check.is_good() || n == 1, "{check}");
        assert_eq!(check.rows, n.min(32));
        assert!((check.chance.unwrap() - 2f64.ln()).abs() < 1e-12);
    }
    let x: Tensor<f64> = Tensor::randn(&[50, 3], &mut seeded(2));
    let y = Tensor::from_fn(&[50, 1], |at| x.get(&[at[0], 0]).unwrap() - x.get(&[at[0], 2]).unwrap());
    let model = Dense::<f64>::new(3, 1, &mut seeded(0));
    let mut trainer = Trainer::new(model, Sgd::new(0.1), MeanSquaredError::new());
    let check = trainer.check(&TensorDataset::new(x, y).unwrap()).unwrap();
    assert!(check.learned.unwrap().1 < 0.2 * check.loss, "{check}");
    assert!(check.to_string().starts_with("checked on 32 rows: first loss "), "{check}");
}

#[test]
fn a_check_changes_nothing() {
    let data = labelled(50, 1.0, 0.0);
    let (mut checked, mut unchecked) = (trainer(sequential(Tanh)), trainer(sequential(Tanh)));
    let before = weights(checked.model());
    checked.check(&data).unwrap();
    assert_eq!(weights(checked.model()), before);
    assert_eq!(checked.steps(), 0);
    let options = || FitOptions::new().epochs(2).batch_size(8);
    checked.fit(&data, options()).unwrap();
    checked.check(&data).unwrap();
    unchecked.fit(&data, options()).unwrap();
    assert_eq!(weights(checked.model()), weights(unchecked.model()));
    assert_eq!(checked.state(), unchecked.state());
}

#[test]
fn inputs_of_another_scale_are_named() {
    let check = |scale, offset| trainer(sequential(Relu)).check(&labelled(40, scale, offset)).unwrap();
    names(&check(1000.0, 0.0), About::Inputs, &["inputs go up to"]);
    names(&check(1e-4, 0.0), About::Inputs, &["inputs are tiny"]);
    names(&check(0.1, 50.0), About::Inputs, &["inputs lie around", "differ"]);
    names(&check(0.0, 1.0), About::Inputs, &["all inputs of the batch are 1.0000"]);
}

#[test]
fn a_loss_far_from_chance_is_named() {
    let mut model = sequential(Relu);
    model.visit_mut(&wengert_nn::Path::root(), &mut |path, p| {
        if path.to_string() == "2.weight" {
            let large = p.value().as_slice().iter().map(|x| 50.0 * x).collect();
            p.replace(Tensor::from_vec(large, p.value().shape()).unwrap());
        }
    });
    names(&trainer(model).check(&labelled(40, 1.0, 0.0)).unwrap(), About::Loss, &["guessing", "0.6931"]);

    let data = labelled(200, 1.0, 0.0);
    let mut trained = trainer(sequential(Relu));
    trained.fit(&data, FitOptions::new().epochs(60).batch_size(20)).unwrap();
    names(&trained.check(&data).unwrap(), About::Loss, &["less than half"]);
}

#[test]
fn labels_that_are_all_equal_are_named() {
    let data =
        TensorDataset::new(Tensor::randn(&[20, 4], &mut seeded(0)), Tensor::full(&[20], 1usize)).unwrap();
    names(
        &trainer(sequential(Relu)).check(&data).unwrap(),
        About::Targets,
        &["all 20 labels of the batch are 1"],
    );
}

#[test]
fn a_parameter_without_a_gradient_is_named() {
    #[derive(Module)]
    struct Forgetful {
        used: Dense,
        forgotten: Dense,
    }
    impl Forward for Forgetful {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.used.forward(x)
        }
    }
    let mut rng = seeded(0);
    let model = Forgetful { used: Dense::new(4, 2, &mut rng), forgotten: Dense::new(4, 2, &mut rng) };
    let check = trainer(model).check(&labelled(40, 1.0, 0.0)).unwrap();
    names(&check, About::Gradients, &["`forgotten.weight` gets no gradient", "not used"]);
}

#[test]
fn dead_and_saturated_activations_are_named() {
    #[derive(Module)]
    struct Dead {
        hidden: Dense,
        out: Dense,
    }
    impl Forward for Dead {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.out.forward((self.hidden.forward(x) - 1e3).relu())
        }
    }
    let mut rng = seeded(0);
    let model = Dead { hidden: Dense::new(4, 8, &mut rng), out: Dense::new(8, 2, &mut rng) };
    let check = trainer(model).check(&labelled(40, 1.0, 0.0)).unwrap();
    names(&check, About::Activations, &["`relu`", "zero everywhere"]);
    names(&check, About::Gradients, &["zero everywhere"]);
    names(&check, About::Learning, &["learned by heart"]);

    let check = trainer(sequential(Tanh)).check(&labelled(40, 90.0, 0.0)).unwrap();
    names(&check, About::Activations, &["`tanh`", "saturated"]);
}

#[test]
fn a_number_that_is_not_finite_is_named_with_its_operation() {
    #[derive(Module)]
    struct Log {
        out: Dense,
    }
    impl Forward for Log {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.out.forward(x.ln())
        }
    }
    let model = Log { out: Dense::new(4, 2, &mut seeded(0)) };
    let check = trainer(model).check(&labelled(40, 1.0, 0.0)).unwrap();
    names(&check, About::Numbers, &["`ln %0`", "check.rs:"]);
    assert_eq!(check.learned, None);
}

#[test]
fn a_batch_that_cannot_be_learned_is_named() {
    #[derive(Module)]
    struct Blind {
        out: Dense,
    }
    impl Forward for Blind {
        fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
            self.out.forward(x * 0.0)
        }
    }
    let model = Blind { out: Dense::new(4, 2, &mut seeded(0)) };
    let check = trainer(model).check(&labelled(40, 1.0, 0.0)).unwrap();
    names(&check, About::Learning, &["one batch of 32 rows cannot be learned by heart"]);
}

#[test]
fn what_is_no_batch_is_an_error() {
    let empty = TensorDataset::new(Tensor::zeros(&[0, 4]), Tensor::<usize>::zeros(&[0])).unwrap();
    assert!(trainer(sequential(Relu)).check(&empty).is_err());
    let wrong = TensorDataset::new(Tensor::zeros(&[2, 4]), tensor![0usize, 9]).unwrap();
    let e = trainer(sequential(Relu)).check(&wrong).unwrap_err();
    assert!(e.to_string().contains("label 9"), "{e}");
}
