//! Tabular data for training: read with located errors, split with a seed, normalised by what the training part shows.
//!
//! A [`Table`] reads CSV or TSV (gzip too) into a [`Dataset`]: features as one row-major block of `f32`, labels apart.
//! A mistake in the file is reported with its line and column, never guessed around. A [`Split`] is a pure function of
//! the labels, the fractions and the seed, the same on every machine. A [`Normalization`] is fitted on rows that the
//! caller names, so that nothing of the test part leaks into it. [`metrics`] judge predictions.
//!
//! The crate stands alone: it knows nothing of packages, networks or recipes, and keeps the whole table in memory.
//! It refuses missing values and text among the features: imputing and encoding are decisions for the person who has
//! the data.
//!
//! ```
//! use briq_data::{Fractions, Kind, Labels, Normalization, Per, ReadOptions, Split, Table};
//!
//! let text = "1.0,5.0,yes\n2.0,6.0,no\n3.0,7.0,yes\n4.0,8.0,no\n5.0,9.0,yes\n6.0,9.5,no\n";
//! let data = Table::read_from(text.as_bytes(), "inline", &ReadOptions::default())?;
//! assert_eq!((data.rows, data.columns), (6, 2));
//! assert!(matches!(&data.labels, Some(Labels::Classes { names, .. }) if names == &["no", "yes"]));
//!
//! let split = Split::of(&data, Fractions { train: 0.34, validation: 0.33, test: 0.33 }, 7)?;
//! let normalization = Normalization::fit(Kind::Standard, Per::Feature, &data, &split.train);
//! let mut row = data.row(0).to_vec();
//! normalization.apply(&mut row);
//! # Ok::<(), briq_data::DataError>(())
//! ```

mod dataset;
mod error;
mod normalization;
mod options;
mod split;
mod table;

pub mod metrics;

pub use dataset::{Dataset, Labels};
pub use error::{DataError, DataErrorKind};
pub use normalization::{Kind, Normalization, Per};
pub use options::{LabelColumn, ReadOptions, Task};
pub use split::{Fractions, Split};
pub use table::{MAX_TABLE_BYTES, Table};
