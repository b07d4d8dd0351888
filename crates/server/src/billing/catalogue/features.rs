//! `GET /v1/admin/features`.

use farebox_api::List;
use farebox_store::billing::Feature;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn features(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let rows = desk.all::<Feature>(call).await?;
    let rows = rows.iter().filter(|row| !row.value.archived && page.after.is_none_or(|after| row.value.id < after));
    let data = rows.map(|row| view::feature(call.tenant, &row.value)).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&List::page(data, page.length(), |row| row.id))?)
}
