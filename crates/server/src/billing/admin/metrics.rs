//! `PUT /v1/admin/billable-metrics/{code}`.

use farebox_api::{Aggregation, MetricConfig};
use farebox_store::billing::Metric;
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    code, upsert,
};

pub(in crate::billing) async fn put_metric(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let config: MetricConfig = call.body()?;
    let code = code(call, &config.code)?;
    let aggregation = match config.aggregation.unwrap_or(Aggregation::Sum) {
        Aggregation::Sum => "sum",
        // Usage is kept as a balance, which adds up: the others would count otherwise than they say.
        _ => return Err(Denial::member("/aggregation", "must be sum: others are not kept as balances")),
    };
    let present = desk.named::<Metric>(call.tenant, &format!("code:{code}")).await?;
    let wanted = Metric {
        id: present.as_ref().map_or_else(Uuid::now_v7, |row| row.value.id),
        name: config.name.unwrap_or_else(|| code.clone()),
        code,
        aggregation: aggregation.to_owned(),
        filter: None,
        archived: false,
    };
    upsert(desk, call, present, wanted, "metric_written").await
}
