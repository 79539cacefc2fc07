//! Training a graph under Burn's autodiff.

mod backward;
mod checkpoint;
mod examples;
mod freeze;
mod gradient;
mod history;
mod logits;
mod loss;
mod optimizer;
mod parameters;
mod schedule;
mod tally;
mod trainer;

pub use checkpoint::HostParameters;
pub(crate) use checkpoint::{read_parameters, replace, write_parameters};
pub use examples::Examples;
pub(crate) use freeze::matching;
pub use gradient::{Gradients, Objective, gradients};
pub use history::{Ended, EpochRecord, History};
pub(crate) use logits::attachment;
pub use parameters::parameters;
pub use trainer::{Observer, Silent, Task, Trained, train};
