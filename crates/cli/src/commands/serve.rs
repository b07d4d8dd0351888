//! `farebox serve`.

use std::{process::ExitCode, sync::Arc};

use axum::Router;
use farebox_server::{
    Backend,
    billing::{self, BillingSettings},
    router, worker,
};
use farebox_types::SystemClock;
use serde_json::json;
use tokio::sync::watch;

use super::{
    facilitator::Facilitator,
    page_script::page_script,
    payments::Service,
    serving::{listen, told, until_stopped},
};
use crate::{args::ServeArgs, config::Config, database, database::Missing, output::Output, telemetry::Telemetry};

pub(crate) async fn run(
    config: &Config,
    args: &ServeArgs,
    telemetry: &Telemetry,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let listener = listen(config).await?;
    let (store, keyring) = database::open_current(config, Missing::Create).await?;
    let mut backend =
        Backend::new(Arc::clone(&store), Arc::new(SystemClock), keyring).posting_to(config.webhook_targets);
    let facilitator = match config.facilitator.chains.is_empty() {
        true => None,
        false => Some(Facilitator::open(config, &backend, output).await?),
    };
    if let Some(facilitator) = &facilitator {
        backend = backend.paid_through(facilitator.facilitating());
    }
    let (stop, stopping) = watch::channel(false);
    let working = tokio::spawn(worker::run(backend.clone(), told(stopping.clone())));
    let url = format!("http://{}", listener.local_addr()?);
    let mut text = format!("farebox listens on {url}, its ledger in {}", config.database_url);
    let mut object = json!({"listening": url});
    let service = Service::open(config, &args.payments, &backend, &url, false).await?;
    let settings = config.billing.clone();
    let settings = BillingSettings {
        public_url: settings.public_url.or_else(|| Some(url.clone())),
        payments: service.as_ref().map(|service| service.payments.clone()),
        script: page_script(&args.payments)?,
        ..settings
    };
    let mut routes: Router = router(backend.clone()).merge(billing::router(backend.clone(), settings));
    let mut paying = None;
    if let Some(service) = service {
        routes = routes.merge(service.routes());
        text.push_str(&format!("\npayments at {url}/payments"));
        object["payments"] = json!(format!("{url}/payments"));
        paying = Some(tokio::spawn(service.run(told(stopping.clone()), told(stopping.clone()))));
    }
    let mut settling = None;
    if let Some(facilitator) = facilitator {
        text.push_str(&format!("\nfacilitator at {url}/facilitator\n{}", facilitator.describe()));
        object["facilitator"] = facilitator.object();
        routes = routes.nest("/facilitator", facilitator.routes(backend));
        settling = Some(tokio::spawn(facilitator.run(told(stopping))));
    }
    output.answer(text, &object);

    until_stopped(listener, telemetry.around(routes), stop, args.stop_with_stdin).await?;
    working.await?;
    if let Some(paying) = paying {
        paying.await?;
    }
    if let Some(settling) = settling {
        settling.await?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
