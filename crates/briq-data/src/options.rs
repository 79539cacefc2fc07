//! How a table is to be read.

/// How a table is to be read. The default: comma-separated, no header, the last column a class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Whether the first line (after those skipped) names the columns.
    pub header: bool,
    /// Lines to pass over at the start of the file.
    pub skip_lines: usize,
    /// What separates columns. `None`: a tab if the file is called `.tsv` (or `.tsv.gz`), else a comma.
    pub delimiter: Option<u8>,
    /// Where the label is.
    pub label: LabelColumn,
    /// What the label is.
    pub task: Task,
    /// The classes, in the order of their indices. `None`: the distinct labels, sorted (as numbers if all are).
    pub classes: Option<Vec<String>>,
}

/// Which column holds the label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LabelColumn {
    /// The last one.
    #[default]
    Last,
    /// The first one.
    First,
    /// The one that the header calls so.
    Name(String),
    /// The one at that position, from 0.
    Index(usize),
    /// None: every column is a feature.
    None,
}

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Task {
    /// One of several classes: its name, or its index among the declared classes.
    #[default]
    Classification,
    /// A number.
    Regression,
}
