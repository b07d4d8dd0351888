//! `farebox config`: what is sold, as a file that is planned, applied and pulled.

mod applied;
mod apply;
mod diff;
mod file;
mod minimal;
mod plan;
mod pull;
mod read;
mod remote;
mod show;
mod tree;
mod write;

use std::process::ExitCode;

use crate::{
    args::{PlansArgs, PlansCommand},
    output::Output,
};

pub(crate) async fn run(args: PlansArgs, output: &Output) -> anyhow::Result<ExitCode> {
    match args.command {
        PlansCommand::Plan(args) => plan::run(&args, output).await,
        PlansCommand::Apply(args) => apply::run(&args, output).await,
        PlansCommand::Pull(args) => pull::run(&args, output).await,
        PlansCommand::Schema => {
            output.raw(format!("{}\n", farebox_server::billing::config_schema()));
            Ok(ExitCode::SUCCESS)
        }
    }
}
