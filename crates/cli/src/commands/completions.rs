//! `farebox completions`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::{args::Cli, output::Output};

pub(crate) fn run(shell: clap_complete::Shell, output: &Output) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "farebox", &mut script);
    output.raw(&script);
    Ok(ExitCode::SUCCESS)
}
