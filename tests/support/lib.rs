//! What the tests of the whole share: the built program with a home of its own, free addresses, and peers.
//!
//! The tests drive `briq` as a person does, from outside. They find it where `cargo xtask test` says in `BRIQ_BIN`, or
//! where Cargo puts it; they do not build it.
//!
//! ```no_run
//! let briq = briq_tests::Briq::new();
//! let backends = briq.run(["backends", "--json"]).succeeds().json();
//! assert!(backends.is_array());
//! briq.run(["verify", "gone.briq"]).exits(3).says("gone.briq");
//! ```

mod briq;
mod outcome;
pub mod peers;
mod port;
mod serving;

pub use briq::{Briq, program};
pub use outcome::Outcome;
pub use port::free_address;
pub use serving::Serving;
