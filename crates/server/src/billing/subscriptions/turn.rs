//! `POST /v1/subscriptions/{id}/uncancel`, `/pause` and `/resume`.

use farebox_api::Nothing;
use farebox_store::billing::Subscription;

use super::{
    super::{
        desk::{Desk, recalled},
        edge::{Call, Denial, Reply},
    },
    shown,
};

pub(in crate::billing) async fn uncancel(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let (id, at) = which(desk, call).await?;
    recalled(&desk.billing.uncancel(&call.ask(), id, |subscription| shown(subscription, at)).await?)
}

pub(in crate::billing) async fn pause(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let (id, at) = which(desk, call).await?;
    recalled(&desk.billing.pause(&call.ask(), id, |subscription| shown(subscription, at)).await?)
}

pub(in crate::billing) async fn resume(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let (id, at) = which(desk, call).await?;
    recalled(&desk.billing.resume(&call.ask(), id, |subscription| shown(subscription, at)).await?)
}

async fn which(desk: &Desk, call: &Call) -> Result<(uuid::Uuid, farebox_types::Timestamp), Denial> {
    let Nothing {} = call.body_if_any()?;
    let row = desk.find::<Subscription>(call, call.id("id", "subscription")?, "subscription").await?;
    Ok((row.value.id, row.created_at))
}
