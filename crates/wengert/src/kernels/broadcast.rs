//! Elementwise operations of two operands that are stretched to a common shape.
//!
//! Only one loop is compiled for each operation, that over slices of equal length. What does not
//! lie in memory as that loop reads it is copied, tile by tile, into a buffer that stays in the
//! first-level cache; an operand whose pattern repeats (a scalar, a bias) is copied once. The
//! alternative, a loop for each of (vector, vector), (vector, scalar) and (scalar, vector), was
//! three times the code for no measurable gain.

use super::elementwise::{Map, Mapping, Value2, Vjp2, over};
use super::parallel::{self, Split};
use super::simd::Level;
use super::{Lane, Operand};
use crate::ops::Binary;
use smallvec::SmallVec;

/// Elements of a tile: 4 or 8 KiB for each operand.
const TILE: usize = 1024;

pub(crate) fn binary<T: Lane>(
    level: Level,
    op: Binary,
    a: Operand<T>,
    b: Operand<T>,
    shape: &[usize],
    out: &mut [T],
) {
    stretched(level, Value2(op), [a, b], shape, out);
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn binary_vjp<T: Lane>(
    level: Level,
    op: Binary,
    wrt: usize,
    a: Operand<T>,
    b: Operand<T>,
    shape: &[usize],
    y: Operand<T>,
    y_bar: Operand<T>,
    out: &mut [T],
) {
    stretched(level, Vjp2(op, wrt), [a, b, y, y_bar], shape, out);
}

/// Runs `map` with operands stretched to `shape`.
fn stretched<T: Lane, M: Map<T, N>, const N: usize>(
    level: Level,
    map: M,
    operands: [Operand<T>; N],
    shape: &[usize],
    out: &mut [T],
) {
    assert_eq!(out.len(), shape.iter().product(), "the result has another shape");
    if operands.iter().all(|x| x.shape == shape) {
        return over(level, map, operands.map(|x| x.data), out);
    }
    tiles(operands, shape, out, |_, inputs, out| level.run(Mapping { map, inputs, out }));
}

/// Calls `f` with the operands as they are at some positions of the result, the first of these
/// positions, and the part of `out` for them; piece by piece, in parallel where there is much.
pub(crate) fn tiles<T: Lane, O: Split, const K: usize>(
    operands: [Operand<T>; K],
    shape: &[usize],
    out: O,
    f: impl Fn(usize, [&[T]; K], O) + Sync,
) {
    let n: usize = shape.iter().product();
    if n == 0 {
        return;
    }
    let operands = &operands.map(|x| Stretched::new(x, shape));
    parallel::run(n, 1, out, |range, mut out| {
        let mut tiles = [const { Tile { buffer: None, pattern: (0, 0) } }; K];
        let mut start = range.start;
        while start < range.end {
            let len = operands.iter().fold(range.end - start, |len, x| len.min(x.tile_len(start)));
            let mut buffers = tiles.iter_mut();
            let inputs =
                operands.each_ref().map(|x| x.read(start, len, buffers.next().expect("one an operand")));
            let (now, later) = out.split(len);
            f(start, inputs, now);
            out = later;
            start += len;
        }
    });
}

/// An operand, and how its index moves with the result's.
struct Stretched<'a, T> {
    data: &'a [T],
    /// (length, stride) of the result's axes, innermost last, merged where one stride serves;
    /// empty where operand and result lie alike.
    layout: SmallVec<[(usize, usize); 4]>,
    /// The result's elements after which the operand's repeat from its start, if that is short.
    period: Option<usize>,
}

