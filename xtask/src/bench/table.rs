//! Figures as a person reads them: a table in Markdown, and what is in its cells.

use std::fmt;

/// Rows under a heading; all cells but the first are set to the right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: Vec<String>) -> Self {
        Self { rows: vec![heading] }
    }

    /// Adds a row as long as the heading.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| self.width(column)).collect();
        for (position, row) in self.rows.iter().enumerate() {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 { write!(f, "| {cell:width$} ")? } else { write!(f, "| {cell:>width$} ")? }
            }
            writeln!(f, "|")?;
            if position == 0 {
                let rule = |(column, &width): (usize, &usize)| {
                    if column == 0 {
                        format!("|{}", "-".repeat(width + 2))
                    } else {
                        format!("|{}:", "-".repeat(width + 1))
                    }
                };
                writeln!(f, "{}|", widths.iter().enumerate().map(rule).collect::<String>())?;
            }
        }
        Ok(())
    }
}

/// The middle one; the mean of both where there are two. There must be one.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 }
}

/// The number whose logarithm is the mean of theirs.
pub(super) fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let sum: f64 = numbers.iter().map(|number| number.ln()).sum();
    (!numbers.is_empty()).then(|| (sum / numbers.len() as f64).exp())
}

/// Seconds in the unit that a person would choose.
pub(super) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A ratio of times.
pub(super) fn ratio(number: f64) -> String {
    format!("{number:.2}")
}

/// Bytes in millions, or nothing where they are not known.
pub(super) fn megabytes(bytes: Option<f64>) -> String {
    bytes.map_or("–".into(), |bytes| format!("{:.1} MB", bytes / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert_eq!(geometric_mean(&[1.0, 4.0]), Some(2.0));
        assert_eq!(geometric_mean(&[]), None);
    }

    #[test]
    fn sets_numbers_to_the_right() {
        let mut table = Table::new(vec!["network".into(), "ratio".into()]);
        table.row(vec!["mlp".into(), "1.5".into()]);
        assert_eq!(table.to_string(), "| network | ratio |\n|---------|------:|\n| mlp     |   1.5 |\n");
    }
}
