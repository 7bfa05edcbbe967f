//! Runs as TensorBoard finds them: files read back record by record, with every checksum.

mod common;

use common::proto::*;
use common::*;
use prost::Message;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wengert_tensorboard::*;

/// A run written with a clock that goes a quarter of a second a record.
fn run(write: impl FnOnce(&mut SummaryWriter) -> Result<(), Error>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut ticks = 0;
    let clock = move || {
        ticks += 1;
        UNIX_EPOCH + Duration::from_secs(1_000) + Duration::from_millis(250) * ticks
    };
    let options = WriterOptions::new().clock(clock);
    let mut writer = SummaryWriter::create_with(folder.path(), options).unwrap();
    write(&mut writer).unwrap();
    folder
}

#[test]
fn a_file_begins_with_its_version() {
    let folder = run(|_| Ok(()));
    let [event] = &events(folder.path())[..] else { panic!() };
    assert_eq!(event.what, Some(What::FileVersion("brain.Event:2".into())));
    let writer = &event.source_metadata.as_ref().unwrap().writer;
    assert!(writer.starts_with("wengert-tensorboard "), "{writer}");
}

#[test]
fn records_carry_the_time_of_the_clock_and_their_step() {
    let folder = run(|writer| {
        writer.scalar("loss", 0, 1.0)?;
        writer.scalar("loss", 7, 0.5)
    });
    let times: Vec<(f64, i64)> =
        events(folder.path()).iter().map(|event| (event.wall_time, event.step)).collect();
    // The first tick names the file.
    assert_eq!(times, [(1000.5, 0), (1000.75, 0), (1001.0, 7)]);
}

#[test]
fn a_scalar_is_a_single_number_also_where_it_is_not_finite() {
    let written = [0.1, f64::NAN, f64::NEG_INFINITY, 1e300];
    let folder = run(|writer| (0..).zip(written).try_for_each(|(step, x)| writer.scalar("a/b", step, x)));
    let read = values(folder.path(), "a/b");
    for ((step, value), (i, x)) in read.iter().zip(written.into_iter().enumerate()) {
        assert_eq!(plugin(value), ("scalars", 1));
        let (dtype, lengths, tensor) = tensor(value);
        assert_eq!((*step, dtype, lengths), (i as i64, DT_FLOAT, vec![]));
        assert_eq!(tensor.float_val[0].to_bits(), (x as f32).to_bits());
    }
    assert_eq!(read.len(), 4);
}

#[test]
fn a_histogram_is_a_table_of_edges_and_counts() {
    let folder = run(|writer| writer.histogram("weights", 3, &[0.0f32, 1.0, 1.0, 3.0]));
    let [(3, value)] = &values(folder.path(), "weights")[..] else { panic!() };
    assert_eq!(plugin(value), ("histograms", 2));
    let (dtype, lengths, tensor) = tensor(value);
    assert_eq!((dtype, lengths), (DT_DOUBLE, vec![30, 3]));
    let numbers: Vec<f64> =
        tensor.tensor_content.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    assert_eq!(numbers.len(), 90);
    assert_eq!((numbers[0], numbers[2], numbers[88], numbers[89]), (0.0, 1.0, 3.0, 1.0));
    assert_eq!(numbers.iter().skip(2).step_by(3).sum::<f64>(), 4.0);
}

#[test]
fn numbers_that_are_not_finite_are_counted_from_their_first_on() {
    let folder = run(|writer| {
        writer.histogram("g", 0, &[1.0f64])?;
        writer.histogram("g", 1, &[f64::NAN, f64::INFINITY])?;
        writer.histogram("g", 2, &[1.0f64])
    });
    let counts: Vec<(i64, f32)> = values(folder.path(), "g/nonfinite")
        .iter()
        .map(|(step, value)| (*step, tensor(value).2.float_val[0]))
        .collect();
    assert_eq!(counts, [(1, 2.0), (2, 0.0)]);
    let lengths: Vec<_> = values(folder.path(), "g").iter().map(|(_, value)| tensor(value).1).collect();
    assert_eq!(lengths, [[30, 3], [0, 3], [30, 3]]);
}

