//! `bench [ledger [callers] | billing [sqlite | postgres] | gate [chain] | relay [dry] | facilitator [peers] | payments]`: each benchmark beside its
//! ceiling, in one run. One JSON object a line on standard output.
//!
//! Read the ratios: absolute figures hold for one machine and one minute.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]
#![expect(clippy::float_arithmetic, reason = "figures and ratios, not money")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads its own environment and makes random keys")]

mod billing;
mod facilitator;
mod figure;
mod gate;
mod ledger;
mod payments;
mod process;
mod relay;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match words.as_slice() {
            [] => {
                ledger::run(&ledger::CALLERS).await?;
                billing::run(&billing::ENGINES).await?;
                gate::run().await?;
                relay::run(relay::FULL).await?;
            }
            ["ledger"] => ledger::run(&ledger::CALLERS).await?,
            ["ledger", callers] => ledger::run(&[callers.parse()?]).await?,
            ["billing"] => billing::run(&billing::ENGINES).await?,
            ["billing", engine] => billing::run(&[engine]).await?,
            ["gate"] => gate::run().await?,
            // On a chain alone, without the slow peers.
            ["gate", "chain"] => gate::on_chain(&gate::FAST_PEERS).await?,
            ["relay"] => relay::run(relay::FULL).await?,
            // Whether it works; its figures mean nothing.
            ["relay", "dry"] => relay::run(relay::DRY).await?,
            ["payments"] => payments::run().await?,
            ["facilitator"] => facilitator::run(true).await?,
            // The official facilitators alone.
            ["facilitator", "peers"] => facilitator::run(false).await?,
            // A subject of the gate or relay bench, in a process of its own so that its CPU time can be read.
            ["serve", subject, rest @ ..] if subject.starts_with("relay") => {
                relay::subject::serve(subject, rest).await?
            }
            ["serve", subject, rest @ ..] if subject.starts_with("billing") => {
                billing::subject::serve(subject, rest).await?
            }
            ["serve", subject, rest @ ..] => gate::subject::serve(subject, rest).await?,
            _ => {
                eprintln!(
                    "error: no such benchmark: {}; there are `ledger`, `billing`, `gate`, `relay`, `facilitator`, `payments`",
                    words.join(" ")
                );
                return Ok(ExitCode::from(2));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
