//! Posts what is due: many at once, of one endpoint only a few, so that a hanging one holds up no other.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use farebox_store::{DeliveryLease, Fault, Parcel};
use farebox_telemetry::server::DELIVER;
use tokio::{
    sync::Notify,
    task::{self, JoinSet},
    time::MissedTickBehavior,
};
use uuid::Uuid;

use super::{
    post::{Outcome, Poster},
    settle::settle,
};
use crate::{Backend, keys::endpoint_secrets};

/// Attempts under way in one process at most.
const MOST: usize = 256;
/// Of one endpoint. It gets as many again when they are done.
const EACH: u32 = 8;
/// Longer than an attempt and its record can take.
const LEASE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);

/// Posts deliveries until `shutdown` completes; what was begun is finished first. `wake`: there is something new.
pub(crate) async fn run(backend: Backend, wake: &Notify, shutdown: impl Future<Output = ()> + Send) {
    let poster = match Poster::new() {
        Ok(poster) => Arc::new(poster),
        Err(error) => return tracing::error!(error, "webhooks cannot be sent: TLS cannot be set up"),
    };
    let mut shutdown = pin!(shutdown);
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = UnderWay::default();
    loop {
        let mut more = tokio::select! {
            () = &mut shutdown => break,
            _ = beat.tick() => true,
            () = wake.notified() => true,
            Some(done) = under_way.tasks.join_next_with_id() => under_way.finished(done),
        };
        while let Some(done) = under_way.tasks.try_join_next_with_id() {
            more |= under_way.finished(done);
        }
        if more {
            let parcels = take(&backend, &under_way).await;
            under_way.begin(&backend, &poster, parcels);
        }
    }
    while under_way.tasks.join_next().await.is_some() {}
}

/// Attempts under way.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    /// Which endpoint each is for.
    endpoints: HashMap<task::Id, Uuid>,
    /// Endpoints that may have more: they gave all they may at a time.
    full: HashSet<Uuid>,
    /// There was no room for more.
    cut: bool,
}

impl UnderWay {
    fn room(&self) -> usize {
        MOST.saturating_sub(self.tasks.len())
    }

    fn begin(&mut self, backend: &Backend, poster: &Arc<Poster>, parcels: Vec<Parcel>) {
        self.cut = !parcels.is_empty() && parcels.len() >= self.room();
        let mut counts: HashMap<Uuid, u32> = HashMap::new();
        for parcel in parcels {
            let endpoint = parcel.endpoint.id;
            let count = counts.entry(endpoint).or_default();
            *count += 1;
            if *count >= EACH {
                self.full.insert(endpoint);
            }
            let task = self.tasks.spawn(deliver(backend.clone(), Arc::clone(poster), parcel));
            self.endpoints.insert(task.id(), endpoint);
        }
    }

    /// True if there may be something that waited for this.
    fn finished(&mut self, done: Result<(task::Id, ()), task::JoinError>) -> bool {
        let id = done.map_or_else(|error| error.id(), |(id, ())| id);
        let Some(endpoint) = self.endpoints.remove(&id) else { return false };
        let is_last = !self.endpoints.values().any(|other| *other == endpoint);
        self.cut || (is_last && self.full.remove(&endpoint))
    }
}

/// Takes what there is room for; an endpoint whose last ones are under way waits for them.
async fn take(backend: &Backend, under_way: &UnderWay) -> Vec<Parcel> {
    let limit = u32::try_from(under_way.room()).unwrap_or(u32::MAX);
    if limit == 0 {
        return Vec::new();
    }
    let now = backend.now();
    let busy = under_way.endpoints.values().copied().collect();
    let lease = DeliveryLease { now, until: now.after(LEASE), limit, each: EACH, busy };
    backend.store().lease_deliveries(&lease).await.unwrap_or_else(|fault| {
        tracing::warn!(error = %fault, "due webhooks could not be read, to be tried again");
        Vec::new()
    })
}

/// One attempt and its record. A process that dies between the two leaves the delivery to the next, which posts the same
/// event again.
#[tracing::instrument(name = DELIVER, skip_all)]
async fn deliver(backend: Backend, poster: Arc<Poster>, parcel: Parcel) {
    if let Err(fault) = attempt(&backend, &poster, &parcel).await {
        tracing::warn!(delivery = %parcel.id, error = %fault, "a webhook's end could not be written: it will be posted again");
    }
}

async fn attempt(backend: &Backend, poster: &Poster, parcel: &Parcel) -> Result<(), Fault> {
    let now = backend.now();
    let secrets = endpoint_secrets(backend.keyring(), &parcel.endpoint, now);
    let outcome = if secrets.is_empty() {
        tracing::error!(endpoint = %parcel.endpoint.id, "a webhook secret was sealed with another secret key");
        Outcome::failed("unsigned")
    } else {
        poster.post(parcel, backend.webhook_targets().reach(parcel.mode), &secrets, now).await
    };
    tracing::debug!(
        merchant = %parcel.endpoint.tenant,
        delivery = %parcel.id,
        status = outcome.status,
        failure = outcome.failure,
        "webhook posted"
    );
    settle(backend, parcel, outcome).await
}
