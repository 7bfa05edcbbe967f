//! Convolutions without unfolding: lanes hold channels, and [tiles](super::tile) read the image
//! number by number where it lies.
//!
//! Each member of the family is one product per piece of a result that fits the first-level cache:
//!
//! - y, outputs in lanes: a row is a window, a term what it sees, `y[window] += x[..]·w[..]`;
//! - w, outputs in lanes: a row is an element of a kernel, a term a window;
//! - x, inputs in lanes: for each element of a kernel, a row is a window whose element lies in this
//!   piece of x, and a term an output. What windows share is added up where it belongs.
//!
//! So no product of a padded zero is made but in y and w, and stride, dilation and padding cost
//! nothing. In memory channels lie outside of places: each piece is transposed on its way out (y, x)
//! or in (ȳ for w), and the kernels once. A channel count that would leave a third of the lanes
//! empty is not for this way.
//!
//! Work is cut by image, group and lanes of channels; the sum for w is cut in parts of images that
//! shapes decide.

use super::conv::{ConvSizes, part};
use super::parallel::{self, Rows, Split};
use super::simd::Level;
use super::tile::{self, Tiles};
use super::transpose::transpose;
use super::windows::{self, Slide};
use super::{Lane, elementwise};
use crate::ops::Conv;
use std::ops::Range;

/// Elements of a piece of the result.
const PIECE: usize = 1 << 13;

/// Elements of the kernels that all windows of a piece are multiplied with in one go: a part of the
/// second-level cache.
const KERNELS: usize = 1 << 15;

/// Runs of units a thread: when one is held up, others take over.
const SHARES: usize = 4;

/// How a convolution is cut.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'s> {
    level: Level,
    op: Conv,
    s: &'s ConvSizes,
    /// Channels of a group that are in lanes.
    channels: usize,
    lanes: usize,
    /// Rows of lanes that hold all of these channels.
    blocks: usize,
}

