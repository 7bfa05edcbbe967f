//! Matrix products alone: the Rust libraries for them, into a result that is there already.

use faer::{Accum, MatMut, MatRef, Par};
use gemm::Parallelism;
use harness::{MATMULS, Peer, Random, Unit, threads, wanted};

fn main() {
    let threads = threads();
    for (workload, m, k, n) in MATMULS {
        if !wanted(workload) {
            continue;
        }
        let mut random = Random::default();
        let (a, b) = (random.numbers(m * k), random.numbers(k * n));
        let expected: f64 = (0..k).map(|i| a[i] as f64 * b[i * n] as f64).sum();
        let measure = |name, version, product: &dyn Fn(&mut [f32])| {
            let mut c = vec![0.0; m * n];
            let unit = Unit::Gflops(2.0 * (m * k * n) as f64);
            Peer { name, version }.measure(workload, unit, || product(&mut c));
            assert!((c[0] as f64 - expected).abs() < 1e-2);
        };

        measure("gemm", "0.19.0", &|c| {
            let parallelism = if threads == 1 { Parallelism::None } else { Parallelism::Rayon(threads) };
            let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
            let (k_stride, n_stride) = (k as isize, n as isize);
            // SAFETY: the three buffers are m x n, m x k and k x n, row-major.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c,
                    1,
                    n_stride,
                    false,
                    a,
                    1,
                    k_stride,
                    b,
                    1,
                    n_stride,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    parallelism,
                );
            }
        });
        measure("faer", "0.24.4", &|c| {
            faer::linalg::matmul::matmul(
                MatMut::from_row_major_slice_mut(c, m, n),
                Accum::Replace,
                MatRef::from_row_major_slice(&a, m, k),
                MatRef::from_row_major_slice(&b, k, n),
                1.0,
                if threads == 1 { Par::Seq } else { Par::rayon(threads) },
            );
        });
        // Its threads are named by MATMUL_NUM_THREADS.
        measure("matrixmultiply", "0.3.11", &|c| {
            let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
            let (k_stride, n_stride) = (k as isize, n as isize);
            // SAFETY: as above.
            unsafe {
                matrixmultiply::sgemm(m, k, n, 1.0, a, k_stride, 1, b, n_stride, 1, 0.0, c, n_stride, 1);
            }
        });
    }
}
