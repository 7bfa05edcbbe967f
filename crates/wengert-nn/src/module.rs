//! Modules: what has parameters, and how they are found and named.
//!
//! One method pair walks a model and hands each parameter to a closure, together with its
//! [`Path`]. Optimizers, checkpoints, summaries and counts are all such walks, so a model need
//! not keep a list of its parameters beside its fields, which could disagree with them; and the
//! fields can be listed by a derive. A path is a linked list on the stack of the walk: a walk
//! allocates nothing, and a name is only spelled out where someone prints it.
//!
//! The number type is the trait's parameter, not an associated type: plain data is a module of
//! any number type, and a derived model has the one that its fields agree on.

use crate::init::Init;
use crate::layers::{Activation, RecurrentOptions};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;
use wengert::{AttentionOptions, ConvOptions, Float, Gradients, Parameter, PoolOptions, Shape};

/// Implements [`Module`](trait@Module) by visiting every field.
///
/// ```
/// use wengert_nn::{prelude::*, wengert::Float};
///
/// #[derive(Module)]
/// struct Block<T: Float = f32> {
///     weight: Parameter<T>,
///     scale: Option<Parameter<T>>,
///     dropout: f64, // plain data is a module without parameters
///     #[module(skip)]
///     seen: std::cell::Cell<usize>, // no module: left out
/// }
///
/// let parameter = || Parameter::new(tensor![0.5, 1.5]);
/// let block = Block { weight: parameter(), scale: Some(parameter()), dropout: 0.1, seen: Default::default() };
/// let names: Vec<String> = block.parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["weight", "scale"]);
/// ```
pub use wengert_nn_derive::Module;

/// Where a parameter is in a model: `hidden.weight`, `layers.0.bias`.
///
/// A path is one link of a list that the walk keeps on its stack: making one costs a few moves,
/// and its text is only put together by formatting.
///
/// ```
/// use wengert_nn::Path;
/// let root = Path::root();
/// let layers = root.child("layers");
/// assert_eq!(layers.index(0).child("bias").to_string(), "layers.0.bias");
/// assert_eq!(root.to_string(), "");
/// assert_eq!(format!("{layers:<8}|"), "layers  |");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Path<'a>(Option<(&'a Path<'a>, Step<'a>)>);

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The model itself; its text is empty.
    pub const fn root() -> Path<'a> {
        Path(None)
    }

    /// The part called `name` of what is at this path.
    pub const fn child(&'a self, name: &'a str) -> Path<'a> {
        Path(Some((self, Step::Name(name))))
    }

    /// The part numbered `index`, from 0, of what is at this path.
    pub const fn index(&'a self, index: usize) -> Path<'a> {
        Path(Some((self, Step::Index(index))))
    }

    /// Whether this is its text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.before(text) == Some("")
    }

    /// What stands before this path at the end of `text`.
    pub(crate) fn before<'n>(&self, text: &'n str) -> Option<&'n str> {
        let Some((parent, step)) = self.0 else { return Some(text) };
        let head = match step {
            Step::Name(name) => text.strip_suffix(name)?,
            Step::Index(index) => {
                let head = text.trim_end_matches(|c: char| c.is_ascii_digit());
                (text[head.len()..].parse() == Ok(index)).then_some(head)?
            }
        };
        match (parent.0, head.strip_suffix('.')) {
            (_, Some(head)) => parent.before(head),
            (None, None) => head.is_empty().then_some(""),
            (Some(_), None) => None,
        }
    }

    fn spell(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let Some((parent, step)) = self.0 else { return Ok(()) };
        if parent.0.is_some() {
            parent.spell(out)?;
            out.write_char('.')?;
        }
        match step {
            Step::Name(name) => out.write_str(name),
            Step::Index(index) => write!(out, "{index}"),
        }
    }
}

/// The steps from the root, joined by dots. Only a width or a precision makes it allocate.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_none() && f.precision().is_none() {
            return self.spell(f);
        }
        let mut text = String::new();
        self.spell(&mut text)?;
        f.pad(&text)
    }
}

