//! Pictures of a training as SVG: curves and the confusion matrix. They name their colours for light and dark pages.

use std::fmt::Write as _;

use crate::evaluate::Confusion;
use crate::train::{EpochRecord, History};

const STYLE: &str = "<style>text{font:12px sans-serif;fill:#333}.axis{stroke:#999}.grid{stroke:#ddd}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}}</style>";

/// One line of a chart.
struct Curve {
    name: &'static str,
    colour: &'static str,
    points: Vec<f64>,
}

/// Loss and accuracy by epoch, side by side.
pub(crate) fn curves(history: &History) -> String {
    let of = |name, colour, value: fn(&EpochRecord) -> Option<f64>| Curve {
        name,
        colour,
        points: history.epochs.iter().filter_map(value).collect(),
    };
    let loss = [
        of("train", "#4477aa", |epoch| Some(epoch.train_loss)),
        of("validation", "#ee6677", |epoch| epoch.validation_loss),
    ];
    let accuracy = [
        of("train", "#4477aa", |epoch| epoch.train_accuracy),
        of("validation", "#ee6677", |epoch| epoch.validation_accuracy),
    ];
    let mut svg = open(720, 300);
    chart(&mut svg, "loss", &loss, 40.0);
    chart(&mut svg, "accuracy", &accuracy, 400.0);
    svg.push_str("</svg>\n");
    svg
}

fn open(width: usize, height: usize) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">{STYLE}\n")
}

/// Draws into the 280 × 220 box whose left edge is at `left`.
fn chart(svg: &mut String, title: &str, curves: &[Curve], left: f64) {
    let values = || curves.iter().flat_map(|curve| &curve.points).copied();
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if !low.is_finite() {
        return;
    }
    let spread = (high - low).max(1e-9);
    let y = |value: f64| 250.0 - 220.0 * (value - low) / spread;
    let _ = writeln!(svg, "<text x=\"{}\" y=\"20\">{title} by epoch</text>", left);
    for tick in 0..=4 {
        let value = low + spread * f64::from(tick) / 4.0;
        let at = y(value);
        let right = left + 280.0;
        let _ = writeln!(svg, "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ =
            writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>", left - 4.0, at + 4.0);
    }
    for (row, curve) in curves.iter().enumerate() {
        line(svg, curve, left, &y);
        let (x, colour, name) = (left + 90.0 * row as f64, curve.colour, curve.name);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"285\" style=\"fill:{colour}\">— {name}</text>");
    }
}

fn line(svg: &mut String, curve: &Curve, left: f64, y: &impl Fn(f64) -> f64) {
    let step = 280.0 / curve.points.len().saturating_sub(1).max(1) as f64;
    let points: Vec<String> = curve
        .points
        .iter()
        .enumerate()
        .map(|(epoch, &value)| format!("{:.1},{:.1}", left + step * epoch as f64, y(value)))
        .collect();
    let (colour, points) = (curve.colour, points.join(" "));
    let _ = writeln!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{points}\"/>");
}

/// Rows are what is right, columns what was answered; the darker a cell, the more of its row it holds.
pub(crate) fn confusion(confusion: &Confusion) -> String {
    let count = confusion.classes.len();
    let side = 36;
    let mut svg = open(count * side + 90, count * side + 90);
    svg.push_str("<text x=\"80\" y=\"20\">answered →</text><text x=\"4\" y=\"64\">right ↓</text>\n");
    for (row, cells) in confusion.counts.iter().enumerate() {
        let total: u64 = cells.iter().sum();
        for (column, &cell) in cells.iter().enumerate() {
            square(&mut svg, row, column, cell, total, side);
        }
    }
    for (index, class) in confusion.classes.iter().enumerate() {
        let at = 80 + index * side + side / 2;
        let class = escape(class);
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"48\" text-anchor=\"middle\">{class}</text>");
        let _ = writeln!(svg, "<text x=\"70\" y=\"{}\" text-anchor=\"end\">{class}</text>", at - 16);
    }
    svg.push_str("</svg>\n");
    svg
}

fn square(svg: &mut String, row: usize, column: usize, cell: u64, total: u64, side: usize) {
    let (x, y) = (80 + column * side, 60 + row * side);
    let share = cell as f64 / total.max(1) as f64;
    let colour = if row == column { "#228833" } else { "#cc3311" };
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"{colour}\" fill-opacity=\"{share:.3}\" stroke=\"#ccc\"/>"
    );
    if cell > 0 {
        let (cx, cy) = (x + side / 2, y + side / 2 + 4);
        let _ = writeln!(svg, "<text x=\"{cx}\" y=\"{cy}\" text-anchor=\"middle\">{cell}</text>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
