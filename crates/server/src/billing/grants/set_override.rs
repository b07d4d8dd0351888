//! `PUT /v1/overrides`: one for each customer and feature.

use farebox_api::{GrantConfig, NewOverride, Override, Time};
use farebox_engine::entitlement::Terms;
use farebox_store::{
    Fault,
    billing::{Override as Row, SetOverride},
};
use farebox_types::Timestamp;
use uuid::Uuid;

use super::super::{
    admin,
    desk::{Desk, recalled},
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn set_override(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: NewOverride = call.body()?;
    let feature = desk.feature(call, &body.feature_code).await?.value;
    let now = desk.now(call.tenant).await?;
    let expires_at = body.expires_at.map(Time::timestamp);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Denial::member("/expires_at", "must be in the future"));
    }
    let grant = GrantConfig {
        value: body.value,
        included_usage: body.included_usage,
        usage_cycle: body.usage_cycle,
        overage: body.overage,
        ..GrantConfig::default()
    };
    let wanted = SetOverride {
        id: Uuid::now_v7(),
        customer: body.customer_id,
        feature_code: feature.code.clone(),
        terms: admin::terms(feature.kind, &grant, "")?,
        expires_at,
    };
    let answer = |row: &Row| shown(row, &feature.code, now).map(|reply| reply.stored()).unwrap_or_default();
    recalled(&desk.billing.set_override(&call.ask(), &wanted, answer).await?)
}

fn shown(row: &Row, code: &str, now: Timestamp) -> Result<Reply, Fault> {
    let given = view::given_by(code, &row.terms)?;
    let metered = matches!(row.terms, Terms::Metered(_));
    Reply::ok(&Override {
        id: row.id,
        customer_id: row.customer,
        feature_code: given.feature_code,
        value: given.value,
        included_usage: given.included_usage,
        usage_cycle: given.usage_cycle.filter(|_| metered),
        overage: given.overage,
        expires_at: row.expires_at.map(Time::from),
        created_at: now.into(),
    })
}
