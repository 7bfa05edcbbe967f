//! The writer: one method for each thing that TensorBoard shows.
//!
//! A folder is a run. Each call makes one record and hands it to the system before it returns: a record costs a
//! few microseconds and nothing has to be closed, or waited for, or lost by a crash. What cannot be written is
//! an error that the program may ignore: the file stays whole, the writer goes on as soon as it can, and
//! [counts](SummaryWriter::dropped) what is missing.

use crate::error::{Error, Kind};
use crate::file::{EventFile, Lock};
use crate::graph::Graph;
use crate::histogram::Histogram;
use crate::hparams::{HParam, Status};
use crate::image::{Image, one_size};
use crate::options::WriterOptions;
use crate::projector::Embeddings;
use crate::proto::*;
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, fs};

/// Writes a run for TensorBoard.
///
/// Quantities are told apart by their tags; TensorBoard groups tags by what stands before their first slash,
/// and draws those of the same name from several runs in one chart. Give curves that belong together the same tag in
/// neighbouring folders, such as `runs/first/train` and `runs/first/validation`.
///
/// TensorBoard keeps a sample of what it reads: 1000 scalars, 500 histograms, 100 texts and 10 sets of images
/// a tag, and more of them with `--samples_per_plugin images=100`.
///
/// ```
/// use wengert_tensorboard::SummaryWriter;
/// # let folder = tempfile::tempdir().unwrap();
/// # std::env::set_current_dir(&folder).unwrap();
/// let mut writer = SummaryWriter::create("runs/first")?;
/// for step in 0..100 {
///     let loss = (-(step as f64) / 20.0).exp();
///     writer.scalar("loss", step, loss)?;
/// }
/// writer.histogram("weights", 100, &[0.1f32, -0.2, 0.3])?;
/// # Ok::<(), wengert_tensorboard::Error>(())
/// ```
///
/// Show it with `tensorboard --logdir runs`.
pub struct SummaryWriter {
    folder: PathBuf,
    file: EventFile,
    clock: Box<dyn FnMut() -> SystemTime + Send>,
    tags: HashMap<String, Tag>,
    dropped: u64,
    first_error: Option<Error>,
    /// Let go last.
    _lock: Lock,
}

/// What is known of a tag.
#[derive(Default)]
struct Tag {
    /// None as long as nothing was written.
    kind: Option<Kind>,
    description: String,
}

impl SummaryWriter {
    /// Makes the folder of a run, where it is not there, and a new file of events in it. A run that is there
    /// already goes on: TensorBoard shows its files as one.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or another writer holds it. One that has crashed does not.
    pub fn create(folder: impl AsRef<Path>) -> Result<SummaryWriter, Error> {
        SummaryWriter::create_with(folder, WriterOptions::new())
    }

    /// [`create`](SummaryWriter::create) with options.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or another writer holds it.
    pub fn create_with(folder: impl AsRef<Path>, options: WriterOptions) -> Result<SummaryWriter, Error> {
        let folder = folder.as_ref().to_path_buf();
        let WriterOptions { mut clock, purge_from } = options;
        fs::create_dir_all(&folder).map_err(Error::io(&folder, "make the folder"))?;
        let lock = Lock::take(&folder)?;
        let file = EventFile::create(&folder, seconds(clock()) as u64)?;
        let tags = HashMap::new();
        let mut writer =
            SummaryWriter { folder, file, clock, tags, dropped: 0, first_error: None, _lock: lock };
        let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        let source_metadata = Some(SourceMetadata { writer: program.into() });
        let version = What::FileVersion("brain.Event:2".into());
        let begin = |writer: &mut SummaryWriter| {
            writer.event(0, version, source_metadata)?;
            // TensorBoard takes the first start that it sees in a run for the run's own, and the next for one
            // after an interruption.
            let start = || What::SessionLog(SessionLog { status: 1 });
            purge_from
                .into_iter()
                .flat_map(|step| [step; 2])
                .try_for_each(|step| writer.event(step, start(), None))
        };
        if let Err(error) = begin(&mut writer) {
            let _ = fs::remove_file(writer.file.path());
            return Err(error);
        }
        Ok(writer)
    }

    /// A sentence of Markdown that TensorBoard shows with a tag.
    ///
    /// # Errors
    /// The tag holds something already: TensorBoard reads descriptions with a tag's first value.
    pub fn describe(&mut self, tag: &str, markdown: &str) -> Result<(), Error> {
        let known = self.tags.entry(tag.into()).or_default();
        if known.kind.is_some() {
            let found = "one after its first value";
            return Err(Error::argument(format!("description of `{tag}`"), found, "one before it"));
        }
        known.description = markdown.into();
        Ok(())
    }

