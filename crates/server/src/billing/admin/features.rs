//! `PUT /v1/admin/features/{code}`.

use farebox_api::{FeatureConfig, FeatureKind as ApiKind};
use farebox_engine::entitlement::FeatureKind;
use farebox_store::billing::{Feature, Metric, Row};
use farebox_types::{Plan, PublicId};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    code, upsert,
};

pub(in crate::billing) async fn put_feature(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let config: FeatureConfig = call.body()?;
    let code = code(call, &config.code)?;
    let present = desk.named::<Feature>(call.tenant, &format!("code:{code}")).await?;
    let wanted = wanted(desk, call, code, config, present.as_ref()).await?;
    upsert(desk, call, present, wanted, "feature_written").await
}

async fn wanted(
    desk: &Desk,
    call: &Call,
    code: String,
    config: FeatureConfig,
    present: Option<&Row<Feature>>,
) -> Result<Feature, Denial> {
    let kind = kind(config.kind);
    if present.is_some_and(|row| row.value.kind != kind) {
        return Err(Denial::member("/kind", "cannot change: customers may have it as it is"));
    }
    own(&config)?;
    if let Some(metric) = &config.billable_metric
        && desk.named::<Metric>(call.tenant, &format!("code:{metric}")).await?.is_none()
    {
        return Err(Denial::member("/billableMetric", "names no metric: write it first"));
    }
    Ok(Feature {
        id: present.map_or_else(Uuid::now_v7, |row| row.value.id),
        name: config.name.unwrap_or_else(|| code.clone()),
        code,
        kind,
        unit: config.unit,
        metric: config.billable_metric.map(|metric| metric.to_string()),
        credits_plan: credits_plan(desk, call, config.credits_plan.as_deref()).await?,
        archived: false,
    })
}

/// What can be said of a feature without knowing what else there is.
pub(super) fn own(config: &FeatureConfig) -> Result<(), Denial> {
    let counted = matches!(config.kind, ApiKind::Metered | ApiKind::Unlimited);
    if config.billable_metric.is_some() && !counted {
        return Err(Denial::member("/billableMetric", "belongs to what is counted: metered and unlimited features"));
    }
    if config.credits_plan.is_some() && config.kind != ApiKind::Metered {
        return Err(Denial::member("/creditsPlan", "belongs to metered features"));
    }
    Ok(())
}

/// A plan of the merchant's own in the credits API.
async fn credits_plan(desk: &Desk, call: &Call, text: Option<&str>) -> Result<Option<Uuid>, Denial> {
    let Some(text) = text else { return Ok(None) };
    let none = || Denial::member("/creditsPlan", "must be the id of a plan of this merchant in the credits API");
    let public: PublicId<Plan> = text.parse().map_err(|_| none())?;
    if public.tenant != call.tenant || desk.backend.plan(public).await?.is_none() {
        return Err(none());
    }
    Ok(Some(public.id.uuid()))
}

pub(super) const fn kind(kind: ApiKind) -> FeatureKind {
    match kind {
        ApiKind::Boolean => FeatureKind::Boolean,
        ApiKind::Numeric => FeatureKind::Numeric,
        ApiKind::Text => FeatureKind::Text,
        ApiKind::Metered => FeatureKind::Metered,
        ApiKind::Unlimited => FeatureKind::Unlimited,
    }
}
