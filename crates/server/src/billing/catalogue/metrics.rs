//! `GET /v1/admin/billable-metrics`.

use farebox_api::List;
use farebox_store::billing::Metric;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn metrics(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let rows = desk.all::<Metric>(call).await?;
    let rows = rows.iter().filter(|row| !row.value.archived && page.after.is_none_or(|after| row.value.id < after));
    let data = rows.map(|row| view::metric(&row.value)).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&List::page(data, page.length(), |row| row.id))?)
}
