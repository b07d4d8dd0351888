//! `farebox`: the one binary.

mod args;
mod commands;
mod config;
mod database;
mod failure;
mod master_key;
mod output;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Output;
use telemetry::Telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json);
    // The one TLS provider of this process; there is no other to be in its way.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli, &output)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            output.failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli, output: &Output) -> anyhow::Result<ExitCode> {
    // Completions need no configuration, and must work when it is broken.
    if let Command::Completions { shell } = cli.command {
        return commands::completions::run(shell, output);
    }
    let config = config::load(&cli.global, &cli.command)?;
    let telemetry = if cli.command.serves() { Telemetry::start()? } else { Telemetry::none() };
    output::start_log(&config, telemetry.layer())?;
    let outcome = match cli.command {
        Command::Init(args) => commands::init::run(&config, &args, output).await,
        Command::Serve(args) => commands::serve::run(&config, &args, &telemetry, output).await,
        Command::Facilitator(args) => commands::facilitator::run(&config, &args, &telemetry, output).await,
        Command::Relay(args) => commands::relay::run(&config, &args, &telemetry, output).await,
        Command::Migrate => commands::migrate::run(&config, output).await,
        Command::Key(args) => commands::key::run(&config, &args, output).await,
        Command::Token(args) => commands::token::run(&config, &args, output).await,
        Command::Webhooks(args) => commands::webhooks::run(&config, &args, output).await,
        Command::Reconcile(args) => commands::reconcile::run(&config, &args, output).await,
        Command::Verify => commands::verify::run(&config, output).await,
        Command::Pay(args) => commands::pay::run(args, output).await,
        Command::Mcp(args) => commands::mcp::run(args, output).await,
        Command::SimProvider(args) => commands::sim_provider::run(args, output).await,
        Command::Plans(args) => commands::config::run(args, output).await,
        Command::Login(args) => commands::login::run(&args, output).await,
        Command::Logout(args) => commands::logout::run(&args, output).await,
        Command::Demo(args) => commands::demo::run(&args, output).await,
        Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    };
    telemetry.end().await;
    outcome
}
