//! What `#[derive(Module)]` makes of every kind of type: which parameters, named how, in which order.

use std::cell::Cell;
use std::marker::PhantomData;
use wengert_nn::prelude::*;
use wengert_nn::{Path, wengert};

/// A parameter of one number, by which tests tell it from others.
fn parameter(x: f64) -> Parameter {
    Parameter::new(tensor![x as f32])
}

/// Names and numbers in the order of the walk.
fn named<T: wengert::Float>(model: &impl Module<T>) -> Vec<(String, f64)> {
    let value = |p: &Parameter<T>| p.value().as_slice()[0].to_f64();
    model.parameters().into_iter().map(|(name, p)| (name, value(p))).collect()
}

fn names<T: wengert::Float>(model: &impl Module<T>) -> Vec<String> {
    named(model).into_iter().map(|(name, _)| name).collect()
}

fn expected<const N: usize>(all: [(&str, f64); N]) -> Vec<(String, f64)> {
    all.map(|(name, x)| (name.to_string(), x)).to_vec()
}

#[derive(Module)]
struct Affine<T: wengert::Float = f32> {
    weight: Parameter<T>,
    bias: Option<Parameter<T>>,
}

fn affine(weight: f64, bias: f64) -> Affine {
    Affine { weight: parameter(weight), bias: Some(parameter(bias)) }
}

