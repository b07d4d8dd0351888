//! `farebox completions`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::Cli;

pub(crate) fn run(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "farebox", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
