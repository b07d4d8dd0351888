//! Webhooks, one after the other, again until they are taken.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use farebox_types::{Secret, Timestamp};

use super::{Remote, journal::Line};
use crate::{
    signature::sign,
    sim::{types::SimEvent, webhook::SIGNATURE},
    wire::{BadBaseUrl, Call, Wire},
};

/// An endpoint that takes longer has not taken the event.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after each failed delivery the next is tried; after the last, never.
const AGAIN_MICROS: [i64; 5] = [1_000_000, 4_000_000, 15_000_000, 60_000_000, 300_000_000];
/// How often due times are looked at while nothing else happens.
const LOOK: Duration = Duration::from_millis(50);

/// Where events go.
#[derive(Clone)]
pub(super) struct Endpoint {
    wire: Wire,
    secret: Secret,
}

impl Remote {
    /// Registers the one webhook endpoint; events from now on go there, signed with `secret`.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn send_events_to(&self, url: &str, secret: Secret) -> Result<(), BadBaseUrl> {
        let endpoint = Endpoint { wire: Wire::new("sim", url, None, PATIENCE)?, secret };
        *self.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        Ok(())
    }

    /// Delivers webhooks until `stop`.
    pub async fn deliver(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut tries = HashMap::new();
        loop {
            let working = async {
                while self.deliver_next(&mut tries).await {}
                tokio::select! {
                    () = self.woken.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = working => {}
            }
        }
    }

    /// Delivers the event that is due first; false if none is.
    async fn deliver_next(&self, tries: &mut HashMap<String, usize>) -> bool {
        let endpoint = self.endpoint.read().unwrap_or_else(PoisonError::into_inner).clone();
        let now = self.clock.now();
        let (Some(endpoint), Some(event)) = (endpoint, self.first_due(now)) else { return false };
        let taken = endpoint.post(&event, now).await;
        let mut lines = vec![Line::Delivered { event: event.id.clone() }];
        if taken {
            tries.remove(&event.id);
        } else {
            let tried = tries.entry(event.id.clone()).or_insert(0);
            let again = AGAIN_MICROS.get(*tried).map(|wait| now.micros().saturating_add(*wait));
            *tried = tried.saturating_add(1);
            lines.extend(again.map(|at| Line::Event { event, due: vec![at] }));
        }
        let mut inner = self.locked(now);
        inner.keep(lines).is_ok()
    }

    fn first_due(&self, now: Timestamp) -> Option<SimEvent> {
        let inner = self.locked(now);
        let (_, id) = inner.book.deliveries.range(..=(now.micros(), u64::MAX)).next()?;
        inner.book.events.get(id).cloned()
    }
}

impl Endpoint {
    async fn post(&self, event: &SimEvent, now: Timestamp) -> bool {
        let Ok(body) = serde_json::to_vec(event) else { return false };
        let signature = sign(&self.secret, now.seconds(), &body);
        let call = Call::post("", "application/json", body).with(SIGNATURE, signature);
        match self.wire.send(call).await {
            Ok(reply) => (200..300).contains(&reply.status),
            Err(broken) => {
                tracing::debug!("a webhook was not taken: {}", broken.fault());
                false
            }
        }
    }
}