/// What has parameters of type `T`: a layer, a model, a list of them.
///
/// Derive it. Fields of plain data (numbers, `bool`, `String`, ...) are modules without
/// parameters; a field of another type that has none is left out with `#[module(skip)]`.
///
/// ```
/// use wengert_nn::{Path, prelude::*};
///
/// #[derive(Module)]
/// struct Affine {
///     weight: Parameter,
///     bias: Parameter,
/// }
///
/// #[derive(Module)]
/// struct Model {
///     layers: Vec<Affine>,
///     temperature: f64,
/// }
///
/// let affine = || Affine { weight: Parameter::new(tensor![[1., 2.]]), bias: Parameter::new(tensor![0.]) };
/// let mut model = Model { layers: vec![affine(), affine()], temperature: 1.0 };
/// assert_eq!(model.parameter_count(), 6);
///
/// // To change all parameters is one walk.
/// model.visit_mut(&Path::root(), &mut |path, parameter| {
///     if path.to_string().ends_with("weight") {
///         parameter.replace(tensor![[0., 0.]]);
///     }
/// });
/// assert_eq!(model.layers[1].weight.value(), &tensor![[0., 0.]]);
/// ```
///
/// A field that is no module is an error that says so where the model is used as one:
///
/// ```compile_fail,E0277
/// # use wengert_nn::prelude::*;
/// struct Counter(std::cell::Cell<u32>);
///
/// #[derive(Module)]
/// struct Model { weight: Parameter, calls: Counter }
///
/// fn train(model: &mut impl Module) {}
/// train(&mut Model { weight: Parameter::new(tensor![0.]), calls: Counter(Default::default()) });
/// ```
///
/// By hand, both walks must visit the same parameters in the same order, each once and under a
/// path of its own: optimizers keep their state by parameter, checkpoints by name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module of `{T}` parameters",
    label = "not a `Module<{T}>`",
    note = "put `#[derive(Module)]` on the type if it has parameters",
    note = "put `#[module(skip)]` on a field of this type if it has none"
)]
pub trait Module<T: Float = f32> {
    /// Calls `f` with every parameter, in order, and with where it is: `path` is where `self` is,
    /// [`Path::root`] for a whole model.
    ///
    /// The references live as long as the model is borrowed, so that `f` can collect them.
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>));

    /// [`visit`](Module::visit), for changing the parameters.
    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>));

    /// All parameters with their names, in order.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let pair = (Parameter::new(tensor![1.0f32]), Parameter::new(tensor![2.0f32]));
    /// let [(first, _), (second, parameter)] = &pair.parameters()[..] else { panic!() };
    /// assert_eq!((first.as_str(), second.as_str()), ("0", "1"));
    /// assert_eq!(parameter.value(), &tensor![2.0]);
    /// ```
    fn parameters(&self) -> Vec<(String, &Parameter<T>)> {
        let mut all = Vec::new();
        self.visit(&Path::root(), &mut |path, parameter| all.push((path.to_string(), parameter)));
        all
    }

    /// How many numbers all parameters have together; [state](Parameter::state), such as running
    /// statistics, does not count.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let layers: Vec<Box<dyn Module>> = vec![Box::new(Parameter::new(Tensor::zeros(&[3, 4])))];
    /// assert_eq!(layers.parameter_count(), 12);
    /// ```
    fn parameter_count(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::root(), &mut |_, parameter| {
            count += if parameter.is_state() { 0 } else { parameter.value().len() };
        });
        count
    }

    /// Tells every parameter [where it stands](Parameter::set_name), so that layers know it too: in
    /// scopes on the tape, summaries and errors. Trainers, summaries and the first step of an optimizer
    /// do it.
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// #[derive(Module)]
    /// struct Model { hidden: Dense }
    /// let model = Model { hidden: Dense::new(2, 3, &mut seeded(0)) };
    /// model.name_parameters();
    /// let tape = GradientTape::new();
    /// let y = model.hidden.forward(tape.constant(tensor![[1.0, 2.0]]));
    /// assert_eq!(tape.scope_of(y.id()), "hidden");
    /// ```
    fn name_parameters(&self) {
        name_from(self, &Path::root());
    }

    /// Freezes all parameters, or lets them be trained again: see [`Parameter::set_trainable`].
    ///
    /// ```
    /// use wengert_nn::prelude::*;
    /// let mut encoder: Dense = Dense::new(2, 3, &mut seeded(0));
    /// encoder.set_trainable(false);
    /// let tape = GradientTape::new();
    /// let x = tape.var(tensor![[1.0, 2.0]]);
    /// let grads = encoder.forward(x).sum().backward();
    /// assert!(grads.get(x).is_some() && grads.get(encoder.weight()).is_none());
    /// ```
    fn set_trainable(&mut self, trainable: bool) {
        self.visit_mut(&Path::root(), &mut |_, parameter| parameter.set_trainable(trainable));
    }

    /// Brings running statistics up to date with the forward passes under `grads`. The optimizers of
    /// this crate do it in each step; one of your own should.
    fn update_state(&mut self, grads: &Gradients<T>) {
        self.visit_mut(&Path::root(), &mut |_, parameter| {
            grads.update_state(parameter);
        });
    }
}

