//! What a trainer needs of data: rows that can be gathered into batches, in any order.
//!
//! The trainer owns the order (a list of rows that it shuffles in place) and the tensors of a
//! batch, which are filled again for the next one: a loop over batches allocates nothing. An
//! iterator of fresh batches would be simpler and would allocate 400 KB for each of MNIST's.

use crate::DatasetError;
use wengert::{Element, Float, Tensor};

/// Rows of inputs and targets that can be gathered into batches, in any order.
///
/// `T` is the type that the model computes in; what does not depend on it, such as labels, ignores
/// it.
///
/// ```
/// use wengert::{Float, Tensor};
/// use wengert_datasets::{Dataset, refill};
///
/// /// The squares of the row numbers, without any memory.
/// struct Squares(usize);
///
/// impl<T: Float> Dataset<T> for Squares {
///     type Input = Tensor<T>;
///     type Target = Tensor<T>;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn gather(&self, rows: &[usize], into: &mut Option<(Tensor<T>, Tensor<T>)>) {
///         let (x, y) = into.take().unzip();
///         let fill = |f: fn(f64) -> f64| {
///             move |into: &mut [T]| into.iter_mut().zip(rows).for_each(|(to, &row)| *to = T::from_f64(f(row as f64)))
///         };
///         *into = Some((refill(x, &[rows.len(), 1], fill(|x| x)), refill(y, &[rows.len(), 1], fill(|x| x * x))));
///     }
/// }
///
/// let mut batch = None;
/// Dataset::<f32>::gather(&Squares(10), &[3, 1], &mut batch);
/// assert_eq!(batch.unwrap().1.as_slice(), [9.0, 1.0]);
/// ```
pub trait Dataset<T: Float> {
    /// The inputs of a batch, such as a tensor of shape `[rows, ...]`.
    type Input: Clone;
    /// The targets of a batch, such as a tensor of labels.
    type Target: Clone;

    /// The number of rows.
    fn len(&self) -> usize;

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the batch of these rows into `into`.
    ///
    /// Tensors that are there already are filled again if they have the right shape and nobody
    /// else holds them, else they are left to their holders and replaced. So keep one `into` for
    /// whole batches and one for the smaller last batch of an epoch.
    ///
    /// # Panics
    /// A row is not below [`len`](Dataset::len).
    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Option<(Self::Input, Self::Target)>);
}

/// A tensor of `shape` with the elements that `fill` writes: `old` itself if it has that shape and
/// nobody else holds its buffer, else a new one.
///
/// `fill` gets all the elements, in row-major order, and must write each: they hold zeros or what
/// `old` held.
///
/// # Panics
/// The shape is too large for memory.
#[track_caller]
pub fn refill<T: Element>(old: Option<Tensor<T>>, shape: &[usize], fill: impl FnOnce(&mut [T])) -> Tensor<T> {
    let same_shape = old.filter(|tensor| tensor.shape()[..] == *shape);
    if let Some(mut tensor) = same_shape
        && let Some(elements) = tensor.get_mut()
    {
        fill(elements);
        return tensor;
    }
    let count = wengert::Shape::from(shape).elements();
    let mut elements = vec![T::default(); count];
    fill(&mut elements);
    Tensor::from_vec(elements, shape).expect("as many elements as the shape has")
}

#[track_caller]
pub(crate) fn check_rows(rows: &[usize], len: usize) {
    if let Some(row) = rows.iter().find(|&&row| row >= len) {
        panic!("row {row} is outside a data set of {len} rows");
    }
}

/// A data set of two tensors in memory, whose first axes are the rows.
///
/// Inputs may be of any element type, since the rows of an embedding are chosen by integers.
///
/// ```
/// use wengert::Tensor;
/// use wengert_datasets::TensorDataset;
/// let inputs = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2])?;
/// let targets = Tensor::from_vec(vec![0usize, 1, 0], &[3])?;
/// let data = TensorDataset::new(inputs, targets)?;
/// let mut batch = None;
/// for rows in [2, 0, 1].chunks(2) {
///     data.gather(rows, &mut batch);
///     let (x, y) = batch.as_ref().unwrap();
///     assert_eq!(x.shape()[..], [rows.len(), 2]);
///     assert_eq!(x.get(&[0, 0]), Some(1.0 + 2.0 * rows[0] as f64));
///     assert_eq!(y.shape()[..], [rows.len()]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset<X: Element, Y: Element> {
    inputs: Tensor<X>,
    targets: Tensor<Y>,
}

impl<X: Element, Y: Element> TensorDataset<X, Y> {
    /// A data set of inputs of shape `[rows, ...]` and targets of shape `[rows, ...]`.
    ///
    /// # Errors
    /// The first axes differ in length, or one is missing.
    pub fn new(inputs: Tensor<X>, targets: Tensor<Y>) -> Result<TensorDataset<X, Y>, DatasetError> {
        let wrong = |argument, found: &wengert::Shape, expected: String| {
            Err(DatasetError::Argument { path: None, argument, found: format!("shape {found}"), expected })
        };
        let Some(rows) = inputs.shape().first() else {
            return wrong(
                "inputs",
                inputs.shape(),
                "a first axis, whose length is the number of rows".into(),
            );
        };
        if targets.shape().first() != Some(rows) {
            let expected = format!("a first axis of {rows}, as the inputs {} have", inputs.shape());
            return wrong("targets", targets.shape(), expected);
        }
        Ok(TensorDataset { inputs, targets })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.inputs.shape()[0]
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All inputs.
    pub fn inputs(&self) -> &Tensor<X> {
        &self.inputs
    }

    /// All targets.
    pub fn targets(&self) -> &Tensor<Y> {
        &self.targets
    }

    /// Puts the batch of these rows into `into`, as [`Dataset::gather`].
    ///
    /// # Panics
    /// A row is not below [`len`](TensorDataset::len).
    #[track_caller]
    pub fn gather(&self, rows: &[usize], into: &mut Option<(Tensor<X>, Tensor<Y>)>) {
        check_rows(rows, self.len());
        let (inputs, targets) = into.take().unzip();
        *into = Some((gather(&self.inputs, rows, inputs), gather(&self.targets, rows, targets)));
    }
}

impl<T: Float, X: Element, Y: Element> Dataset<T> for TensorDataset<X, Y> {
    type Input = Tensor<X>;
    type Target = Tensor<Y>;

    fn len(&self) -> usize {
        self.inputs.shape()[0]
    }

    #[track_caller]
    fn gather(&self, rows: &[usize], into: &mut Option<(Tensor<X>, Tensor<Y>)>) {
        self.gather(rows, into);
    }
}

/// Copies rows that are known to exist.
fn gather<T: Element>(from: &Tensor<T>, rows: &[usize], old: Option<Tensor<T>>) -> Tensor<T> {
    let mut shape = from.shape().clone().to_vec();
    let size: usize = shape[1..].iter().product();
    shape[0] = rows.len();
    refill(old, &shape, |into| {
        for (k, row) in rows.iter().enumerate() {
            into[k * size..][..size].copy_from_slice(&from.as_slice()[row * size..][..size]);
        }
    })
}
