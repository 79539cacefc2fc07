//! A table in memory.

/// Examples: features as numbers, and their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// `rows × columns` numbers, row by row. All finite.
    pub features: Vec<f32>,
    /// Number of examples.
    pub rows: usize,
    /// Number of features of each example.
    pub columns: usize,
    /// The features' names: the header's, or `column 1`, `column 2`… as counted in the file.
    pub column_names: Vec<String>,
    /// One label for each example, where the table has them.
    pub labels: Option<Labels>,
    /// The line that each example begins on, from 1.
    pub source_lines: Vec<u64>,
    /// BLAKE3 of the file as it is stored (compressed, if it is).
    pub digest: [u8; 32],
}

/// What is to be predicted, example by example.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// One of several classes.
    Classes {
        /// What the classes are called.
        names: Vec<String>,
        /// For each example, a position in `names`.
        indices: Vec<u32>,
    },
    /// A number.
    Values(Vec<f32>),
}

impl Dataset {
    /// The features of one example.
    ///
    /// # Panics
    /// If `row` is not below [`rows`](Self::rows).
    pub fn row(&self, row: usize) -> &[f32] {
        &self.features[row * self.columns..][..self.columns]
    }

    /// The features of some examples, in the order asked for, as one block.
    ///
    /// # Panics
    /// If one of them is not below [`rows`](Self::rows).
    pub fn gather(&self, rows: &[usize]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.row(row)).copied().collect()
    }

    /// The class of each example, if the labels are classes.
    pub fn classes(&self) -> Option<&[u32]> {
        match &self.labels {
            Some(Labels::Classes { indices, .. }) => Some(indices),
            _ => None,
        }
    }

    /// The number of each example, if the labels are numbers.
    pub fn values(&self) -> Option<&[f32]> {
        match &self.labels {
            Some(Labels::Values(values)) => Some(values),
            _ => None,
        }
    }

    /// The names of the classes; empty where the labels are not classes.
    pub fn class_names(&self) -> &[String] {
        match &self.labels {
            Some(Labels::Classes { names, .. }) => names,
            _ => &[],
        }
    }
}