#[test]
fn named_fields_are_visited_in_the_order_of_declaration() {
    #[derive(Module)]
    struct Mlp {
        out: Affine,
        hidden: Affine,
        r#type: Parameter,
        width: usize,
    }
    let model = Mlp { width: 3, r#type: parameter(5.), hidden: affine(3., 4.), out: affine(1., 2.) };
    let all =
        [("out.weight", 1.), ("out.bias", 2.), ("hidden.weight", 3.), ("hidden.bias", 4.), ("type", 5.)];
    assert_eq!(named(&model), expected(all));
    assert_eq!(model.width, 3);
}

#[test]
fn unnamed_fields_go_by_index_and_a_lone_one_adds_nothing() {
    #[derive(Module)]
    struct Pair(Affine, Parameter);
    #[derive(Module)]
    struct Encoder(Vec<Affine>);
    #[derive(Module)]
    struct Second(#[module(skip)] Cell<u8>, Parameter);

    let pair = Pair(affine(1., 2.), parameter(3.));
    assert_eq!(named(&pair), expected([("0.weight", 1.), ("0.bias", 2.), ("1", 3.)]));
    let encoder = Encoder(vec![affine(1., 2.), affine(3., 4.)]);
    let all = [("0.weight", 1.), ("0.bias", 2.), ("1.weight", 3.), ("1.bias", 4.)];
    assert_eq!(named(&encoder), expected(all));
    let second = Second(Cell::new(0), parameter(1.));
    assert_eq!(named(&second), expected([("1", 1.)]));
    assert_eq!(second.0.get(), 0);
}

#[test]
fn a_type_without_parameters_is_a_module_of_both_number_types() {
    #[derive(Module)]
    struct Relu;
    #[derive(Module)]
    struct Empty {}
    #[derive(Module)]
    struct Dropout {
        rate: f64,
    }
    #[derive(Module)]
    enum Never {}

    let dropout = Dropout { rate: 0.5 };
    assert_eq!((Module::<f32>::parameter_count(&Relu), Module::<f64>::parameter_count(&Relu)), (0, 0));
    assert_eq!(Module::<f32>::parameter_count(&(Empty {}, dropout.rate, dropout)), 0);
    assert_eq!(Module::<f32>::parameter_count(&None::<Never>), 0);
}

#[test]
fn vectors_options_boxes_arrays_and_tuples_nest() {
    #[derive(Module)]
    struct Model {
        blocks: Vec<Option<Affine>>,
        head: Box<[Affine; 1]>,
        any: Box<dyn Module>,
        pair: (Parameter, Option<Vec<Parameter>>),
    }
    let model = Model {
        blocks: vec![Some(affine(1., 2.)), None, Some(Affine { weight: parameter(3.), bias: None })],
        head: Box::new([affine(4., 5.)]),
        any: Box::new(affine(6., 7.)),
        pair: (parameter(8.), Some(vec![parameter(9.)])),
    };
    let all = [
        ("blocks.0.weight", 1.),
        ("blocks.0.bias", 2.),
        ("blocks.2.weight", 3.),
        ("head.0.weight", 4.),
        ("head.0.bias", 5.),
        ("any.weight", 6.),
        ("any.bias", 7.),
        ("pair.0", 8.),
        ("pair.1.0", 9.),
    ];
    assert_eq!(named(&model), expected(all));
}

#[derive(Module)]
enum Layer {
    Affine(Affine),
    Norm { scale: Parameter, shift: Parameter },
    Both(Parameter, Parameter),
    Relu,
}

#[test]
fn an_enum_has_the_parameters_of_its_variant() {
    let mut layers = vec![
        Layer::Affine(affine(1., 2.)),
        Layer::Relu,
        Layer::Norm { scale: parameter(3.), shift: parameter(4.) },
        Layer::Both(parameter(5.), parameter(6.)),
    ];
    let all = [("0.weight", 1.), ("0.bias", 2.), ("2.scale", 3.), ("2.shift", 4.), ("3.0", 5.), ("3.1", 6.)];
    assert_eq!(named(&layers), expected(all));
    layers[0] = Layer::Relu;
    assert_eq!(names(&layers), ["2.scale", "2.shift", "3.0", "3.1"]);
}

#[test]
fn a_skipped_field_need_not_be_a_module() {
    struct NoModule;
    #[derive(Module)]
    struct Model<F> {
        weight: Parameter,
        #[module(skip)]
        activation: F,
        #[module(skip)]
        frozen: Parameter,
        #[module(skip)]
        _other: NoModule,
    }
    let model = Model {
        weight: parameter(1.),
        activation: |x: f64| x.max(0.),
        frozen: parameter(2.),
        _other: NoModule,
    };
    assert_eq!(named(&model), expected([("weight", 1.)]));
    assert_eq!((model.activation)(-1.), 0.);
    assert_eq!(model.frozen.value().len(), 1);
}

#[test]
fn generics_of_every_kind_are_carried_over() {
    #[derive(Module)]
    struct Stack<'n, M, B: ?Sized, const N: usize>
    where
        M: Clone,
    {
        name: &'static str,
        layers: [M; N],
        kind: PhantomData<&'n u8>,
        last: Box<B>,
    }
    let stack = Stack::<Parameter, dyn Module<f32>, 2> {
        name: "stack",
        layers: [parameter(1.), parameter(2.)],
        kind: PhantomData,
        last: Box::new(parameter(3.)),
    };
    assert_eq!(named(&stack), expected([("layers.0", 1.), ("layers.1", 2.), ("last", 3.)]));
    assert_eq!((stack.name, stack.kind), ("stack", PhantomData));
}

#[test]
fn the_number_type_follows_from_the_fields() {
    #[derive(Module)]
    struct Mlp<T: wengert::Float> {
        hidden: Affine<T>,
        rate: f32,
    }
    fn count<T: wengert::Float>(model: &Mlp<T>) -> usize {
        model.parameter_count() + model.rate as usize
    }
    let weight = Parameter::<f64>::new(tensor![1.]);
    let model = Mlp { hidden: Affine { weight, bias: None }, rate: 0.5 };
    assert_eq!(model.parameter_count(), 1);
    assert_eq!(count(&model), 1);
    assert_eq!(affine(1., 2.).parameter_count(), 2);
}

#[test]
fn a_type_may_contain_itself() {
    #[derive(Module)]
    struct Tree {
        weight: Parameter,
        children: Vec<Tree>,
        next: Option<Box<Self>>,
    }
    let leaf = |x| Tree { weight: parameter(x), children: vec![], next: None };
    let tree = Tree { weight: parameter(1.), children: vec![leaf(2.)], next: Some(Box::new(leaf(3.))) };
    assert_eq!(named(&tree), expected([("weight", 1.), ("children.0.weight", 2.), ("next.weight", 3.)]));
}

#[test]
fn a_wrapper_may_have_the_name_of_what_it_wraps() {
    mod other {
        #[derive(wengert_nn::Module)]
        pub struct Norm {
            pub scale: wengert_nn::wengert::Parameter,
        }
    }
    #[derive(Module)]
    struct Norm {
        inner: other::Norm,
    }
    let norm = Norm { inner: other::Norm { scale: parameter(1.) } };
    assert_eq!(named(&norm), expected([("inner.scale", 1.)]));
}

#[test]
#[allow(non_upper_case_globals)]
fn names_that_the_derive_might_use_are_free() {
    #[allow(dead_code)]
    const f: u8 = 0;
    #[allow(dead_code)]
    static path: u8 = 0;
    #[derive(Module)]
    struct Names {
        path: Parameter,
        f: Parameter,
        field0: Parameter,
        visit: Parameter,
    }
    let names = Names { path: parameter(1.), f: parameter(2.), field0: parameter(3.), visit: parameter(4.) };
    assert_eq!(named(&names), expected([("path", 1.), ("f", 2.), ("field0", 3.), ("visit", 4.)]));
}

#[test]
fn visit_mut_changes_the_parameters_and_agrees_with_visit() {
    #[derive(Module)]
    struct Model {
        layers: Vec<Layer>,
        temperature: Parameter,
    }
    let layers =
        vec![Layer::Affine(affine(1., 2.)), Layer::Norm { scale: parameter(3.), shift: parameter(4.) }];
    let mut model = Model { layers, temperature: parameter(5.) };
    let before = names(&model);

    let mut seen = Vec::new();
    model.visit_mut(&Path::root(), &mut |path, p| {
        seen.push(path.to_string());
        let tenfold = tensor![p.value().as_slice()[0] * 10.];
        p.replace(tenfold);
    });
    assert_eq!(seen, before);
    let all = [
        ("layers.0.weight", 10.),
        ("layers.0.bias", 20.),
        ("layers.1.scale", 30.),
        ("layers.1.shift", 40.),
        ("temperature", 50.),
    ];
    assert_eq!(named(&model), expected(all));
}

#[test]
fn a_walk_may_start_below_a_path() {
    let (root, mut seen) = (Path::root(), Vec::new());
    affine(1., 2.).visit(&root.child("encoder"), &mut |path, _| seen.push(path.to_string()));
    assert_eq!(seen, ["encoder.weight", "encoder.bias"]);
}

#[test]
fn a_derived_model_works_in_code_over_any_module() {
    fn zero<M: Module<f32> + ?Sized>(model: &mut M) {
        model.visit_mut(&Path::root(), &mut |_, p| p.get_mut().unwrap().fill(0.));
    }
    fn last<M: Module<f32>>(model: &M) -> &Parameter {
        model.parameters().pop().unwrap().1
    }
    let mut model = affine(1., 2.);
    assert_eq!(last(&model).value(), &tensor![2.]);
    zero(&mut model);
    assert_eq!(named(&model), expected([("weight", 0.), ("bias", 0.)]));
    let dynamic: &mut dyn Module = &mut affine(1., 2.);
    zero(dynamic);
    assert_eq!(dynamic.parameters()[1].1.value(), &tensor![0.]);
}

#[test]
fn macros_may_write_the_derived_type() {
    macro_rules! model {
        ($name:ident { $($field:ident: $ty:ty),* }) => {
            #[derive(Module)]
            struct $name { $($field: $ty),* }
        };
    }
    model!(Model { weight: Parameter, next: Option<Box<Model>> });
    let model =
        Model { weight: parameter(1.), next: Some(Box::new(Model { weight: parameter(2.), next: None })) };
    assert_eq!(named(&model), expected([("weight", 1.), ("next.weight", 2.)]));
}
