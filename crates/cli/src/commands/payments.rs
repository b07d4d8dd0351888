//! The payments service of `farebox serve`, and the providers it may go through.

use std::{future::Future, io::ErrorKind, path::PathBuf, sync::Arc, time::Duration};

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
use farebox_types::{Mode, Secret, SystemClock};

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
    /// The service as the flags want it; `None` while there is no merchant whose payments they could be, or when the simulated
    /// provider lives in another process. `reading`: nothing is paid here.
    pub(crate) async fn open(
        config: &Config,
        flags: &PaymentFlags,
        backend: &Backend,
        url: &str,
        reading: bool,
    ) -> anyhow::Result<Option<Self>> {
        let merchants = backend.store().merchants().await?;
        let Some(home) = home(&merchants, flags)? else { return Ok(None) };
        let mut secrets = Vec::new();
        let test = merchants.iter().any(|merchant| merchant.mode == Mode::Test);
        let Some((provider, sim)) = provider(flags, memory(config, flags, test, reading))? else { return Ok(None) };
        if let Some(sim) = sim.as_ref().filter(|_| !reading) {
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

/// Where a simulated provider in this process remembers.
enum Memory {
    /// Its own, gone with it: there is nobody to pay.
    None,
    /// This file, which no other process writes.
    Own(PathBuf),
    /// As another process has left it, or is writing it, there.
    Of(PathBuf),
}

/// Beside the database; for one that is no file, in the folder where the process runs.
fn memory(config: &Config, flags: &PaymentFlags, test: bool, reading: bool) -> Memory {
    let file = flags.sim_journal.clone().unwrap_or_else(|| match &config.database_url {
        DatabaseUrl::Sqlite(path) => {
            let mut file = path.clone().into_os_string();
            file.push(".sim.jsonl");
            file.into()
        }
        DatabaseUrl::Postgres(_) => {
            let url = config.database_url.to_string();
            let name = url.rsplit('/').next().unwrap_or_default();
            let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            format!("farebox-{}.sim.jsonl", name.chars().filter(plain).collect::<String>()).into()
        }
    });
    match (reading, test) {
        (true, _) => Memory::Of(file),
        (false, true) => Memory::Own(file),
        (false, false) => Memory::None,
    }
}

/// The simulated provider in this process; `None` if it is in another one already.
fn embedded(memory: Memory) -> anyhow::Result<Option<Remote>> {
    let clock = Arc::new(SystemClock);
    let (file, opened) = match memory {
        Memory::None => return Ok(Some(Remote::in_memory(clock))),
        Memory::Of(file) => (file.clone(), Remote::peek(&file, clock)),
        Memory::Own(file) => (file.clone(), Remote::open(&file, clock)),
    };
    match opened {
        Ok(remote) => Ok(Some(remote)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            tracing::warn!(
                "no payments here: the simulated provider is in another process, which has {}; several processes share one \
                 with `farebox sim-provider` and --sim-url",
                file.display()
            );
            Ok(None)
        }
        Err(error) => Err(failure(
            format!("the simulated provider cannot remember in {}: {error}", file.display()),
            "name a file that can be written with --sim-journal, or choose another --provider",
        )),
    }
}

fn provider(flags: &PaymentFlags, memory: Memory) -> anyhow::Result<Option<Chosen>> {
    let key = || {
        let given = flags.payment_api_key.clone().map(Secret::new);
        given.ok_or_else(|| failure("the provider needs our key", "set PAYMENT_API_KEY"))
    };
    let chosen: Chosen = match (flags.provider, &flags.sim_url) {
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
            let Some(remote) = embedded(memory)?.map(Arc::new) else { return Ok(None) };
            (Arc::new(Sim::embedded(Arc::clone(&remote), TIMEOUT)), Some(remote))
        }
    };
    Ok(Some(chosen))
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
