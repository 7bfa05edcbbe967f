//! The pool: buffers that a recording gave back, kept by exact length.
//!
//! The loops of training ask for the same lengths step after step, so an exact match is nearly
//! always there and no size class wastes memory. The whole shared block (`Arc<Vec<T>>`) is kept:
//! taking it again allocates neither elements nor counts. A length that no step has asked for in
//! [`MAX_AGE`] resets is freed, so that data of ever new lengths cannot pile up.

use crate::kernels::Kernels;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Resets after which an unused length is freed.
const MAX_AGE: u32 = 32;

pub struct Pool<T> {
    classes: HashMap<usize, Class<T>, BuildHasherDefault<IdHasher>>,
    age: u32,
}

struct Class<T> {
    free: Vec<Arc<Vec<T>>>,
    /// How many buffers this pool has made. It never keeps more, so that buffers which came from
    /// outside (a user's tensor moved onto the tape) cannot pile up step after step.
    made: usize,
    last_taken: u32,
}

impl<T: Kernels> Pool<T> {
    pub(crate) fn new() -> Pool<T> {
        Pool { classes: HashMap::default(), age: 0 }
    }

    /// A buffer of `len` elements of no particular value, held by nobody else.
    fn take(&mut self, len: usize) -> Arc<Vec<T>> {
        let new = || Class { free: Vec::new(), made: 0, last_taken: 0 };
        let class = self.classes.entry(len).or_insert_with(new);
        class.last_taken = self.age;
        #[allow(unused_mut)]
        let mut buffer = class.free.pop().unwrap_or_else(|| {
            class.made += 1;
            Arc::new(vec![T::default(); len])
        });
        // What a kernel forgets to write must not look like a number.
        #[cfg(debug_assertions)]
        Arc::get_mut(&mut buffer).expect("the pool holds unshared buffers").fill(T::from_f64(f64::NAN));
        buffer
    }

    /// Gives a buffer back if this was its last holder.
    pub(crate) fn put(&mut self, tensor: Tensor<T>) {
        let Some(buffer) = tensor.into_buffer() else { return };
        if let Some(class) = self.classes.get_mut(&buffer.len())
            && class.free.len() < class.made
        {
            class.free.push(buffer);
        }
    }

    /// A tensor of `shape` that `fill` writes every element of.
    pub(crate) fn build(&mut self, shape: Shape, fill: impl FnOnce(&mut [T])) -> Tensor<T> {
        if shape.is_empty() {
            let mut x = [T::from_f64(f64::NAN)];
            fill(&mut x);
            return Tensor::scalar(x[0]);
        }
        let mut buffer = self.take(shape.elements());
        fill(Arc::get_mut(&mut buffer).expect("the pool holds unshared buffers"));
        Tensor::from_buffer(buffer, shape)
    }

    /// A reset has happened: lengths unused for long are freed.
    pub(crate) fn grow_older(&mut self) {
        self.age = self.age.wrapping_add(1);
        let age = self.age;
        self.classes.retain(|_, class| age.wrapping_sub(class.last_taken) <= MAX_AGE);
    }

    /// Bytes that wait in the pool.
    pub(crate) fn bytes(&self) -> usize {
        self.classes.iter().map(|(len, class)| len * class.free.len() * size_of::<T>()).sum()
    }
}

/// Hashes a length or a running number by one multiplication: they come from the program itself,
/// so no protection from chosen collisions is needed, and an operation should not pay for it.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b as u64));
    }
    fn write_u64(&mut self, n: u64) {
        // Fibonacci hashing: 2^64 divided by the golden ratio (Knuth, TAOCP 3, section 6.4).
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_whole() {
        let mut pool = Pool::<f64>::new();
        let a = pool.build([3].into(), |x| x.fill(1.0));
        let address = a.as_slice().as_ptr();
        pool.put(a);
        assert_eq!(pool.bytes(), 24);
        let b = pool.build([3, 1].into(), |x| x.fill(2.0));
        assert_eq!((b.as_slice().as_ptr(), pool.bytes()), (address, 0));
    }

    #[test]
    fn a_shared_buffer_stays_with_its_other_holder() {
        let mut pool = Pool::<f64>::new();
        let a = pool.build([3].into(), |x| x.fill(1.0));
        let mine = a.clone();
        pool.put(a);
        assert_eq!(pool.bytes(), 0);
        assert_eq!(mine.as_slice(), [1.0; 3]);
    }

    #[test]
    fn buffers_from_outside_do_not_pile_up() {
        let mut pool = Pool::<f64>::new();
        let mine = pool.build([3].into(), |x| x.fill(1.0));
        (0..5).for_each(|_| pool.put(Tensor::zeros(&[3])));
        pool.put(Tensor::zeros(&[4]));
        assert_eq!(pool.bytes(), 24, "one was made, one is kept");
        pool.put(mine);
        assert_eq!(pool.bytes(), 24);
    }

    #[test]
    fn lengths_that_nobody_asks_for_are_freed() {
        let mut pool = Pool::<f32>::new();
        let a = pool.build([7].into(), |x| x.fill(0.0));
        pool.put(a);
        (0..MAX_AGE).for_each(|_| pool.grow_older());
        assert_eq!(pool.bytes(), 28);
        pool.grow_older();
        assert_eq!(pool.bytes(), 0);
    }
}
