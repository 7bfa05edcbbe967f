//! Charts as plotters draws them.
//!
//! plotters counts in whole pixels, so a picture is drawn at ten times its size, and its `viewBox` takes that
//! back: a unit here is a tenth of a pixel. It writes colours as attributes, over which the style sheet has
//! precedence: by them it finds what has another colour in the dark, and which lines have dashes.
//! (`DashedLineSeries` would write an element a dash, which of long noisy curves are millions.) Training and
//! validation differ in colour, dashes and marks, so that a print in grey and eyes that see colours otherwise
//! can tell them apart; the colours are two of Okabe and Ito's ("Color universal design", 2008).

use super::chart::{Chart, Kind};
use super::text::short;
use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordusize;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The style sheet of pictures, light and dark.
pub(crate) const STYLE: &str = include_str!("chart.css");
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ORANGE: RGBColor = RGBColor(0xc6, 0x5a, 0x00);
const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
const SOFT: RGBColor = RGBColor(0x4d, 0x56, 0x61);
const AXIS: RGBColor = RGBColor(0x87, 0x90, 0x9b);
const GRID: RGBColor = RGBColor(0xe2, 0xe6, 0xea);

/// Units a pixel.
const PIXEL: i32 = 10;
/// Units of a chart, with the space below it.
const WIDTH: i32 = 5600;
const HEIGHT: i32 = 2840;
/// Of the space on the right of the curves.
const RIGHT: i32 = 80;
/// Up to how many epochs have a mark each, which says its value when pointed at.
const MARKED: usize = 60;

/// What is drawn on.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing returns.
pub(crate) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
/// A place in a picture, and what is said when it is pointed at: the one thing that plotters cannot write.
type Spot = ((i32, i32), String);

/// An element with what is drawn on so many units.
pub(crate) fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Markup {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let done = draw(&area).and_then(|()| area.present());
    drop(area);
    done.expect("memory can be written to, no font is read, and all areas have room");
    PreEscaped(text)
}

/// Charts one below the other, with a margin of so many pixels. A file needs the style; a page has it once.
pub(crate) fn picture(charts: &[Chart], margin: i32, style: Option<&str>) -> Markup {
    let margin = margin * PIXEL;
    let (width, height) = (WIDTH + 2 * margin, HEIGHT * charts.len() as i32 + margin);
    let mut spots: Vec<Spot> = Vec::new();
    let drawn = svg((width as u32, height as u32), |area| {
        area.fill(&WHITE)?;
        let areas = area.margin(margin, 0, margin, margin).split_evenly((charts.len(), 1));
        charts.iter().zip(areas).try_for_each(|(chart, area)| draw(chart, &area, &mut spots))
    });
    let described: Vec<String> = charts.iter().map(Chart::describe).collect();
    html! {
        svg.wengert-chart xmlns="http://www.w3.org/2000/svg" width=(width / PIXEL) height=(height / PIXEL)
            viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(described.join(" ")) {
            @if let Some(style) = style { style { (PreEscaped(style)) } }
            (drawn)
            @for ((x, y), text) in spots {
                circle.spot cx=(x) cy=(y) r="60" { title { (text) } }
            }
        }
    }
}

/// Texts, axes and curves: lines between neighbours, and marks where there are few of them, or none.
fn draw(chart: &Chart, area: &Area<'_>, spots: &mut Vec<Spot>) -> Drawn {
    area.draw_text(&chart.heading(), &("sans-serif", 186, FontStyle::Bold).into_font().color(&INK), (0, 0))?;
    if let Some(note) = chart.note() {
        area.draw_text(&note, &soft(), (0, 220))?;
    }
    legend(chart, area)?;
    let (first, last) = chart.epochs;
    let epochs = RangedCoordusize::from(first..last).key_points(11);
    // A single epoch stands in the middle.
    let room = usize::from(first == last);
    let x = (first.saturating_sub(room)..last.saturating_add(room)).with_key_points(epochs);
    let scale = chart.scale();
    let label = |place: &f64| scale.label(*place);
    let mut axes = ChartBuilder::on(area)
        .margin_top(480)
        .x_label_area_size(420)
        .y_label_area_size(620)
        .margin_right(RIGHT)
        .margin_bottom(240)
        .build_cartesian_2d(x, scale.range.clone())?;
    axes.configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(10))
        .axis_style(AXIS.stroke_width(10))
        .set_all_tick_mark_size(40)
        .label_style(soft())
        .y_labels(scale.ticks)
        .y_label_formatter(&label)
        .x_desc("epoch")
        .draw()?;
    for curve in &chart.curves {
        let colour = colour(curve.kind);
        for run in curve.values.split(|(_, value)| value.is_none()) {
            let values: Vec<_> = run.iter().filter_map(|&(epoch, value)| Some((epoch, value?))).collect();
            let places = values.iter().map(|&(epoch, value)| (epoch, scale.place(value)));
            axes.draw_series(LineSeries::new(places.clone(), colour.stroke_width(20)))?;
            if values.len() == 1 || curve.values.len() <= MARKED {
                axes.draw_series(places.clone().map(|place| Circle::new(place, 30, colour.filled())))?;
                for ((epoch, value), place) in values.iter().zip(places) {
                    let said = format!("epoch {epoch}, {}: {}", curve.kind.name(), short(*value));
                    spots.push((axes.backend_coord(&place), said));
                }
            }
        }
    }
    Ok(())
}

/// Names beside samples of the curves, at the right end of the title's line. (plotters' own legends are
/// inside of the axes, where curves are.)
fn legend(chart: &Chart, area: &Area<'_>) -> Drawn {
    const EACH: i32 = 1080;
    let kinds: Vec<Kind> =
        chart.curves.iter().map(|curve| curve.kind).filter(|&k| k != Kind::Alone).collect();
    for (i, kind) in kinds.iter().enumerate() {
        let at = (WIDTH - RIGHT - EACH * (kinds.len() - i) as i32, 90);
        let line = PathElement::new([(0, 0), (280, 0)], colour(*kind).stroke_width(20));
        let mark = Circle::new((140, 0), 30, colour(*kind).filled());
        let name = Text::new(kind.name(), (360, 0), soft().pos(Pos::new(HPos::Left, VPos::Center)));
        area.draw(&(EmptyElement::at(at) + line + mark + name))?;
    }
    Ok(())
}

fn colour(kind: Kind) -> RGBColor {
    if kind == Kind::Validation { ORANGE } else { BLUE }
}

/// Texts of 12.5 pixels: plotters divides sizes by 1.24.
fn soft() -> TextStyle<'static> {
    ("sans-serif", 155).into_font().color(&SOFT)
}