#[test]
fn images_are_their_size_and_a_file_each() {
    let images = [Image::grey(2, 1, [10, 20]).unwrap(), Image::rgb(2, 1, [1, 2, 3, 4, 5, 6]).unwrap()];
    let folder = run(|writer| {
        writer.describe("pixels", "black 0, white 255")?;
        writer.images("pixels", 1, &images)
    });
    let [(1, value)] = &values(folder.path(), "pixels")[..] else { panic!() };
    assert_eq!(plugin(value), ("images", 3));
    assert_eq!(value.metadata.as_ref().unwrap().summary_description, "black 0, white 255");
    let (dtype, lengths, tensor) = tensor(value);
    assert_eq!((dtype, lengths), (DT_STRING, vec![4]));
    assert_eq!(&tensor.string_val[..2], [b"2", b"1"]);
    for (image, file) in images.iter().zip(&tensor.string_val[2..]) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (2, 1));
        assert_eq!(&pixels[..info.buffer_size()], image.pixels());
    }
}

#[test]
fn text_is_kept_as_it_is() {
    let folder = run(|writer| writer.text("notes", 0, "| ä |\n|---|"));
    let [(0, value)] = &values(folder.path(), "notes")[..] else { panic!() };
    assert_eq!(plugin(value), ("text", 2));
    assert_eq!(tensor(value).2.string_val, ["| ä |\n|---|".as_bytes()]);
}

#[test]
fn a_graph_has_its_nodes_inputs_shapes_and_attributes() {
    let mut graph = Graph::new();
    graph.add(Node::new("x", "Var").shape(&[2, 3])).unwrap();
    graph.add(Node::new("dense/y", "Square").input("x").attribute("source", "main.rs:3")).unwrap();
    let folder = run(|writer| writer.graph(&graph));
    let Some(What::GraphDef(bytes)) = &events(folder.path())[1].what else { panic!() };
    let graph = GraphDef::decode(&bytes[..]).unwrap();
    let [x, y] = &graph.node[..] else { panic!() };
    assert_eq!((x.name.as_str(), x.op.as_str(), y.input.as_slice()), ("x", "Var", &["x".to_string()][..]));
    let shape = AttrList { shape: vec![TensorShapeProto::of(&[2, 3])] };
    assert_eq!(x.attr["_output_shapes"].value, Some(Attr::List(shape)));
    assert_eq!(y.attr["source"].value, Some(Attr::S(b"main.rs:3".to_vec())));
}

