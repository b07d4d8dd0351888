//! `GET /v1/webhook-endpoints` and `/{id}`.

use farebox_api::List;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        told::endpoint_view,
    },
    fields,
};

pub(in crate::billing) async fn list(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let rows = desk.store().webhook_endpoints(call.tenant).await?;
    let rows = rows.iter().rev().filter(|row| page.after.is_none_or(|after| row.id < after));
    Ok(Reply::ok(&List::page(rows.map(endpoint_view).collect(), page.length(), |endpoint| endpoint.id))?)
}

pub(in crate::billing) async fn get(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = fields::endpoint(desk, call).await?;
    Ok(Reply::ok(&endpoint_view(&row))?)
}
