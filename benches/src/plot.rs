//! Plots as SVG files, drawn by `plotters`.

use crate::Fallible;
use crate::figures::{Plot, Series, Shape};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (760, 440);
/// Colours that are distinguishable with red-green blindness (Okabe, Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a plot into `folder`, as `<file>.svg`.
pub(crate) fn draw(folder: &Path, plot: &Plot) -> Fallible<()> {
    let path = folder.join(format!("{}.svg", plot.file));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    match &plot.shape {
        Shape::Lines { across, up, series } => lines(&area, &plot.title, across, up, series)?,
        Shape::Bars { along, bars } => self::bars(&area, &plot.title, along, bars)?,
    }
    area.present()?;
    Ok(())
}

fn colour(index: usize) -> RGBColor {
    COLOURS.into_iter().cycle().nth(index).unwrap_or(BLACK)
}

/// Returns the smallest and the largest value, with a margin at both ends.
fn span(values: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (low / room, high * room)
}

fn lines(area: &Area<'_>, title: &str, across: &str, up: &str, all: &[Series]) -> Fallible<()> {
    let points = || all.iter().flat_map(|series| &series.points);
    let (left, right) = span(points().map(|point| point.0), 1.2);
    let (low, high) = span(points().map(|point| point.1), 2.0);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(84)
        .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(across)
        .y_desc(up)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| plain(*value))
        .y_label_formatter(&|value| plain(*value))
        .draw()?;
    for (index, series) in all.iter().enumerate() {
        let colour = colour(index);
        let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(line.point_size(3))?
            .label(series.name.clone())
            .legend(move |(x, y)| {
                PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
            });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}

fn bars(area: &Area<'_>, title: &str, along: &str, bars: &[(String, f64)]) -> Fallible<()> {
    let (_, longest) = span(bars.iter().map(|bar| bar.1), 1.05);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .build_cartesian_2d(0.0..longest, 0.0..bars.len() as f64)?;
    chart
        .configure_mesh()
        .x_desc(along)
        .disable_y_mesh()
        .disable_y_axis()
        .draw()?;
    for (index, (name, value)) in bars.iter().enumerate() {
        // The first bar is on top.
        let top = bars.len().saturating_sub(index) as f64 - 0.1;
        let corners = [(0.0, top), (*value, top - 0.45)];
        let text = (format!("{name}: {value:.0}"), (longest * 0.005, top - 0.55));
        chart.draw_series([Rectangle::new(corners, colour(index).filled())])?;
        chart.draw_series([Text::new(text.0, text.1, ("sans-serif", 14))])?;
    }
    Ok(())
}

/// Formats an axis value without superfluous digits.
fn plain(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e3 {
        format!("{}k", value / 1e3)
    } else {
        format!("{value}")
    }
}
