//! `GET /v1/subscriptions/{id}`.

use farebox_store::billing::Subscription;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn get(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = desk.find::<Subscription>(call, call.id("id", "subscription")?, "subscription").await?;
    Ok(Reply::ok(&view::subscription(&row.value, row.created_at)?)?)
}
