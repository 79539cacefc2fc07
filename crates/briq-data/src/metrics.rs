//! How good predictions are.

mod classification;
mod regression;

pub use classification::{ClassReport, Confusion, accuracy};
pub use regression::{mean_absolute_error, r_squared, root_mean_square_error};
