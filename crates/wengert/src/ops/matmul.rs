//! Matrix products: batched over leading axes, transposed without a copy, and with a bias.
//!
//! The family is closed under its own rule: the gradient of a product is a product with other
//! transposes. Two-dimensional rules add into an adjoint that is already there (beta = 1).

use super::{Op, Reduce};
use crate::element::Float;
use crate::error::ShapeError;
use crate::kernels::{Kernels, Matrix};
use crate::pool::Pool;
use crate::shape::{Axes, Shape};
use crate::tensor::Tensor;
use crate::tensor_ops::{Adjoint, TensorOps};
use crate::var::Var;

/// A matrix product of the last two axes, an operand perhaps read as its transpose.
///
/// As in NumPy, a vector counts as a row on the left and as a column on the right, and leading
/// axes broadcast. These three are closed under their own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// A·B
    NN,
    /// A·Bᵀ
    NT,
    /// Aᵀ·B
    TN,
}

impl Product {
    /// Whether the first operand is read transposed.
    pub fn transposes_a(self) -> bool {
        self == Product::TN
    }

    /// Whether the second operand is read transposed.
    pub fn transposes_b(self) -> bool {
        self == Product::NT
    }

    /// Rows, inner length and columns of a product of two matrices; the inner lengths of both.
    fn sizes(self, a: [usize; 2], b: [usize; 2]) -> (usize, [usize; 2], usize) {
        let [m, k] = if self.transposes_a() { [a[1], a[0]] } else { a };
        let [l, n] = if self.transposes_b() { [b[1], b[0]] } else { b };
        (m, [k, l], n)
    }

    pub(crate) fn shape(self, a: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
        // Two matrices, the usual case, in few steps: it is felt in small networks.
        if let (&[a0, a1], &[b0, b1]) = (&a[..], &b[..]) {
            return match self.sizes([a0, a1], [b0, b1]) {
                (m, [k, l], n) if k == l => Shape::new(&[m, n]),
                _ => Err(ShapeError::Matmul { left: a.clone(), right: b.clone() }),
            };
        }
        if a.is_empty() || b.is_empty() {
            return Err(ShapeError::Expected {
                op: "matmul",
                expected: "operands with at least one axis".into(),
                given: format!("{a} x {b}"),
            });
        }
        let (left, right) = (self.left(a), self.right(b));
        let ([.., m, k], [.., l, n]) = (&left[..], &right[..]) else { unreachable!("at least two axes") };
        if k != l {
            return Err(ShapeError::Matmul { left: a.clone(), right: b.clone() });
        }
        let batch = Shape::broadcast("matmul", &batch_of(&left), &batch_of(&right))?;
        let row = (a.len() > 1).then_some(*m);
        let column = (b.len() > 1).then_some(*n);
        Shape::new(&batch.iter().copied().chain(row).chain(column).collect::<Shape>())
    }

    /// The first operand as it is multiplied: a vector is a row.
    fn left(self, a: &Shape) -> Shape {
        if a.len() == 1 { [1, a[0]].into() } else { transposed(a, self.transposes_a()) }
    }

    /// The second operand as it is multiplied: a vector is a column.
    fn right(self, b: &Shape) -> Shape {
        if b.len() == 1 { [b[0], 1].into() } else { transposed(b, self.transposes_b()) }
    }

    pub(crate) fn forward<T: Kernels>(
        self,
        a: &Tensor<T>,
        b: &Tensor<T>,
        shape: Shape,
        pool: &mut Pool<T>,
    ) -> Tensor<T> {
        pool.build(shape, |out| self.run(a, b, false, out))
    }

    /// `out = a·b`, or `out += a·b`.
    pub(crate) fn run<T: Kernels>(self, a: &Tensor<T>, b: &Tensor<T>, accumulate: bool, out: &mut [T]) {
        if let (&[a0, a1], &[b0, b1]) = (&a.shape()[..], &b.shape()[..]) {
            let (m, [k, _], n) = self.sizes([a0, a1], [b0, b1]);
            let a = matrix(a.as_slice(), m, k, self.transposes_a());
            return T::gemm(a, matrix(b.as_slice(), k, n, self.transposes_b()), accumulate, out);
        }
        let (left, right) = (self.left(a.shape()), self.right(b.shape()));
        let ([.., m, k], [.., _, n]) = (&left[..], &right[..]) else { unreachable!("at least two axes") };
        let (m, k, n) = (*m, *k, *n);
        let matrix_a = |data| matrix(data, m, k, self.transposes_a() && a.ndim() > 1);
        let matrix_b = |data| matrix(data, k, n, self.transposes_b() && b.ndim() > 1);
        if right.len() == 2 && !self.transposes_a() {
            // One second operand for the whole batch: its rows are the rows of one product.
            let rows: usize = left[..left.len() - 1].iter().product();
            let a = matrix(a.as_slice(), rows, k, false);
            return T::gemm(a, matrix_b(b.as_slice()), accumulate, out);
        }
        let (batch_a, batch_b) = (batch_of(&left), batch_of(&right));
        let batch = Shape::broadcast("matmul", &batch_a, &batch_b).expect("shape() has passed");
        for (i, out) in out.chunks_exact_mut((m * n).max(1)).enumerate() {
            let (i_a, i_b) = (broadcast_index(i, &batch, &batch_a), broadcast_index(i, &batch, &batch_b));
            let a = matrix_a(&a.as_slice()[i_a * m * k..(i_a + 1) * m * k]);
            let b = matrix_b(&b.as_slice()[i_b * k * n..(i_b + 1) * k * n]);
            T::gemm(a, b, accumulate, out);
        }
    }

