//! `POST /v1/subscriptions/{id}/cancel`.

use farebox_api::Cancel;
use farebox_store::billing::Subscription;

use super::{
    super::{
        desk::{Desk, recalled},
        edge::{Call, Denial, Reply},
    },
    shown,
};

pub(in crate::billing) async fn cancel(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Cancel = call.body_if_any()?;
    for (pointer, text) in [("/reason", &body.reason), ("/feedback", &body.feedback)] {
        if text.as_ref().is_some_and(|text| text.len() > 4096) {
            return Err(Denial::member(pointer, "must be at most 4096 bytes"));
        }
    }
    let row = desk.find::<Subscription>(call, call.id("id", "subscription")?, "subscription").await?;
    let (said, at) = ((body.reason, body.feedback), row.created_at);
    let asked = (row.value.id, body.at_period_end);
    recalled(&desk.billing.cancel(&call.ask(), asked, said, |subscription| shown(subscription, at)).await?)
}