#[test]
fn hyper_parameters_say_how_a_run_began_and_ended() {
    let folder = run(|writer| {
        let rate = f64::INFINITY;
        writer.hparams(&[("rate", rate.into()), ("units", 64usize.into()), ("bias", true.into())])?;
        writer.hparams_end(Status::Failure)
    });
    let data = |tag: &str| {
        let [(0, value)] = &values(folder.path(), tag)[..] else { panic!() };
        assert_eq!(plugin(value), ("hparams", 2));
        let content = &value.metadata.as_ref().unwrap().plugin_data.as_ref().unwrap().content;
        HParamsPluginData::decode(&content[..]).unwrap().data.unwrap()
    };
    let HParamsData::SessionStartInfo(start) = data("_hparams_/session_start_info") else { panic!() };
    let kinds: Vec<_> =
        start.hparams.iter().map(|(name, value)| (name.as_str(), value.kind.clone().unwrap())).collect();
    let expected = [
        ("bias", HParamKind::Flag(true)),
        ("rate", HParamKind::Text("inf".into())),
        ("units", HParamKind::Number(64.0)),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(start.start_time_secs, 1000.75);
    let HParamsData::SessionEndInfo(end) = data("_hparams_/session_end_info") else { panic!() };
    assert_eq!((end.status, end.end_time_secs), (2, 1001.25));
}

#[test]
fn a_tag_holds_one_kind() {
    run(|writer| {
        writer.scalar("loss", 0, 1.0)?;
        let error = writer.histogram("loss", 1, &[1.0]).unwrap_err().to_string();
        assert!(error.starts_with("tag `loss`: found histograms, expected scalars"), "{error}");
        assert!(writer.text("", 0, "text").unwrap_err().to_string().starts_with("tag: found an empty one"));
        assert!(writer.describe("loss", "late").is_err());
        assert_eq!(writer.dropped(), 0, "nothing was lost: the program has been told");
        writer.scalar("loss", 2, 0.5)
    });
}

#[test]
fn images_that_differ_in_size_are_refused() {
    let folder = run(|writer| {
        let images = [Image::grey(1, 1, [0])?, Image::grey(2, 1, [0, 0])?];
        let text = "images of `a`: found 2 x 1 pixels in image 1, expected 1 x 1, as in image 0";
        assert_eq!(writer.images("a", 0, &images).unwrap_err().to_string(), text);
        assert!(writer.images("a", 0, &[]).is_err());
        Ok(())
    });
    assert_eq!(events(folder.path()).len(), 1, "nothing was written");
}

#[test]
fn a_run_that_goes_on_has_a_second_file_and_says_from_where() {
    let folder = run(|writer| writer.scalar("loss", 5, 1.0));
    // The clock of the first writer stood in 1970.
    let options = WriterOptions::new().purge_from(3).clock(SystemTime::now);
    let mut writer = SummaryWriter::create_with(folder.path(), options).unwrap();
    writer.scalar("loss", 3, 0.5).unwrap();
    let events = events(folder.path());
    assert_eq!(events.len(), 6);
    for start in &events[3..5] {
        assert_eq!((start.step, &start.what), (3, &Some(What::SessionLog(SessionLog { status: 1 }))));
    }
    assert!(events.windows(2).all(|pair| pair[0].wall_time < pair[1].wall_time));
}

#[test]
fn a_second_writer_of_a_run_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let first = SummaryWriter::create(folder.path()).unwrap();
    let error = SummaryWriter::create(folder.path()).err().unwrap();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    assert!(error.to_string().contains("another writer has this run open"), "{error}");
    let below = SummaryWriter::create(folder.path().join("validation"));
    assert!(below.is_ok(), "a folder below is another run");
    drop(first);
    SummaryWriter::create(folder.path()).unwrap();
}

/// The test calls itself: the part below runs in a process that ends without a word.
#[test]
fn a_process_that_is_killed_loses_nothing_and_does_not_hold_its_run() {
    const FOLDER: &str = "WENGERT_TEST_FOLDER_OF_A_RUN";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut writer = SummaryWriter::create(folder).unwrap();
        (0..100).for_each(|step| writer.scalar("loss", step, 1.0).unwrap());
        std::process::abort();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(FOLDER, folder.path());
    command.args(["--exact", "a_process_that_is_killed_loses_nothing_and_does_not_hold_its_run"]);
    assert!(!command.output().unwrap().status.success());
    assert_eq!(events(folder.path()).len(), 101);
    SummaryWriter::create(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = SummaryWriter::create(file.join("run")).err().unwrap().to_string();
    let expected = format!("{}: cannot make the folder: ", file.join("run").display());
    assert!(error.starts_with(&expected), "{error}");
}

/// Root may write anywhere, so that this says something for other users alone.
#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_to_is_an_error_that_names_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    match SummaryWriter::create(folder.path()) {
        Ok(_) => assert!(fs::write(folder.path().join("file"), "").is_ok(), "it may be written to"),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("cannot create the file") && text.contains("denied"), "{text}");
        }
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_writer_can_be_moved_to_another_thread() {
    fn is_send<S: Send>() {}
    is_send::<SummaryWriter>();
}
