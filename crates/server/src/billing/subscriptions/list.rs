//! `GET /v1/customers/{id}/subscriptions`.

use farebox_api::List;
use farebox_store::billing::{Customer, Subscription};

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn list(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let customer = desk.find::<Customer>(call, call.id("id", "customer")?, "customer").await?;
    let rows = desk.rows::<Subscription>(call, Some(customer.value.id), page).await?;
    let data = rows.iter().map(|row| view::subscription(&row.value, row.created_at));
    let data = data.collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&List::page(data, page.length(), |subscription| subscription.id))?)
}
