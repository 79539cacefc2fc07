//! A verb that goes on until it is ended.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::Briq;

/// A server of ours that ends with the test.
#[derive(Debug)]
pub struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.0.id()
    }

    /// Starts a verb that serves, and gives the address that it says.
    ///
    /// # Panics
    /// When it cannot be started, or ends before it says where it serves.
    pub fn start(briq: &Briq, arguments: &[&str]) -> (Self, String) {
        let mut command = briq.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let address = stderr
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once(" on ")?.1.replace("http://", "")));
        (Self(child), address.expect("it says where it serves"))
    }
}
