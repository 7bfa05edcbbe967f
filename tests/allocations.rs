//! From the third step of a training loop on, tape, tensors, sweep and optimizer allocate nothing.
//!
//! The library of matrix products allocates, a call, packing buffers, aligned to 32 bytes or more,
//! and flags of one byte, zeroed; nothing of ours is like that so far, which tells them apart.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use wengert_nn::prelude::*;

struct Counting;

static OURS: AtomicUsize = AtomicUsize::new(0);
static PACKING: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(layout: Layout) {
    let counter = if layout.align() >= 32 { &PACKING } else { &OURS };
    counter.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() == 1 {
            PACKING.fetch_add(1, Ordering::Relaxed);
        } else {
            count(layout);
        }
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, hence from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout);
        // SAFETY: as in `dealloc`; the caller promises a valid size.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Allocations of ours and of matrix products during `f`.
fn allocations(f: impl FnOnce()) -> (usize, usize) {
    let before = (OURS.load(Ordering::Relaxed), PACKING.load(Ordering::Relaxed));
    f();
    (OURS.load(Ordering::Relaxed) - before.0, PACKING.load(Ordering::Relaxed) - before.1)
}

#[derive(Module)]
struct Mlp {
    hidden: Dense,
    out: Dense,
}

impl Forward for Mlp {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.out.forward(self.hidden.forward(x).relu())
    }
}

/// Runs the step of the classic MNIST network eight times and asserts what steps 3 to 8 allocate.
fn steps_allocate_nothing(mut optimizer: impl Optimizer, reset_before_step: bool) {
    let mut rng = seeded(0);
    let mut model = Mlp { hidden: Dense::new(784, 512, &mut rng), out: Dense::new(512, 10, &mut rng) };
    let (images, labels) = (Tensor::uniform(&[128, 784], -1.0, 1.0, &mut rng), Tensor::full(&[128], 3));
    let mut tape = GradientTape::new();
    let mut packing = Vec::new();
    for step in 1..=8 {
        let (ours, theirs) = allocations(|| {
            let loss = model.forward(tape.constant(&images)).cross_entropy(&labels);
            let grads = loss.backward();
            if reset_before_step {
                tape.reset();
                optimizer.step(&mut model, &grads).unwrap();
            } else {
                optimizer.step(&mut model, &grads).unwrap();
                tape.reset();
            }
        });
        if step >= 3 {
            assert_eq!(ours, 0, "step {step} allocates");
            packing.push(theirs);
        }
    }
    // A thread that joins in late makes its own slab then.
    let late = packing.iter().max().unwrap() - packing.iter().min().unwrap();
    assert!(late <= rayon::current_num_threads(), "as many buffers each step: {packing:?}");
}

/// Runs a step of a small convolutional network eight times, likewise.
fn convolutional_steps_allocate_nothing() {
    let mut rng = seeded(0);
    let mut parameter = |shape: &[usize]| Parameter::new(Tensor::uniform(shape, -0.1, 0.1, &mut rng));
    let (kernels, weight, bias) = (parameter(&[16, 4, 3, 3]), parameter(&[16]), parameter(&[16]));
    let (depthwise, out) = (parameter(&[16, 1, 3, 3]), parameter(&[10, 16]));
    let images: Tensor = Tensor::uniform(&[16, 4, 14, 14], -1.0, 1.0, &mut rng);
    let labels = Tensor::full(&[16], 3);
    let mut tape = GradientTape::new();
    for step in 1..=8 {
        let (ours, _) = allocations(|| {
            let [kernels, weight, bias, depthwise, out] =
                [&kernels, &weight, &bias, &depthwise, &out].map(|p| tape.parameter(p));
            let x = tape.constant(&images).conv2d_bias(kernels, bias, ConvOptions::new().padding(1));
            let x = x.batch_norm(weight, bias, 1e-5).relu().max_pool2d(2).dropout(0.25);
            let x = x.conv2d(depthwise, ConvOptions::new().stride(2).groups(16));
            let x =
                x.upsample_bilinear2d(5, false).adaptive_avg_pool2d(3).avg_pool2d([2, 3]).global_avg_pool2d();
            x.matmul_nt(out).cross_entropy_loss(&labels, 0.1, Reduction::Mean).backward();
            tape.reset();
        });
        assert!(step < 3 || ours == 0, "step {step} of the convolutional network allocates {ours} times");
    }
}

/// One test, because the counters are the process's.
#[test]
fn training_steps_allocate_nothing_from_the_third_on() {
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            steps_allocate_nothing(RmsProp::new(1e-3), true);
            steps_allocate_nothing(Adam::new(1e-3), true);
            steps_allocate_nothing(Sgd::new(1e-3).momentum(0.9), true);
            let biases = ParameterGroup::new(|name| name.ends_with("bias")).weight_decay(0.0);
            steps_allocate_nothing(Lion::new(1e-3).group(biases).clip_global_norm(1.0).accumulate(2), true);
            // Before the reset the tape still holds the parameters: the step swaps buffers.
            steps_allocate_nothing(RmsProp::new(1e-3), false);
            convolutional_steps_allocate_nothing();
        });
    }
}
