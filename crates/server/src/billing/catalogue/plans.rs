//! `GET /v1/plans?product_id=&status=` and `GET /v1/admin/plans`: the newest version of each.

use farebox_api::List;
use farebox_store::billing::{Plan, PlanStatus, Product, Row};
use uuid::Uuid;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Page, Reply},
    view,
};

/// What can be attached, unless another status is asked for.
pub(in crate::billing) async fn plans(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let status = match call.parameter("status") {
        None | Some("active") => PlanStatus::Active,
        Some("draft") => PlanStatus::Draft,
        Some("archived") => PlanStatus::Archived,
        Some(_) => return Err(Denial::parameter("status", "draft, active or archived")),
    };
    let product = call.parameter("product_id").map(Uuid::try_parse).transpose();
    let product = product.map_err(|_| Denial::parameter("product_id", "a UUID"))?;
    list(desk, call, |plan| plan.status == status && product.is_none_or(|id| plan.product == Some(id))).await
}

pub(in crate::billing) async fn all_plans(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    list(desk, call, |plan| plan.status != PlanStatus::Archived).await
}

/// Reads on until the page is full: versions that are not the newest, and plans not asked for, do not count.
async fn list(desk: &Desk, call: &Call, wanted: impl Fn(&Plan) -> bool) -> Result<Reply, Denial> {
    let page = call.page()?;
    let products = desk.all::<Product>(call).await?;
    let (mut kept, mut next): (Vec<Row<Plan>>, _) = (Vec::new(), page);
    while kept.len() <= page.length() {
        let rows = desk.rows::<Plan>(call, None, Page { limit: 100, ..next }).await?;
        let Some(last) = rows.last() else { break };
        next.after = Some(last.value.id);
        kept.extend(rows.into_iter().filter(|row| row.value.newest && wanted(&row.value)));
    }
    let data = kept.iter().map(|row| view::plan(&row.value, &products)).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&List::page(data, page.length(), |plan| plan.id))?)
}