    /// y = a·b: ā = ȳ·bᵀ, b̄ = aᵀ·ȳ, and likewise for the transposed forms.
    pub(crate) fn vjp<T: Float, V: TensorOps<T>>(
        self,
        wrt: usize,
        a: &V,
        b: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let (shape_a, shape_b) = (a.shape(), b.shape());
        if shape_a.len() == 1 || shape_b.len() == 1 {
            return self.vjp_vectors(wrt, a, b, y_bar, into);
        }
        if shape_b.len() == 2 && shape_a.len() > 2 && !self.transposes_a() {
            // The batch's rows are the rows of one product, so that b̄ is summed inside it.
            let rows = |s: &Shape| Shape::from([s[..s.len() - 1].iter().product(), s[s.len() - 1]]);
            let (a2, y2) = (a.reshape(&rows(&shape_a)), y_bar.reshape(&rows(&y_bar.shape())));
            return reshaped_into(into, &a2.shape(), wrt == 0, |into| self.vjp(wrt, &a2, b, y2, into));
        }
        match (self, wrt) {
            (Product::NN, 0) => into.add_product(Product::NT, &y_bar, b),
            (Product::NN, _) => into.add_product(Product::TN, a, &y_bar),
            (Product::NT, 0) => into.add_product(Product::NN, &y_bar, b),
            (Product::NT, _) => into.add_product(Product::TN, &y_bar, a),
            (Product::TN, 0) => into.add_product(Product::NT, b, &y_bar),
            (Product::TN, _) => into.add_product(Product::NN, a, &y_bar),
        }
    }

    /// Vectors as the rows and columns that they count as.
    fn vjp_vectors<T: Float, V: TensorOps<T>>(
        self,
        wrt: usize,
        a: &V,
        b: &V,
        y_bar: V,
        into: &mut Adjoint<V>,
    ) {
        let (shape_a, shape_b) = (a.shape(), b.shape());
        let as_row = |x: &V, s: &Shape| if s.len() == 1 { x.reshape(&[1, s[0]].into()) } else { x.clone() };
        let as_column =
            |x: &V, s: &Shape| if s.len() == 1 { x.reshape(&[s[0], 1].into()) } else { x.clone() };
        let (a2, b2) = (as_row(a, &shape_a), as_column(b, &shape_b));
        // A vector has no transpose to be read as.
        let product = match self {
            Product::NT if shape_b.len() == 1 => Product::NN,
            Product::TN if shape_a.len() == 1 => Product::NN,
            product => product,
        };
        let y2 = y_bar.reshape(&product.shape(&a2.shape(), &b2.shape()).expect("shape() has passed"));
        let matrix = if wrt == 0 { a2.shape() } else { b2.shape() };
        reshaped_into(into, &matrix, true, |into| product.vjp(wrt, &a2, &b2, y2, into));
    }
}

/// Lets `f` add into an adjoint under another shape of as many elements.
fn reshaped_into<T: Float, V: TensorOps<T>>(
    into: &mut Adjoint<V>,
    shape: &Shape,
    reshape: bool,
    f: impl FnOnce(&mut Adjoint<V>),
) {
    if !reshape {
        return f(into);
    }
    let value = into.value.take().map(|v| v.reshape(shape));
    let mut inner = Adjoint { shape: shape.clone(), value };
    f(&mut inner);
    into.value = inner.value.map(|v| v.reshape(&into.shape));
}

fn transposed(shape: &Shape, transpose: bool) -> Shape {
    let last = shape.len() - 1;
    let swap = |i: usize| match i {
        i if !transpose || i + 1 < last => i,
        i if i == last => last - 1,
        _ => last,
    };
    (0..shape.len()).map(|i| shape[swap(i)]).collect()
}

pub(super) fn batch_of(shape: &Shape) -> Shape {
    shape[..shape.len() - 2].iter().copied().collect()
}

/// A matrix of `rows` x `cols` that lies in memory as it is, or as its transpose.
fn matrix<T: Kernels>(data: &[T], rows: usize, cols: usize, transposed: bool) -> Matrix<'_, T> {
    let (row_stride, col_stride) = if transposed { (1, rows) } else { (cols, 1) };
    Matrix { data, rows, cols, row_stride, col_stride }
}

/// The position in a batch of shape `own` that position `i` of the broadcast batch reads.
pub(super) fn broadcast_index(mut i: usize, batch: &Shape, own: &Shape) -> usize {
    let missing = batch.len() - own.len();
    let (mut index, mut stride) = (0, 1);
    for axis in (0..batch.len()).rev() {
        let at = i % batch[axis];
        i /= batch[axis];
        if axis >= missing {
            let n = own[axis - missing];
            index += if n == 1 { 0 } else { at * stride };
            stride *= n;
        }
    }
    index
}

