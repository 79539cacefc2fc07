//! Training a graph under Burn's autodiff.

mod checkpoint;
mod examples;
mod history;
mod loss;
mod optimizer;
mod schedule;
mod trainer;

pub use checkpoint::HostParameters;
pub(crate) use checkpoint::{read_parameters, replace, write_parameters};
pub use examples::Examples;
pub use history::{Ended, EpochRecord, History};
pub use trainer::{Observer, Silent, Task, Trained, train};
