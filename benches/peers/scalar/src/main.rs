//! Tapes of scalars alone: easy-ml and reverse, on one thread, each with its tape cleared and used again.

use easy_ml::differentiation::record_operations::SwappedOperations;
use easy_ml::differentiation::{Record, WengertList};
use harness::{Peer, Unit, check_rosenbrock, rosenbrock, start, wanted};
use reverse::{Gradient, Tape};

fn main() {
    if !wanted("scalar") {
        return;
    }
    let values = start();

    let list = WengertList::new();
    let mut gradient = vec![0.0; values.len()];
    Peer { name: "easy-ml", version: "2.3.0" }.measure("scalar", Unit::NanosecondsAnOperation, || {
        list.clear();
        let variables: Vec<Record<f64>> = values.iter().map(|&v| Record::variable(v, &list)).collect();
        let sum = rosenbrock!(&variables, |x, y| {
            let t = y - x * x;
            let u = x.sub_swapped(1.0);
            &(&t * &t) * &100.0 + &u * &u
        });
        let derivatives = sum.derivatives();
        gradient.iter_mut().zip(&variables).for_each(|(slot, x)| *slot = derivatives[x]);
    });
    check_rosenbrock(&gradient);

    let tape = Tape::new();
    Peer { name: "reverse", version: "0.2.2" }.measure("scalar", Unit::NanosecondsAnOperation, || {
        tape.clear();
        let variables = tape.add_vars(&values);
        let sum = rosenbrock!(&variables, |x, y| {
            let t = *y - *x * *x;
            let u = 1.0 - *x;
            100.0 * (t * t) + u * u
        });
        gradient = sum.grad().wrt(&variables);
    });
    check_rosenbrock(&gradient);
}
