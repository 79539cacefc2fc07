//! What a person sees: numbered steps, ticks, times, a table of figures; in colour on a terminal.

use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const ORANGE: &str = "38;5;208";

/// A run of numbered steps.
pub(crate) struct Story {
    began: Instant,
    step: usize,
    step_began: Instant,
    figures: Vec<(String, String)>,
}

impl Story {
    /// Opens with a title and one line below it.
    pub(crate) fn new(title: &str, subtitle: &str) -> Self {
        println!("\n  {}\n  {}", paint(BOLD, &paint(ORANGE, title)), paint(DIM, subtitle));
        Self { began: Instant::now(), step: 0, step_began: Instant::now(), figures: Vec::new() }
    }

    /// Opens the next step.
    pub(crate) fn step(&mut self, title: &str) {
        self.step += 1;
        self.step_began = Instant::now();
        println!("\n{} {}", paint(ORANGE, &format!("{:>2}", self.step)), paint(BOLD, title));
    }

    /// Says what was seen to hold.
    pub(crate) fn tick(&self, text: &str) {
        println!("   {} {text}", paint(GREEN, "✓"));
    }

    /// Says what did not hold.
    pub(crate) fn cross(&self, text: &str) {
        println!("   {} {text}", paint(RED, "✗"));
    }

    /// Says something by the way.
    pub(crate) fn note(&self, text: &str) {
        for line in text.lines() {
            println!("{}", paint(DIM, &format!("     {line}")).trim_end());
        }
    }

    /// The command that the step is about to run.
    pub(crate) fn command(&self, text: &str) {
        println!("   {} {text}", paint(DIM, "$"));
    }

    /// Closes the step with the time it took.
    pub(crate) fn done(&self, text: &str) {
        let took = paint(DIM, &format!("({})", seconds(self.step_began.elapsed())));
        println!("   {} {text} {took}", paint(GREEN, "✓"));
    }

    /// Keeps a figure for the closing table.
    pub(crate) fn figure(&mut self, name: &str, value: impl Into<String>) {
        self.figures.push((name.to_owned(), value.into()));
    }

    /// The time since the story began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Prints the table of figures.
    pub(crate) fn close(&self) {
        let width = self.figures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        println!("\n   {}", paint(DIM, &"─".repeat(width + 36)));
        for (name, value) in &self.figures {
            println!("   {name:<width$}  {}", paint(BOLD, value));
        }
        println!("   {}\n", paint(DIM, &"─".repeat(width + 36)));
    }
}

/// A duration as a person would say it.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// A number of bytes as a person would say it.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

fn paint(code: &str, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !stdout().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}
