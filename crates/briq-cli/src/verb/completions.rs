//! `briq completions`: completions for a shell.

use clap::CommandFactory as _;

use crate::context::Context;

/// Print completions for a shell
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let mut command = crate::arguments::Arguments::command();
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "briq", &mut text);
    context.output.raw(String::from_utf8(text)?.trim_end())
}