/// [`Module::name_parameters`] of what stands at a path.
pub(crate) fn name_from<T: Float>(module: &(impl Module<T> + ?Sized), path: &Path<'_>) {
    module.visit(path, &mut |path, parameter| {
        if !parameter.name().is_some_and(|name| path.is(&name)) {
            parameter.set_name(&path.to_string());
        }
    });
}

impl<T: Float> Module<T> for Parameter<T> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        f(path, self);
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        f(path, self);
    }
}

/// Named as what is inside.
impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        (**self).visit(path, f);
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        (**self).visit_mut(path, f);
    }
}

/// Named as what is inside, if anything is.
impl<T: Float, M: Module<T>> Module<T> for Option<M> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        self.iter().for_each(|module| module.visit(path, f));
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        self.iter_mut().for_each(|module| module.visit_mut(path, f));
    }
}

macro_rules! lists {
    ($($(const $n:ident,)? $list:ty;)*) => {$(
        /// Named by position: `0`, `1`, ...
        impl<T: Float, M: Module<T> $(, const $n: usize)?> Module<T> for $list {
            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
                self.iter().enumerate().for_each(|(i, module)| module.visit(&path.index(i), f));
            }

            fn visit_mut<'a>(
                &'a mut self,
                path: &Path<'_>,
                f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>),
            ) {
                self.iter_mut().enumerate().for_each(|(i, module)| module.visit_mut(&path.index(i), f));
            }
        }
    )*};
}

lists! { [M]; Vec<M>; const N, [M; N]; }

/// Named by key, in the order of the keys.
impl<T: Float, K: fmt::Display + Ord, M: Module<T>> Module<T> for BTreeMap<K, M> {
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
        self.iter().for_each(|(key, module)| module.visit(&path.child(&key.to_string()), f));
    }

    fn visit_mut<'a>(&'a mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {
        self.iter_mut().for_each(|(key, module)| module.visit_mut(&path.child(&key.to_string()), f));
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+);)*) => {$(
        /// Named by position: `0`, `1`, ...
        impl<T: Float, $($name: Module<T>),+> Module<T> for ($($name,)+) {
            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {
                $(self.$index.visit(&path.index($index), f);)+
            }

            fn visit_mut<'a>(
                &'a mut self,
                path: &Path<'_>,
                f: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>),
            ) {
                $(self.$index.visit_mut(&path.index($index), f);)+
            }
        }
    )*};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, G 5);
    (A 0, B 1, C 2, D 3, E 4, G 5, H 6);
    (A 0, B 1, C 2, D 3, E 4, G 5, H 6, I 7);
}

macro_rules! plain_data {
    ($($plain:ty $(where $x:ident)?,)*) => {$(
        /// Plain data: no parameters.
        impl<T: Float $(, $x: ?Sized)?> Module<T> for $plain {
            fn visit<'a>(&'a self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &'a Parameter<T>)) {}
            fn visit_mut<'a>(&'a mut self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, &'a mut Parameter<T>)) {}
        }
    )*};
}

plain_data! {
    (), bool, char, f32, f64, String, &'static str, Duration, Range<usize>, PhantomData<X> where X,
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize,
    Shape, AttentionOptions, ConvOptions, PoolOptions, Activation, Init, RecurrentOptions,
}

#[cfg(test)]
mod tests {
    use super::*;
    use wengert::{Tensor, tensor};

    /// A parameter that holds `x`, by which tests tell it from others.
    fn parameter(x: f32) -> Parameter {
        Parameter::new(tensor![x])
    }

    fn named<T: Float>(module: &(impl Module<T> + ?Sized)) -> Vec<(String, f64)> {
        module.parameters().into_iter().map(|(name, p)| (name, p.value().as_slice()[0].to_f64())).collect()
    }

    fn expected<const N: usize>(all: [(&str, f64); N]) -> Vec<(String, f64)> {
        all.map(|(name, x)| (name.to_string(), x)).to_vec()
    }

    #[test]
    fn a_path_joins_its_steps_by_dots() {
        let root = Path::root();
        let (layers, zero) = (root.child("layers"), root.index(0));
        let third = layers.index(3);
        let texts =
            [root, layers, third, third.child("bias"), zero, zero.child("weight")].map(|p| p.to_string());
        assert_eq!(texts, ["", "layers", "layers.3", "layers.3.bias", "0", "0.weight"]);
    }

    #[test]
    fn a_path_pads_and_truncates_as_text_does() {
        let root = Path::root();
        let layers = root.child("layers");
        let path = layers.index(0);
        assert_eq!(format!("[{path:10}] [{path:>10}] [{path:.3}]"), "[layers.0  ] [  layers.0] [lay]");
    }

