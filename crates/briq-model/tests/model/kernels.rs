//! Optimised graphs on the kernels for flex agree with the graphs as they stand, on Burn's own kernels.

mod case;
mod convolutions;
mod elementwise;
mod layouts;
mod mapped;
mod products;
mod recurrence;
mod refusals;
mod rows;
mod sharing;