impl<'a, T: Lane> Stretched<'a, T> {
    fn new(operand: Operand<'a, T>, shape: &[usize]) -> Self {
        let Operand { data, shape: own } = operand;
        assert!(own.len() <= shape.len(), "{own:?} does not stretch to {shape:?}");
        assert_eq!(data.len(), own.iter().product(), "an operand's data does not fill its shape {own:?}");
        let missing = shape.len() - own.len();
        let mut layout: SmallVec<[(usize, usize); 4]> = SmallVec::new();
        let mut distance = 1;
        for (i, &n) in shape.iter().enumerate().rev() {
            let length = if i < missing { 1 } else { own[i - missing] };
            assert!(length == n || length == 1, "{own:?} does not stretch to {shape:?}");
            let stride = if length == 1 { 0 } else { distance };
            distance *= length;
            match layout.last_mut() {
                _ if n == 1 => {}
                Some((inner, s)) if stride == *s * *inner => *inner *= n,
                _ => layout.push((n, stride)),
            }
        }
        let period = match layout[..] {
            [(_, 0)] => Some(1),
            [(inner, 1), (_, 0)] if inner <= TILE / 2 => Some(inner),
            _ => None,
        };
        layout.reverse();
        if matches!(layout[..], [] | [(_, 1)]) {
            layout.clear();
        }
        Stretched { data, layout, period }
    }

    /// How many elements from position `start` of the result on [`read`](Self::read) gives at once.
    fn tile_len(&self, start: usize) -> usize {
        match (self.period, self.layout.last()) {
            (_, None) => usize::MAX,
            (Some(period), _) => TILE / period * period,
            (None, Some(&(inner, 1))) if inner >= TILE / 2 => inner - start % inner,
            _ => TILE,
        }
    }

    /// The operand at positions `start .. start + len` of the result: as it lies, or in `tile`.
    fn read<'s>(&'s self, start: usize, len: usize, tile: &'s mut Tile<T>) -> &'s [T] {
        let Some(&(inner, stride)) = self.layout.last() else {
            return &self.data[start..start + len];
        };
        if stride == 1 && self.period.is_none() && start % inner + len <= inner {
            let at = self.index(start);
            return &self.data[at..at + len];
        }
        let buffer = &mut tile.buffer.get_or_insert([T::ZERO; TILE])[..len];
        let Some(period) = self.period else {
            self.copy(start, buffer);
            return buffer;
        };
        let phase = start % period;
        if tile.pattern != (phase, len) {
            let mut filled = period.min(len);
            self.copy(start, &mut buffer[..filled]);
            while filled < len {
                let more = filled.min(len - filled);
                buffer.copy_within(..more, filled);
                filled += more;
            }
            tile.pattern = (phase, len);
        }
        buffer
    }

    /// The operand's index at position `start` of the result.
    fn index(&self, mut start: usize) -> usize {
        let mut index = 0;
        for &(n, stride) in self.layout.iter().rev() {
            index += start % n * stride;
            start /= n;
        }
        index
    }

    /// Copies run by run, a run being what lies along the innermost axis.
    fn copy(&self, start: usize, out: &mut [T]) {
        let last = self.layout.len() - 1;
        let (inner, stride) = self.layout[last];
        let mut position: SmallVec<[usize; 4]> = SmallVec::from_elem(0, last + 1);
        let mut rest = start;
        for (axis, &(n, _)) in self.layout.iter().enumerate().rev() {
            position[axis] = rest % n;
            rest /= n;
        }
        let mut at = self.index(start);
        let mut out = out.split_at_mut(out.len().min(inner - position[last]));
        loop {
            let (run, rest) = out;
            if stride == 0 {
                run.fill(self.data[at]);
            } else {
                run.copy_from_slice(&self.data[at..at + run.len()]);
            }
            if rest.is_empty() {
                return;
            }
            // To the start of the next run: the outer axes count like an odometer.
            at -= position[last] * stride;
            position[last] = 0;
            for axis in (0..last).rev() {
                let (n, stride) = self.layout[axis];
                if position[axis] + 1 < n {
                    position[axis] += 1;
                    at += stride;
                    break;
                }
                at -= position[axis] * stride;
                position[axis] = 0;
            }
            let run = rest.len().min(inner);
            out = rest.split_at_mut(run);
        }
    }
}

/// Room for a tile of one operand, made when it is needed.
struct Tile<T> {
    buffer: Option<[T; TILE]>,
    /// The phase and length of the repeating operand that fills it.
    pattern: (usize, usize),
}