    #[test]
    fn a_path_is_found_at_the_end_of_a_name() {
        let root = Path::root();
        let (layers, weight) = (root.child("layers"), root.child("weight"));
        let third = layers.index(3);
        assert_eq!(weight.before("encoder.0.weight"), Some("encoder.0"));
        assert_eq!(third.before("model.layers.3"), Some("model"));
        assert_eq!((third.before("layers.3"), third.before("layers.13")), (Some(""), None));
        assert_eq!((weight.before("overweight"), third.before("3")), (None, None));
        assert_eq!(root.before("a.b"), Some("a.b"));
        assert!(third.is("layers.3") && root.is("") && !root.is("a") && !third.is("a.layers.3"));
    }

    #[test]
    fn a_path_owns_no_memory() {
        fn is_copy<P: Copy>(_: P) {}
        is_copy(Path::root());
        assert!(!std::mem::needs_drop::<Path>());
    }

    #[test]
    fn a_parameter_visits_itself_where_it_stands() {
        assert_eq!(named(&parameter(1.)), expected([("", 1.)]));
        assert_eq!(named(&Parameter::<f64>::new(tensor![1.])), expected([("", 1.)]));
    }

    #[test]
    fn lists_name_by_position_and_boxes_and_options_add_nothing() {
        assert_eq!(named(&vec![parameter(1.), parameter(2.)]), expected([("0", 1.), ("1", 2.)]));
        assert_eq!(named(&[parameter(1.), parameter(2.)][..]), expected([("0", 1.), ("1", 2.)]));
        assert_eq!(named(&[[parameter(1.)], [parameter(2.)]]), expected([("0.0", 1.), ("1.0", 2.)]));
        assert_eq!(named(&[None, Some(parameter(2.))]), expected([("1", 2.)]));
        assert_eq!(named(&Box::new((parameter(1.),))), expected([("0", 1.)]));
    }

    #[test]
    fn six_parts_of_a_tuple_keep_their_order() {
        let [a, b, c, d, e, g] = [0., 1., 2., 3., 4., 5.].map(parameter);
        let all = [("0", 0.), ("1", 1.), ("2", 2.), ("3", 3.), ("4", 4.), ("5", 5.)];
        assert_eq!(named(&(a, b, c, d, e, g)), expected(all));
    }

    #[test]
    fn a_map_names_by_key_in_order() {
        let heads = BTreeMap::from([("words", parameter(2.)), ("images", parameter(1.))]);
        assert_eq!(named(&heads), expected([("images", 1.), ("words", 2.)]));
    }

    #[test]
    fn modules_of_different_types_stand_in_one_list() {
        let modules: Vec<Box<dyn Module>> = vec![Box::new(parameter(1.)), Box::new([parameter(2.)])];
        assert_eq!(named(&modules), expected([("0", 1.), ("1.0", 2.)]));
        assert_eq!(modules[1].parameter_count(), 1);
    }

    #[test]
    fn plain_data_has_no_parameters_of_either_type() {
        let data = (
            (true, 'c', "text", String::new(), (), PhantomData::<str>),
            (1u8, 1i64, 1usize, 1.0f32, 1.0f64),
            (Duration::ZERO, 0..3),
        );
        assert!(Module::<f32>::parameters(&data).is_empty());
        assert!(Module::<f64>::parameters(&data).is_empty());
    }

    #[test]
    fn parameters_are_counted_by_their_numbers() {
        let model = (Parameter::<f32>::new(Tensor::zeros(&[3, 4])), [parameter(0.), parameter(1.)], 7usize);
        assert_eq!(model.parameter_count(), 14);
    }

    #[test]
    fn both_walks_see_the_same_parameters_at_the_same_paths() {
        let mut model = (vec![parameter(1.), parameter(2.)], Some(Box::new([parameter(3.)])), parameter(4.));
        let ids = model.parameters().into_iter().map(|(name, p)| (name, p.id())).collect::<Vec<_>>();
        let mut ids_mut = Vec::new();
        model.visit_mut(&Path::root(), &mut |path, p| ids_mut.push((path.to_string(), p.id())));
        assert_eq!(ids, ids_mut);
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn collected_references_outlive_the_walk() {
        let mut model = (parameter(1.), [parameter(2.)]);
        let mut all: Vec<&mut Parameter> = Vec::new();
        model.visit_mut(&Path::root(), &mut |_, p| all.push(p));
        for p in all {
            p.replace(tensor![7.]);
        }
        assert_eq!(named(&model), expected([("0", 7.), ("1.0", 7.)]));
    }
}
