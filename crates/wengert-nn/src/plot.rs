//! Curves of a training, drawn without Python: one SVG file that every browser and editor shows.
//!
//! plotters draws, and the same history gives the same bytes. Colours stand in a style sheet inside of the
//! file too, which has two sets of them: a viewer in dark mode gets the other one. No font is measured; texts
//! are anchored at the side that must fit. It costs about 10 bytes a value, and 200 where each has a mark.

pub(crate) mod chart;
pub(crate) mod curves;
pub(crate) mod draw;
mod error;
mod scale;
pub(crate) mod text;

pub use error::PlotError;

use crate::checkpoint::atomic;
use crate::trainer::History;
use std::path::Path;

impl History {
    /// Draws the loss, each metric and, if it changes, the learning rate over the epochs, one chart below
    /// the other, with a curve for the training and one for the validation. The file is an SVG picture,
    /// light or dark as its viewer is; one of this name is replaced at once, or left as it was.
    ///
    /// Values that are not finite are gaps in the curves, and a line of the chart says which epochs they
    /// are from. A loss of which one value is a thousand times another has a logarithmic axis.
    ///
    /// # Errors
    /// The history has no epochs, the name does not end in `.svg`, or the file cannot be written.
    ///
    /// ```
    /// use wengert_nn::{datasets::TensorDataset, prelude::*};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// # let data = TensorDataset::new(Tensor::<f32>::arange(8).reshape(&[8, 1])?, Tensor::<f32>::ones(&[8, 1]))?;
    /// # let model: Dense = Dense::new(1, 1, &mut seeded(0));
    /// let mut trainer = Trainer::new(model, Adam::new(0.1), MeanSquaredError::new());
    /// let history = trainer.fit(&data, FitOptions::new().epochs(5).validation_split(0.25))?;
    /// history.plot(folder.join("history.svg"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let path = path.as_ref();
        check_extension(path, ".svg")?;
        let picture = self.to_svg()?;
        atomic::write(path, |out| out.write_all(picture.as_bytes()))
    }

    /// What [`plot`](History::plot) writes, as text.
    ///
    /// # Errors
    /// The history has no epochs.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let charts = curves::charts(self);
        if charts.is_empty() {
            return Err(PlotError::NoEpochs);
        }
        Ok(draw::picture(&charts, 24, Some(draw::STYLE)).into_string() + "\n")
    }
}

/// That a file's name says what will be in it.
pub(crate) fn check_extension(path: &Path, expected: &'static str) -> Result<(), PlotError> {
    match path.extension() {
        Some(found) if found.eq_ignore_ascii_case(&expected[1..]) => Ok(()),
        _ => Err(PlotError::Extension { path: path.into(), expected }),
    }
}