impl<'s> Plan<'s> {
    /// None if too many lanes would be empty, or the padded image would be larger than an unfolded one.
    pub(crate) fn new<T: Lane>(level: Level, op: Conv, s: &'s ConvSizes) -> Option<Plan<'s>> {
        let channels = if op == Conv::Input { s.inputs } else { s.outputs };
        let whole = |lanes: usize| channels.next_multiple_of(lanes);
        let full = tile::widths::<T>(level).find(|&lanes| whole(lanes) * 7 <= channels * 8);
        let lanes = full.unwrap_or(T::LANES);
        let plan = Plan { level, op, s, channels, lanes, blocks: channels.div_ceil(lanes) };
        let small = plan.padded() <= s.taps() * s.windows();
        (s.inputs > 0 && s.outputs > 0 && whole(lanes) * 2 <= channels * 3 && small).then_some(plan)
    }

    /// Units of work.
    fn units(&self) -> usize {
        let images = if self.op == Conv::Weight { self.s.parts() } else { self.s.images };
        images * self.s.groups * self.blocks
    }

    /// Runs of units that have a scratch of their own.
    fn shares(&self) -> usize {
        self.units().min(SHARES * rayon::current_num_threads())
    }

    /// Elements of one block of kernels in lanes.
    fn block(&self) -> usize {
        let other = if self.op == Conv::Input { self.s.outputs } else { self.s.inputs };
        other * windows::area(&self.s.axes) * self.lanes
    }

    /// Elements of a padded group of an image.
    fn padded(&self) -> usize {
        let axes = &self.s.axes;
        let needed = self.op != Conv::Input && axes.iter().any(|axis| axis.padding > 0);
        let size = || self.s.inputs.saturating_mul(axes[0].seen()).saturating_mul(axes[1].seen());
        if needed { size() } else { 0 }
    }

    /// How many elements of scratch [`run`](Self::run) is to be given.
    pub(crate) fn scratch(&self) -> usize {
        let kernels = if self.op == Conv::Weight { self.units() } else { self.s.groups * self.blocks };
        kernels * self.block() + self.shares() * (self.padded() + PIECE)
    }

    /// The group and the block of a unit, and the image or part before them.
    fn place(&self, unit: usize) -> (usize, usize, usize) {
        (unit / self.blocks / self.s.groups, unit / self.blocks % self.s.groups, unit % self.blocks)
    }

    /// Channels in lanes of a block.
    fn filled(&self, block: usize) -> usize {
        self.lanes.min(self.channels - block * self.lanes)
    }

    pub(crate) fn run<T: Lane>(
        &self,
        [a, b]: [&[T]; 2],
        bias: Option<&[T]>,
        scratch: &mut [T],
        out: &mut [T],
    ) {
        let s = self.s;
        let shares = self.shares();
        let (kernels, rooms) = scratch.split_at_mut(scratch.len() - shares * (self.padded() + PIECE));
        match self.op {
            Conv::Forward => {
                self.pack(b, kernels);
                self.each_unit(s.windows(), rooms, out, |unit, y, room| {
                    let (image, group, block) = self.place(unit);
                    let x = part(a, image * s.groups + group, s.image());
                    let first = group * s.outputs + block * self.lanes;
                    let bias = bias.map(|bias| &bias[first..][..self.filled(block)]);
                    self.forward(
                        x,
                        part(kernels, unit % (s.groups * self.blocks), self.block()),
                        bias,
                        room,
                        y,
                    );
                });
            }
            Conv::Input => {
                self.pack(b, kernels);
                self.each_unit(windows::image(&s.axes), rooms, out, |unit, x, room| {
                    let (image, group, _) = self.place(unit);
                    let y = part(a, image * s.groups + group, s.results());
                    self.input(y, part(kernels, unit % (s.groups * self.blocks), self.block()), room, x);
                });
            }
            Conv::Weight if s.images == 0 => out.fill(T::ZERO),
            Conv::Weight => {
                let share = s.images.div_ceil(s.parts().max(1));
                self.each_unit(0, rooms, kernels, |unit, w, room| {
                    let (part_, group, block) = self.place(unit);
                    w.fill(T::ZERO);
                    room.fill(T::ZERO);
                    for image in part_ * share..s.images.min((part_ + 1) * share) {
                        let x = part(a, image * s.groups + group, s.image());
                        let first = (image * s.groups + group) * s.outputs + block * self.lanes;
                        let y = &b[first * s.windows()..][..self.filled(block) * s.windows()];
                        self.weight(x, y, room, w);
                    }
                });
                self.unpack(kernels, out);
            }
        }
    }

    /// Calls `f` with each unit, its part of `out` and a scratch. Units have `size` elements a
    /// channel; or the kernels of a block, if that is 0.
    fn each_unit<T: Lane>(
        &self,
        size: usize,
        scratch: &mut [T],
        out: &mut [T],
        f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
    ) {
        let (units, shares) = (self.units(), self.shares());
        let start = |unit: usize| match size {
            0 => unit * self.block(),
            _ => {
                let (image, group, block) = self.place(unit);
                ((image * self.s.groups + group) * self.channels + block * self.lanes) * size
            }
        };
        let first = |share: usize| share * units / shares;
        let cost = (self.s.images * self.s.cost()).div_ceil(shares.max(1));
        let out = (
            Pieces { out, first: 0, start: &|share| start(first(share)) },
            Rows(scratch, self.padded() + PIECE),
        );
        parallel::run(shares, cost, out, |range, (Pieces { mut out, .. }, Rows(scratch, room))| {
            for unit in first(range.start)..first(range.end) {
                let (now, later) = out.split_at_mut(start(unit + 1) - start(unit));
                f(unit, now, &mut scratch[..room]);
                out = later;
            }
        });
    }

    /// Each block's kernels, lane by lane for each term.
    fn pack<T: Lane>(&self, w: &[T], kernels: &mut [T]) {
        let (s, area) = (self.s, windows::area(&self.s.axes));
        kernels.fill(T::ZERO);
        for (i, to) in kernels.chunks_exact_mut(self.block()).enumerate() {
            let (group, block) = (i / self.blocks, i % self.blocks);
            let (w, first, filled) = (part(w, group, s.kernels()), block * self.lanes, self.filled(block));
            if self.op == Conv::Forward {
                let from = &w[first * s.taps()..];
                transpose(self.level, [filled, s.taps()], (from, s.taps()), (to, self.lanes));
                continue;
            }
            for output in 0..s.outputs {
                let from = &w[output * s.taps() + first * area..];
                let to = (&mut to[output * self.lanes..], s.outputs * self.lanes);
                transpose(self.level, [filled, area], (from, area), to);
            }
        }
    }

    /// The kernels of all parts, summed, where they belong.
    fn unpack<T: Lane>(&self, kernels: &mut [T], w: &mut [T]) {
        let s = self.s;
        let (first, others) = kernels.split_at_mut(s.groups * self.blocks * self.block());
        for other in others.chunks_exact(first.len()) {
            elementwise::add_assign(self.level, first, other);
        }
        for (i, from) in first.chunks_exact(self.block()).enumerate() {
            let (group, block) = (i / self.blocks, i % self.blocks);
            let to = &mut w[(group * s.outputs + block * self.lanes) * s.taps()..];
            transpose(self.level, [s.taps(), self.filled(block)], (from, self.lanes), (to, s.taps()));
        }
    }

    /// A group of an image with its padding around it.
    fn image<'a, T: Lane>(&self, image: &'a [T], room: &'a mut [T]) -> Seen<'a, T> {
        let (s, [rows, cols]) = (self.s, &self.s.axes);
        if room.is_empty() {
            return Seen { data: image, pitch: cols.image, plane: windows::image(&s.axes) };
        }
        let (pitch, plane) = (cols.seen(), rows.seen() * cols.seen());
        room.fill(T::ZERO);
        let (height, width) = (rows.inner(), cols.inner());
        // With steps wider than image and padding, windows may see nothing but the padding.
        let height = if width > 0 { height } else { 0 };
        for channel in 0..s.inputs {
            for row in 0..height {
                let from = &image[(channel * rows.image + row) * cols.image..][..width];
                let to = channel * plane + (rows.padding + row) * pitch + cols.padding;
                room[to..to + width].copy_from_slice(from);
            }
        }
        Seen { data: room, pitch, plane }
    }

    fn forward<T: Lane>(&self, x: &[T], w: &[T], bias: Option<&[T]>, room: &mut [T], y: &mut [T]) {
        let (s, lanes, [rows, cols]) = (self.s, self.lanes, &self.s.axes);
        let (buffer, room) = room.split_at_mut(PIECE);
        let x = self.image(x, room);
        let (area, filled) = (windows::area(&s.axes), y.len() / s.windows());
        let channels = (KERNELS / (area * lanes)).max(1);
        for piece in pieces([rows.count, cols.count], PIECE / lanes) {
            let (first, n) = piece.span(cols.count);
            let c = &mut buffer[..n * lanes];
            match bias {
                None => c.fill(T::ZERO),
                Some(bias) => repeat(bias, lanes, c),
            }
            for channel in (0..s.inputs).step_by(channels) {
                let tiles = Tiles {
                    rows: [1, piece.rows.len(), piece.cols.len()],
                    terms: [channels.min(s.inputs - channel), rows.kernel, cols.kernel],
                    a: &x.data[channel * x.plane + x.window(&s.axes, &piece)..],
                    a_rows: [0, rows.stride * x.pitch, cols.stride],
                    a_terms: [x.plane, rows.dilation * x.pitch, cols.dilation],
                    b: &w[channel * area * lanes..],
                    c: &mut *c,
                    c_rows: [0, piece.cols.len() * lanes, lanes],
                };
                tiles.add(self.level, lanes);
            }
            transpose(self.level, [n, filled], (c, lanes), (&mut y[first..], s.windows()));
        }
    }

    fn weight<T: Lane>(&self, x: &[T], y: &[T], room: &mut [T], w: &mut [T]) {
        let (s, lanes, [rows, cols]) = (self.s, self.lanes, &self.s.axes);
        let (buffer, room) = room.split_at_mut(PIECE);
        let x = self.image(x, room);
        let (area, filled) = (windows::area(&s.axes), y.len() / s.windows());
        for piece in pieces([rows.count, cols.count], PIECE / lanes) {
            let (first, n) = piece.span(cols.count);
            transpose(self.level, [filled, n], (&y[first..], s.windows()), (buffer, lanes));
            let tiles = Tiles {
                rows: [s.inputs, rows.kernel, cols.kernel],
                terms: [1, piece.rows.len(), piece.cols.len()],
                a: &x.data[x.window(&s.axes, &piece)..],
                a_rows: [x.plane, rows.dilation * x.pitch, cols.dilation],
                a_terms: [0, rows.stride * x.pitch, cols.stride],
                b: buffer,
                c: &mut *w,
                c_rows: [area * lanes, cols.kernel * lanes, lanes],
            };
            tiles.add(self.level, lanes);
        }
    }

    fn input<T: Lane>(&self, y: &[T], w: &[T], room: &mut [T], x: &mut [T]) {
        let (s, lanes, [rows, cols]) = (self.s, self.lanes, &self.s.axes);
        let (image, filled) = (windows::image(&s.axes), x.len() / windows::image(&s.axes));
        for piece in pieces([rows.image, cols.image], PIECE / lanes) {
            let (first, n) = piece.span(cols.image);
            let c = &mut room[..n * lanes];
            c.fill(T::ZERO);
            for (element, [ky, kx]) in windows::elements(&s.axes).enumerate() {
                let (down, top) = rows.reading(ky, piece.rows.clone());
                let (along, left) = cols.reading(kx, piece.cols.clone());
                if down.is_empty() || along.is_empty() {
                    continue;
                }
                let pitch = piece.cols.len();
                let place = (top - piece.rows.start) * pitch + left - piece.cols.start;
                let tiles = Tiles {
                    rows: [1, down.len(), along.len()],
                    terms: [1, 1, s.outputs],
                    a: &y[down.start * cols.count + along.start..],
                    a_rows: [0, cols.count, 1],
                    a_terms: [0, 0, s.windows()],
                    b: part(w, element, s.outputs * lanes),
                    c: &mut c[place * lanes..],
                    c_rows: [0, rows.stride * pitch * lanes, cols.stride * lanes],
                };
                tiles.add(self.level, lanes);
            }
            transpose(self.level, [n, filled], (c, lanes), (&mut x[first..], image));
        }
    }
}

/// Rows of `lanes` elements, each of which begins with `x`.
fn repeat<T: Lane>(x: &[T], lanes: usize, out: &mut [T]) {
    out[..x.len()].copy_from_slice(x);
    out[x.len()..lanes].fill(T::ZERO);
    // Twice as many each time: few long copies.
    let mut done = lanes;
    while done < out.len() {
        let more = done.min(out.len() - done);
        out.copy_within(..more, done);
        done += more;
    }
}

impl Slide {
    /// How many places of the padded axis windows see.
    fn seen(&self) -> usize {
        (self.count - 1) * self.stride + (self.kernel - 1) * self.dilation + 1
    }

