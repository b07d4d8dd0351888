//! `farebox facilitator`, and the facilitator inside `farebox serve`.

mod chains;
mod operator;
mod signers;

use std::{future::Future, process::ExitCode, sync::Arc};

use axum::Router;
use farebox_server::{
    Backend,
    facilitator::{Facilitating, FacilitatorOptions, KeyPolicy, RateLimit, router},
    worker,
};
use farebox_types::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::serving::{listen, told, until_stopped};
use crate::{
    args::FacilitatorArgs, config::Config, database, database::Missing, failure::failure, output::Output,
    telemetry::Telemetry,
};

pub(crate) async fn run(
    config: &Config,
    args: &FacilitatorArgs,
    telemetry: &Telemetry,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    if config.facilitator.chains.is_empty() {
        let help = "name one: --chain eip155:84532=RPC_URL, or [chains.\"eip155:84532\"] with rpc_url in farebox.toml";
        return Err(failure("there is no chain to settle on", help));
    }
    let listener = listen(config).await?;
    let (store, keyring) = database::open_current(config, Missing::Create).await?;
    let backend = Backend::new(Arc::clone(&store), Arc::new(SystemClock), keyring).posting_to(config.webhook_targets);
    let facilitator = Facilitator::open(config, &backend, output).await?;
    let (stop, stopping) = watch::channel(false);
    let working = tokio::spawn(worker::run(backend.clone(), told(stopping.clone())));
    let url = format!("http://{}", listener.local_addr()?);
    let text = format!(
        "farebox facilitator listens on {url}, its records in {}\n{}",
        config.database_url,
        facilitator.describe()
    );
    let mut object = facilitator.object();
    object["listening"] = json!(url);
    output.answer(text, &object);

    let routes = telemetry.around_numbered(facilitator.routes(backend));
    let settling = tokio::spawn(facilitator.run(told(stopping)));
    until_stopped(listener, routes, stop, args.stop_with_stdin).await?;
    working.await?;
    settling.await?;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// A facilitator that is ready to serve.
pub(super) struct Facilitator {
    facilitating: Facilitating,
    options: FacilitatorOptions,
    merchant: String,
}

impl Facilitator {
    /// Reads the keys, looks at the chains, and opens it. A node that is down keeps nobody from starting; one of another
    /// chain does.
    pub(super) async fn open(config: &Config, backend: &Backend, output: &Output) -> anyhow::Result<Self> {
        let settings = &config.facilitator;
        let chains = settings.chains.iter().map(chains::options).collect::<anyhow::Result<Vec<_>>>()?;
        chains::look(&chains, output).await?;
        let merchant = operator::find(&**backend.store(), settings).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let facilitating = Facilitating::new(Arc::clone(backend.store()), clock, merchant.id, chains);
        let facilitating = facilitating.map_err(|bad| failure(format!("{bad}"), "check --chain and [chains]"))?;
        let options = FacilitatorOptions {
            keys: if settings.require_api_key { KeyPolicy::Required } else { KeyPolicy::Open },
            rate_limit: settings.rate_limit.map(RateLimit::per_minute),
            behind_proxy: settings.behind_proxy,
        };
        Ok(Self { facilitating, options, merchant: merchant.name })
    }

    pub(super) fn facilitating(&self) -> Facilitating {
        self.facilitating.clone()
    }

    pub(super) fn routes(&self, backend: Backend) -> Router {
        router(self.facilitating.clone(), backend, self.options)
    }

    /// Finishes what is unfinished, until `shutdown` completes.
    pub(super) fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> + Send {
        self.facilitating.run(shutdown)
    }

    /// What it serves, for people.
    pub(super) fn describe(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (network, signers) in self.facilitating.supported().signers {
            lines.push(format!("  {network}: exact and upto, settled by {}", signers.join(", ")));
        }
        lines.push(match self.options.keys {
            KeyPolicy::Open => "  open to everybody; --require-api-key closes it".to_owned(),
            KeyPolicy::Required => {
                let merchant = &self.merchant;
                format!("  API keys: farebox token create --scope facilitator:verify --scope facilitator:settle --merchant '{merchant}'")
            }
        });
        lines.push(match self.options.rate_limit {
            Some(limit) => format!("  {} requests a minute for each caller", limit.requests),
            None => "  no rate limit; --rate-limit sets one".to_owned(),
        });
        lines.join("\n")
    }

    /// The same, for programs.
    pub(super) fn object(&self) -> Value {
        json!({
            "signers": self.facilitating.supported().signers,
            "merchant": self.merchant,
            "api_keys": if self.options.keys == KeyPolicy::Required { "required" } else { "open" },
            "rate_limit": self.options.rate_limit.map(|limit| limit.requests),
        })
    }
}