pub(crate) fn linear_shape(x: &Shape, w: &Shape, b: &Shape) -> Result<Shape, ShapeError> {
    let fits = matches!((&x[..], &w[..], &b[..]), ([.., i], [o, i2], [o2]) if i == i2 && o == o2);
    if !fits {
        return Err(ShapeError::Expected {
            op: "linear",
            expected: "x [.., in], weight [out, in] and bias [out]".into(),
            given: format!("x {x}, weight {w}, bias {b}"),
        });
    }
    Shape::new(&x[..x.len() - 1].iter().copied().chain([w[0]]).collect::<Shape>())
}

pub(crate) fn linear<T: Kernels>(
    x: &Tensor<T>,
    w: &Tensor<T>,
    b: &Tensor<T>,
    shape: Shape,
    pool: &mut Pool<T>,
) -> Tensor<T> {
    pool.build(shape, |out| {
        let bias = b.as_slice();
        if !bias.is_empty() {
            out.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
        }
        Product::NT.run(x, w, true, out);
    })
}

/// y = x·wᵀ + b: x̄ = ȳ·w, w̄ = ȳᵀ·x, b̄ = sum of ȳ over all rows.
pub(crate) fn linear_vjp<T: Float, V: TensorOps<T>>(
    wrt: usize,
    x: &V,
    w: &V,
    y_bar: V,
    into: &mut Adjoint<V>,
) {
    match wrt {
        2 => {
            let ndim = y_bar.shape().len();
            into.add(y_bar.reduce(Reduce::Sum, Axes::all(ndim - 1), false));
        }
        _ => Product::NT.vjp(wrt, x, w, y_bar, into),
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// The matrix product of the last two axes; vectors and leading axes as in NumPy's `matmul`.
    ///
    /// # Panics
    /// Inner dimensions differ, leading axes do not broadcast, or an operand is a scalar.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let a = tape.var(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// let y = a.matmul(tape.constant(tensor![1.0, -1.0]));
    /// assert_eq!(y.value(), tensor![-1.0, -1.0]);
    /// assert_eq!(y.sum().backward().wrt(a), &tensor![[1.0, -1.0], [1.0, -1.0]]);
    /// ```
    #[track_caller]
    pub fn matmul(self, other: Var<'t, T>) -> Var<'t, T> {
        self.tape().record(Op::Matmul(Product::NN), &[self, other])
    }

    /// [`matmul`](Var::matmul) with an error instead of a panic.
    ///
    /// # Errors
    /// Inner dimensions differ, leading axes do not broadcast, or an operand is a scalar.
    #[track_caller]
    pub fn try_matmul(self, other: Var<'t, T>) -> Result<Var<'t, T>, ShapeError> {
        self.tape().try_record(Op::Matmul(Product::NN), &[self, other])
    }

    /// The sum of products of two vectors of one length, a scalar.
    ///
    /// # Panics
    /// They are not two vectors of one length.
    #[track_caller]
    pub fn dot(self, other: Var<'t, T>) -> Var<'t, T> {
        let (a, b) = (self.shape(), other.shape());
        if a.len() != 1 || a != b {
            panic!("dot: expected two vectors of one length, got {a} and {b}");
        }
        self.matmul(other)
    }

    /// The products of each element of one vector with each of another: shape `[n, m]`.
    ///
    /// # Panics
    /// They are not two vectors.
    ///
    /// ```
    /// use wengert::{GradientTape, tensor};
    /// let tape = GradientTape::new();
    /// let (a, b) = (tape.var(tensor![1.0, 2.0]), tape.var(tensor![3.0, 4.0, 5.0]));
    /// assert_eq!(a.outer(b).value(), tensor![[3.0, 4.0, 5.0], [6.0, 8.0, 10.0]]);
    /// assert_eq!(a.dot(a).item(), 5.0);
    /// ```
    #[track_caller]
    pub fn outer(self, other: Var<'t, T>) -> Var<'t, T> {
        let (a, b) = (self.shape(), other.shape());
        if a.len() != 1 || b.len() != 1 {
            panic!("outer: expected two vectors, got {a} and {b}");
        }
        self.reshape(&[a[0], 1]) * other
    }

    /// self·otherᵀ over the last two axes, without copying the transpose: the product of a dense
    /// layer, whose weight is `[out, in]`.
    ///
    /// # Panics
    /// As [`matmul`](Var::matmul) of the transpose.
    #[track_caller]
    pub fn matmul_nt(self, other: Var<'t, T>) -> Var<'t, T> {
        self.tape().record(Op::Matmul(Product::NT), &[self, other])
    }

    /// self · weightᵀ + bias: a dense layer. x `[.., in]`, weight `[out, in]`, bias `[out]`.
    ///
    /// # Panics
    /// The shapes are others.
    #[track_caller]
    pub fn linear(self, weight: Var<'t, T>, bias: Var<'t, T>) -> Var<'t, T> {
        self.tape().record(Op::Linear, &[self, weight, bias])
    }
}
