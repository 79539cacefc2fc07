//! A difference as a picture: an SVG that needs nothing beside it.
//!
//! A bar for each tensor in the order of the network, as long as the logarithm of its relative change; below them the
//! nodes that differ. Colours are those of Paul Tol's bright scheme, which people see apart whatever colours they see.

use std::fmt::Write as _;

use crate::difference::{Difference, Structure};
use crate::number::{percent, short};
use crate::tensors::{State, TensorDifference};

const STYLE: &str = "<style>text{font:12px sans-serif;fill:#333}.title{font-size:16px;font-weight:bold}.grid{stroke:#ddd}\
    .track{fill:#8881}@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}}</style>";

const GREEN: &str = "#228833";
const RED: &str = "#ee6677";
const BLUE: &str = "#4477aa";
const YELLOW: &str = "#ccbb44";
const GREY: &str = "#bbbbbb";

/// Where the bars stand: names to the left, figures to the right.
const LEFT: f64 = 300.0;
const RIGHT: f64 = 760.0;
const WIDTH: f64 = 960.0;

/// The scale: one part in a million at the left end, ten times the norm at the right one.
const DECADES: (i32, i32) = (-6, 1);

/// More tensors than these are thin lines without names.
const NAMED: usize = 150;

/// More nodes than these are counted only.
const NODES: usize = 40;

/// The difference as an SVG document.
pub fn picture(difference: &Difference) -> String {
    let mut body = String::new();
    let title = format!(
        "{} {} → {} {}",
        difference.before.name, difference.before.version, difference.after.name, difference.after.version
    );
    write_text(&mut body, (20.0, 28.0), "class=\"title\"", &title);
    let changed = difference.changed_tensors().count();
    let counts = format!(
        "{changed} of {} tensors differ; norm of the change relative to the norm before",
        difference.tensors.len()
    );
    write_text(&mut body, (20.0, 48.0), "", &counts);
    let below = bars(&mut body, &difference.tensors, 80.0);
    let below = nodes(&mut body, &difference.structure, below + 36.0);
    let below = legend(&mut body, below + 20.0);
    let height = below + 16.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{}\">{STYLE}\n{body}</svg>\n",
        escape(&title)
    )
}

/// Draws the bars from `top` downwards; gives where they end.
fn bars(svg: &mut String, tensors: &[TensorDifference], top: f64) -> f64 {
    let named = tensors.len() <= NAMED;
    let step = if named { 18.0 } else { 3.0 };
    let end = top + step * tensors.len() as f64;
    for decade in DECADES.0..=DECADES.1 {
        let x = place(10.0_f64.powi(decade));
        let _ = writeln!(svg, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{end}\"/>");
        write_text(svg, (x, top - 6.0), "text-anchor=\"middle\"", &percent_of(decade));
    }
    for (row, tensor) in tensors.iter().enumerate() {
        bar(svg, tensor, top + step * row as f64, named);
    }
    end
}

fn percent_of(decade: i32) -> String {
    match decade + 2 {
        power @ 0.. => format!("{} %", 10_u32.pow(power.unsigned_abs())),
        power => format!("{:.*} %", power.unsigned_abs() as usize, 10.0_f64.powi(power)),
    }
}

/// Where a relative change stands on the scale.
fn place(relative: f64) -> f64 {
    let (low, high) = (f64::from(DECADES.0), f64::from(DECADES.1));
    LEFT + (RIGHT - LEFT) * (relative.log10().clamp(low, high) - low) / (high - low)
}