    /// How many places of the image are among them, from its first on.
    fn inner(&self) -> usize {
        self.seen().saturating_sub(self.padding).min(self.image)
    }
}

/// A group of an image as windows see it.
struct Seen<'a, T> {
    data: &'a [T],
    pitch: usize,
    plane: usize,
}

impl<T> Seen<'_, T> {
    /// Where the first window of a piece begins.
    fn window(&self, [rows, cols]: &[Slide; 2], piece: &Piece) -> usize {
        piece.rows.start * rows.stride * self.pitch + piece.cols.start * cols.stride
    }
}

/// Some whole rows of a plane, or a part of one.
struct Piece {
    rows: Range<usize>,
    cols: Range<usize>,
}

impl Piece {
    /// Its first place in a plane whose rows have `pitch` places, and how many follow each other.
    fn span(&self, pitch: usize) -> (usize, usize) {
        (self.rows.start * pitch + self.cols.start, self.rows.len() * self.cols.len())
    }
}

/// A plane in pieces of at most `most` places.
fn pieces([rows, cols]: [usize; 2], most: usize) -> impl Iterator<Item = Piece> {
    let (height, width) = ((most / cols).max(1), cols.min(most));
    let height = rows.div_ceil(rows.div_ceil(height));
    (0..rows).step_by(height).flat_map(move |row| {
        let rows = row..rows.min(row + height);
        (0..cols)
            .step_by(width)
            .map(move |col| Piece { rows: rows.clone(), cols: col..cols.min(col + width) })
    })
}

/// A buffer that is cut where `start` says that a unit begins.
struct Pieces<'a, T, F> {
    out: &'a mut [T],
    first: usize,
    start: &'a F,
}

impl<T: Send, F: Fn(usize) -> usize + Sync> Split for Pieces<'_, T, F> {
    fn split(self, units: usize) -> (Self, Self) {
        let Pieces { out, first, start } = self;
        let (left, right) = out.split_at_mut(start(first + units) - start(first));
        (Pieces { out: left, first, start }, Pieces { out: right, first: first + units, start })
    }
}
