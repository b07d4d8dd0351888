//! The payments service of `farebox serve`, and the providers it may go through.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use farebox_providers::{
    Provider,
    sim::{Sim, remote::Remote},
    stripe::Stripe,
    toss::Toss,
};
use farebox_server::{
    Backend, new_inbound_secret,
    payments::{PaymentLimits, Payments, routes},
};
use farebox_store::{DatabaseUrl, Merchant};
use farebox_types::{Secret, SystemClock};

use crate::{
    args::{PaymentFlags, ProviderArg},
    config::Config,
    failure::failure,
};

/// How long a provider may take; less than what a call is left alone for.
const TIMEOUT: Duration = Duration::from_secs(12);

/// The service, and the simulated provider when it lives in this process.
pub(crate) struct Service {
    pub(crate) payments: Payments,
    sim: Option<Arc<Remote>>,
}

impl Service {
    /// The service as the flags want it; `None` while there is no merchant whose payments they could be.
    pub(crate) async fn open(
        config: &Config,
        flags: &PaymentFlags,
        backend: &Backend,
        url: &str,
    ) -> anyhow::Result<Option<Self>> {
        let merchants = backend.store().merchants().await?;
        let Some(home) = home(&merchants, flags)? else { return Ok(None) };
        let mut secrets = Vec::new();
        let (provider, sim) = provider(config, flags)?;
        if let Some(sim) = &sim {
            let secret = new_inbound_secret()?;
            sim.serve_pages_at(&format!("{url}/sim/pay"));
            sim.send_events_to(&format!("{url}/webhooks/sim"), secret.clone())?;
            secrets.push(secret);
        }
        let payments = Payments::new(backend.clone(), home.id, provider, secrets, PaymentLimits::default());
        Ok(Some(Self { payments, sim }))
    }

    /// Its routes, and the pay page of the simulated provider.
    pub(crate) fn routes(&self) -> Router {
        let routes = routes(self.payments.clone());
        match &self.sim {
            Some(sim) => routes.merge(pages(Arc::clone(sim))),
            None => routes,
        }
    }

    /// Works until `stop`, and lets the simulated provider tell what happens.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send, also: impl Future<Output = ()> + Send) {
        let working = farebox_server::payments::run(self.payments, stop);
        match self.sim {
            Some(sim) => _ = tokio::join!(working, sim.deliver(also)),
            None => working.await,
        }
    }
}

fn home<'a>(merchants: &'a [Merchant], flags: &PaymentFlags) -> anyhow::Result<Option<&'a Merchant>> {
    let Some(name) = &flags.payments_merchant else { return Ok(merchants.first()) };
    let found = merchants.iter().find(|merchant| merchant.name == *name);
    found.map(Some).ok_or_else(|| failure(format!("there is no merchant {name}"), "check --payments-merchant"))
}

type Chosen = (Arc<dyn Provider>, Option<Arc<Remote>>);

fn provider(config: &Config, flags: &PaymentFlags) -> anyhow::Result<Chosen> {
    let key = || {
        let given = flags.payment_api_key.clone().map(Secret::new);
        given.ok_or_else(|| failure("the provider needs our key", "set PAYMENT_API_KEY"))
    };
    Ok(match (flags.provider, &flags.sim_url) {
        (ProviderArg::Stripe, _) => {
            let url = flags.stripe_url.as_deref().unwrap_or(Stripe::BASE);
            (Arc::new(Stripe::new(url, &key()?, TIMEOUT)?), None)
        }
        (ProviderArg::Toss, _) => {
            let url = flags.toss_url.as_deref().unwrap_or(Toss::BASE);
            (Arc::new(Toss::new(url, &key()?, TIMEOUT)?), None)
        }
        (ProviderArg::Sim, Some(url)) => (Arc::new(Sim::remote(url, &key()?, TIMEOUT)?), None),
        (ProviderArg::Sim, None) => {
            let remote = Arc::new(match &config.database_url {
                DatabaseUrl::Sqlite(path) => {
                    let mut file = path.clone().into_os_string();
                    file.push(".sim.jsonl");
                    Remote::open(file.as_ref(), Arc::new(SystemClock))?
                }
                DatabaseUrl::Postgres(_) => Remote::in_memory(Arc::new(SystemClock)),
            });
            (Arc::new(Sim::embedded(Arc::clone(&remote), TIMEOUT)), Some(remote))
        }
    })
}

fn pages(sim: Arc<Remote>) -> Router {
    Router::new().route("/sim/pay/{id}", get(show).post(answer)).with_state(sim)
}

async fn show(State(sim): State<Arc<Remote>>, Path(id): Path<String>) -> Response {
    page(&sim, &id, None)
}

async fn answer(State(sim): State<Arc<Remote>>, Path(id): Path<String>, form: Bytes) -> Response {
    page(&sim, &id, Some(&form))
}

fn page(sim: &Remote, id: &str, form: Option<&[u8]>) -> Response {
    let page = sim.pay_page(id, form);
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    match page.location {
        Some(location) => (status, [(header::LOCATION, location)], html, page.html).into_response(),
        None => (status, html, page.html).into_response(),
    }
}
