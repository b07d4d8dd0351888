//! `farebox relay`: the relay as a process of its own, for backends in any language.

mod headers;
mod jwt;
mod network;
mod setup;

use std::process::ExitCode;

use axum::{Router, routing::get};
use serde_json::json;
use tokio::sync::watch;

use super::serving::{listen, until_stopped};
use crate::{args::RelayArgs, config::Config, output::Output, telemetry::Telemetry};

pub(crate) use network::Network;

pub(crate) async fn run(
    config: &Config,
    args: &RelayArgs,
    telemetry: &Telemetry,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let relay = setup::relay(args)?;
    let listener = listen(config).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (prefix, identity) = (&args.prefix, setup::describe(args));
    let text = format!("farebox relay listens on {url}{prefix}\n  {identity}");
    output.answer(text, &json!({"listening": url, "prefix": prefix, "identity": identity}));

    let routes = Router::new().nest(prefix, relay.router()).route("/health", get(async || "ok"));
    let routes = telemetry.around(routes.fallback(farebox_relay::not_found));
    until_stopped(listener, routes, watch::channel(false).0, args.stop_with_stdin).await?;
    Ok(ExitCode::SUCCESS)
}