fn bar(svg: &mut String, tensor: &TensorDifference, top: f64, named: bool) {
    let (length, colour, figure) = match (tensor.state, tensor.relative) {
        (State::Same, _) => (0.0, GREY, "same".to_owned()),
        (State::Added, _) => (RIGHT - LEFT, GREEN, "added".to_owned()),
        (State::Removed, _) => (RIGHT - LEFT, RED, "removed".to_owned()),
        (State::Reshaped, _) => (RIGHT - LEFT, YELLOW, "reshaped".to_owned()),
        (State::Retyped, relative) => {
            let figure =
                relative.map_or_else(|| "retyped".to_owned(), |relative| format!("retyped, {}", percent(relative)));
            (relative.map_or(RIGHT, place) - LEFT, YELLOW, figure)
        }
        (State::Changed, Some(relative)) => (place(relative) - LEFT, BLUE, percent(relative)),
        (State::Changed, None) => (RIGHT - LEFT, BLUE, "changed".to_owned()),
    };
    let (height, width) = if named { (12.0, RIGHT - LEFT) } else { (2.0, RIGHT - LEFT) };
    let largest = tensor.figures.map(|figures| format!(", largest {}", short(figures.largest))).unwrap_or_default();
    let label = escape(&format!("{}: {figure}{largest}", tensor.name));
    let length = if tensor.state == State::Same { 0.0 } else { length.max(2.0) };
    let _ = writeln!(
        svg,
        "<g><title>{label}</title><rect class=\"track\" x=\"{LEFT}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"{height}\" fill=\"{colour}\"/></g>"
    );
    if named {
        write_text(svg, (LEFT - 8.0, top + 10.0), "text-anchor=\"end\"", &shorten(&tensor.name));
        write_text(svg, (RIGHT + 8.0, top + 10.0), "", &figure);
    }
}

/// The end of a long name says more than its beginning.
fn shorten(name: &str) -> String {
    const LENGTH: usize = 42;
    match name.chars().count() {
        count if count > LENGTH => format!("…{}", name.chars().skip(count - LENGTH + 1).collect::<String>()),
        _ => name.to_owned(),
    }
}

/// Draws the nodes that differ; gives where they end.
fn nodes(svg: &mut String, structure: &Structure, top: f64) -> f64 {
    let Structure { same, added, removed, changed, outputs } = structure;
    let title = format!(
        "structure: {same} nodes the same, {} added, {} removed, {} changed",
        added.len(),
        removed.len(),
        changed.len()
    );
    write_text(svg, (20.0, top), "style=\"font-weight:bold\"", &title);
    let signs = [("−", RED, removed), ("+", GREEN, added), ("~", YELLOW, changed)];
    let node = |sign: &str, node: &crate::StructureChange| {
        let what = if node.what.is_empty() { String::new() } else { format!(": {}", node.what.join("; ")) };
        format!("{sign} {} ({}){what}", node.name, node.operator)
    };
    let lines = signs.iter().flat_map(|(sign, colour, nodes)| nodes.iter().map(move |one| (*colour, node(sign, one))));
    let lines: Vec<(&str, String)> =
        lines.chain(outputs.iter().map(|output| (YELLOW, format!("~ {output}")))).collect();
    let mut y = top;
    for (colour, line) in lines.iter().take(NODES) {
        y += 18.0;
        let _ = writeln!(svg, "<rect x=\"20\" y=\"{}\" width=\"6\" height=\"14\" fill=\"{colour}\"/>", y - 11.0);
        let cut: String =
            if line.chars().count() > 130 { line.chars().take(129).chain(['…']).collect() } else { line.clone() };
        write_text(svg, (34.0, y), "", &cut);
    }
    if lines.len() > NODES {
        y += 18.0;
        write_text(svg, (34.0, y), "", &format!("… {} more", lines.len() - NODES));
    }
    y
}

fn legend(svg: &mut String, top: f64) -> f64 {
    let words = [(BLUE, "other numbers"), (YELLOW, "another form"), (GREEN, "added"), (RED, "removed")];
    for (place, (colour, word)) in words.iter().enumerate() {
        let x = 20.0 + 130.0 * place as f64;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{top}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        write_text(svg, (x + 18.0, top + 10.0), "", word);
    }
    top + 12.0
}

fn write_text(svg: &mut String, (x, y): (f64, f64), attributes: &str, text: &str) {
    let space = if attributes.is_empty() { "" } else { " " };
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{space}{attributes}>{}</text>", escape(text));
}

/// Names come from packages, and a package comes from anywhere: nothing in them may become markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