    /// A point of a curve. TensorBoard keeps single precision, and marks what is not finite.
    ///
    /// # Errors
    /// The tag is empty or holds something else; the disk (see [`dropped`](SummaryWriter::dropped)).
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), Error> {
        let float_val = vec![value as f32];
        let tensor = TensorProto { dtype: DT_FLOAT, float_val, ..shaped(&[]) };
        self.value(Kind::Scalar, tag, step, tensor)
    }

    /// A distribution: the values in 30 buckets from the least to the greatest. Values that are not finite
    /// are counted in a curve of their own, `TAG/nonfinite`, from their first on.
    ///
    /// # Errors
    /// The tag is empty or holds something else; the disk (see [`dropped`](SummaryWriter::dropped)).
    pub fn histogram<T: Copy + Into<f64>>(
        &mut self,
        tag: &str,
        step: u64,
        values: &[T],
    ) -> Result<(), Error> {
        let Histogram { rows, nonfinite } = Histogram::of(values);
        let tensor_content = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        let tensor = TensorProto { dtype: DT_DOUBLE, tensor_content, ..shaped(&[rows.len(), 3]) };
        self.value(Kind::Histogram, tag, step, tensor)?;
        let count = format!("{tag}/nonfinite");
        if nonfinite > 0 || self.tags.contains_key(&count) {
            self.scalar(&count, step, nonfinite as f64)?;
        }
        Ok(())
    }

    /// Images of one size: the samples of a tag at a step.
    ///
    /// # Errors
    /// No images, or of different sizes; the tag is empty or holds something else; the disk (see
    /// [`dropped`](SummaryWriter::dropped)).
    ///
    /// ```
    /// use wengert_tensorboard::{Image, Scale, SummaryWriter};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// let mut writer = SummaryWriter::create(folder.join("run"))?;
    /// let filter = [-0.5f32, 0.0, 0.5, 0.1];
    /// let scale = Scale::symmetric(&filter);
    /// writer.describe("conv/filter", &format!("{scale}"))?;
    /// writer.images("conv/filter", 0, &[Image::scaled(2, 2, &filter, scale)?.enlarged(16)?])?;
    /// # Ok::<(), wengert_tensorboard::Error>(())
    /// ```
    pub fn images(&mut self, tag: &str, step: u64, images: &[Image]) -> Result<(), Error> {
        let argument = || format!("images of `{tag}`");
        let Some(first) = images.first() else {
            return Err(Error::argument(argument(), "none", "at least one"));
        };
        one_size(&argument(), images)?;
        let size = [first.width(), first.height()].map(|n| n.to_string().into_bytes());
        let string_val: Vec<Vec<u8>> = size.into_iter().chain(images.iter().map(Image::png)).collect();
        let tensor = TensorProto { dtype: DT_STRING, ..shaped(&[string_val.len()]) };
        self.value(Kind::Images, tag, step, TensorProto { string_val, ..tensor })
    }

    /// Markdown.
    ///
    /// # Errors
    /// The tag is empty or holds something else; the disk (see [`dropped`](SummaryWriter::dropped)).
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) -> Result<(), Error> {
        let string_val = vec![markdown.as_bytes().to_vec()];
        self.value(Kind::Text, tag, step, TensorProto { dtype: DT_STRING, string_val, ..shaped(&[]) })
    }

    /// The graph of the run. A run shows one.
    ///
    /// # Errors
    /// The disk (see [`dropped`](SummaryWriter::dropped)).
    pub fn graph(&mut self, graph: &Graph) -> Result<(), Error> {
        self.event(0, What::GraphDef(graph.to_proto().encode_to_vec()), None)
    }

    /// What the run was made with. The results stand beside it in TensorBoard's table: all scalars of this run,
    /// and of runs in folders below it.
    ///
    /// # Errors
    /// The disk (see [`dropped`](SummaryWriter::dropped)).
    ///
    /// ```
    /// use wengert_tensorboard::{Status, SummaryWriter};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// let mut writer = SummaryWriter::create(folder.join("run"))?;
    /// writer.hparams(&[("optimizer", "adam".into()), ("learning_rate", 1e-3.into())])?;
    /// writer.scalar("accuracy", 10, 0.97)?;
    /// writer.hparams_end(Status::Success)?;
    /// # Ok::<(), wengert_tensorboard::Error>(())
    /// ```
    pub fn hparams<N: AsRef<str>>(&mut self, values: &[(N, HParam)]) -> Result<(), Error> {
        let hparams: BTreeMap<String, HParamValue> =
            values.iter().map(|(name, value)| (name.as_ref().into(), value.to_proto())).collect();
        let start_time_secs = seconds((self.clock)());
        let start = SessionStartInfo { hparams, start_time_secs };
        self.session("_hparams_/session_start_info", HParamsData::SessionStartInfo(start))
    }

    /// How and when the run has ended. Until then TensorBoard calls it running.
    ///
    /// # Errors
    /// The disk (see [`dropped`](SummaryWriter::dropped)).
    pub fn hparams_end(&mut self, status: Status) -> Result<(), Error> {
        let status = match status {
            Status::Success => 1,
            Status::Failure => 2,
        };
        let end = SessionEndInfo { status, end_time_secs: seconds((self.clock)()) };
        self.session("_hparams_/session_end_info", HParamsData::SessionEndInfo(end))
    }

    fn session(&mut self, tag: &str, data: HParamsData) -> Result<(), Error> {
        let content = HParamsPluginData { data: Some(data) }.encode_to_vec();
        let plugin_data = Some(PluginData { plugin_name: "hparams".into(), content });
        let metadata = SummaryMetadata { plugin_data, data_class: 2, ..SummaryMetadata::default() };
        // TensorBoard wants a tensor, and looks at the metadata alone.
        let tensor = Some(TensorProto { dtype: DT_FLOAT, ..shaped(&[0]) });
        let value = Value { tag: tag.into(), metadata: Some(metadata), tensor };
        self.event(0, What::Summary(Summary { value: vec![value] }), None)
    }

    /// Points for TensorBoard's projector, in files beside the events. Those of the same name are replaced.
    ///
    /// # Errors
    /// A file cannot be written. The list of embeddings is as it was.
    pub fn embeddings(&mut self, embeddings: &Embeddings) -> Result<(), Error> {
        let written = embeddings.write(&self.folder);
        self.counted(written)
    }

    /// Waits until all that was written is on the disk, so that it outlives a power failure; what outlives
    /// the process is there without it.
    ///
    /// # Errors
    /// The disk.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.sync()
    }

    /// How many calls have failed because of the disk. What they were to write is missing; what was written
    /// before and after can be read.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The error of the first such call.
    pub fn first_error(&self) -> Option<&Error> {
        self.first_error.as_ref()
    }

    /// The folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of events.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    fn value(&mut self, kind: Kind, tag: &str, step: u64, tensor: TensorProto) -> Result<(), Error> {
        if tag.is_empty() {
            return Err(Error::argument("tag", "an empty one", "a name, such as `loss`"));
        }
        // Looked up twice only the first time.
        if !self.tags.contains_key(tag) {
            self.tags.insert(tag.into(), Tag::default());
        }
        let known = self.tags.get_mut(tag).expect("it has just been inserted");
        match known.kind {
            Some(expected) if expected != kind => {
                return Err(Error::Kind { tag: tag.into(), found: kind, expected });
            }
            _ => known.kind = Some(kind),
        }
        let plugin_data = Some(PluginData { plugin_name: kind.plugin().into(), content: Vec::new() });
        let summary_description = known.description.clone();
        let metadata = SummaryMetadata { plugin_data, summary_description, data_class: kind.data_class() };
        let value = Value { tag: tag.into(), metadata: Some(metadata), tensor: Some(tensor) };
        self.event(step, What::Summary(Summary { value: vec![value] }), None)
    }

    fn event(&mut self, step: u64, what: What, source: Option<SourceMetadata>) -> Result<(), Error> {
        let wall_time = seconds((self.clock)());
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let event = Event { wall_time, step, what: Some(what), source_metadata: source };
        let written = self.file.write(|out| event.encode(out).expect("a vector takes every byte"));
        self.counted(written)
    }

    fn counted(&mut self, written: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &written {
            self.dropped += 1;
            self.first_error.get_or_insert_with(|| error.clone());
        }
        written
    }
}

impl fmt::Debug for SummaryWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("SummaryWriter");
        f.field("path", &self.file.path()).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// An empty tensor of some shape.
fn shaped(lengths: &[usize]) -> TensorProto {
    TensorProto { tensor_shape: Some(TensorShapeProto::of(lengths)), ..TensorProto::default() }
}

/// Seconds since 1970; 0 for clocks that are set before.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn on_a_full_disk_the_writer_goes_on_and_counts_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = SummaryWriter::create(folder.path()).unwrap();
        writer.scalar("loss", 0, 1.0).unwrap();
        assert_eq!((writer.dropped(), writer.first_error().is_none()), (0, true));
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        writer.file = EventFile::over("/dev/full".into(), full);
        for step in 1..4 {
            let error = writer.scalar("loss", step, 1.0).unwrap_err();
            assert!(error.to_string().starts_with("/dev/full: cannot write a record: "), "{error}");
        }
        assert_eq!(writer.dropped(), 3);
        assert!(writer.first_error().unwrap().to_string().contains("No space left on device"));
        // The next disk.
        writer.file = EventFile::create(folder.path(), 1).unwrap();
        writer.scalar("loss", 4, 1.0).unwrap();
        assert_eq!(writer.dropped(), 3);
    }
}
