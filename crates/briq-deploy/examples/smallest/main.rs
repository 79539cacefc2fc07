//! The smallest program around this crate: a supervisor, and a server for it to look after.
//!
//! ```text
//! smallest supervise HOME NAME     look after the deployment (`Launch::supervisor` names this command line)
//! smallest serve …                 be its server, with the arguments that a supervisor adds
//! ```
//!
//! Its packages are text files, `HOME/packages/HEX`, that say what happens when they are loaded; its inference is to
//! answer every connection with the version and the process. The crate's tests play with it.

mod package;
mod server;

use std::env::{args, current_exe};
use std::error::Error;
use std::process::Command;

use briq_deploy::supervisor::{Options, Timing, run};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["supervise", home, name] => supervise(home, name),
        ["serve", ref rest @ ..] => server::serve(rest),
        _ => Err("usage: smallest supervise HOME NAME | smallest serve …".into()),
    }
}

fn supervise(home: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let program = current_exe()?;
    let server = move || {
        let mut command = Command::new(&program);
        command.arg("serve");
        command
    };
    let options =
        Options { home: home.into(), name: name.parse()?, server: Box::new(server), timing: Timing::default() };
    Ok(run(options)?)
}
