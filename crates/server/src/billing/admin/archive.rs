//! `DELETE /v1/admin/…/{code}`: no longer sold; who has it keeps it. Repeating it is harmless.

use farebox_store::billing::{Entity, Feature, Metric, Plan, PlanStatus, Product, Put, Row};

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};

pub(in crate::billing) async fn archive_feature(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    archive(desk, call, "feature", |row: &Feature| Feature { archived: true, ..row.clone() }).await
}

pub(in crate::billing) async fn archive_product(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    archive(desk, call, "product", |row: &Product| Product { archived: true, ..row.clone() }).await
}

pub(in crate::billing) async fn archive_metric(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    archive(desk, call, "billable metric", |row: &Metric| Metric { archived: true, ..row.clone() }).await
}

pub(in crate::billing) async fn archive_plan(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    archive(desk, call, "plan", |row: &Plan| Plan { status: PlanStatus::Archived, ..row.clone() }).await
}

async fn archive<T: Entity + PartialEq>(
    desk: &Desk,
    call: &Call,
    what: &str,
    archived: impl Fn(&T) -> T,
) -> Result<Reply, Denial> {
    let row: Option<Row<T>> = desk.named(call.tenant, &format!("code:{}", call.segment("code"))).await?;
    let row = row.ok_or_else(|| Denial::not_found(what))?;
    let wanted = archived(&row.value);
    if wanted == row.value {
        return desk.remember_if_named(call, Reply::nothing()).await;
    }
    desk.write(call, vec![Put::update(&row.with(wanted), "archived")?], &Reply::nothing()).await
}
