//! What the app itself knows of its customers: it learns it from the billing API's events.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use farebox::{
    types::Secret,
    webhook::{BadReceiver, Event, EventType, Receiver},
};
use serde::Deserialize;

/// Kept in memory here; a real app has a table.
#[derive(Clone, Default)]
pub(crate) struct Standings(Arc<Mutex<HashMap<String, Standing>>>);

/// How one customer stands.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Invoices that are paid. A set: an event that is handled twice counts once.
    pub(crate) paid: BTreeSet<String>,
    /// Subscriptions that have ended.
    pub(crate) ended: BTreeSet<String>,
}

/// An invoice or a subscription, as far as it matters here.
#[derive(Deserialize)]
struct Of {
    id: String,
    customer_id: String,
}

impl Standings {
    pub(crate) fn of(&self, customer: &str) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(customer).cloned().unwrap_or_default()
    }

    fn note(&self, event: &Event, what: fn(&mut Standing) -> &mut BTreeSet<String>) -> Result<(), serde_json::Error> {
        let of: Of = event.object()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        what(all.entry(of.customer_id).or_default()).insert(of.id);
        Ok(())
    }

    /// What `/webhooks/paylera` does. No login and no body parser before it: the signature is over the bytes as they came.
    pub(crate) fn receiver(&self, secret: Secret) -> Result<Receiver, BadReceiver> {
        let (invoices, subscriptions) = (self.clone(), self.clone());
        Receiver::builder([secret])
            .on(EventType::InvoicePaid, move |event: Event| {
                let invoices = invoices.clone();
                async move { invoices.note(&event, |standing| &mut standing.paid) }
            })
            .on(EventType::SubscriptionCanceled, move |event: Event| {
                let subscriptions = subscriptions.clone();
                async move { subscriptions.note(&event, |standing| &mut standing.ended) }
            })
            .build()
    }
}
