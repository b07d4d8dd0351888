//! `PUT /v1/admin/plans/{code}`: every change is a new version; subscriptions keep theirs.

use farebox_api::{Changed, PlanConfig};
use farebox_engine::entitlement::Terms;
use farebox_store::billing::{Feature, Plan, PlanGrant, PlanStatus, Product, Put, Row};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    code,
    prices::prices,
    terms, unchanged,
};

/// Two years.
const LONGEST_TRIAL: u32 = 730;

pub(in crate::billing) async fn put_plan(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let config: PlanConfig = call.body()?;
    let code = code(call, &config.code)?;
    let present = desk.named::<Plan>(call.tenant, &format!("code:{code}")).await?;
    let wanted = wanted(desk, call, &config, present.as_ref()).await?;
    let Some(present) = present else {
        let reply = Reply::with(201, &Changed { id: wanted.id, changed: true })?;
        return desk.write(call, vec![Put::new(&wanted, "plan_written")?], &reply).await;
    };
    let (id, version) = (present.value.id, present.value.version);
    if (Plan { id, version, ..wanted.clone() }) == present.value {
        return desk.remember_if_named(call, unchanged(id)?).await;
    }
    let version = version.saturating_add(1);
    let newer = Plan { version, ..wanted };
    let reply = Reply::ok(&Changed { id: newer.id, changed: true })?;
    let older = present.with(Plan { newest: false, ..present.value.clone() });
    desk.write(call, vec![Put::update(&older, "plan_superseded")?, Put::new(&newer, "plan_written")?], &reply).await
}

async fn wanted(desk: &Desk, call: &Call, config: &PlanConfig, present: Option<&Row<Plan>>) -> Result<Plan, Denial> {
    named_and_tried(config)?;
    let trial_days = config.trial_period_days.unwrap_or(0);
    let old = present.map(|row| row.value.prices.as_slice()).unwrap_or_default();
    Ok(Plan {
        id: Uuid::now_v7(),
        code: config.code.to_string(),
        name: config.name.clone(),
        product: product(desk, call, config).await?,
        version: 1,
        newest: true,
        status: PlanStatus::Active,
        trial_days,
        trial_without_card: trial_days > 0,
        prices: prices(&config.prices, old)?,
        grants: grants(desk, call, config).await?,
        privileges: config.privileges.iter().map(ToString::to_string).collect(),
    })
}

/// What is a plan's alone.
pub(super) fn named_and_tried(config: &PlanConfig) -> Result<(), Denial> {
    if config.trial_period_days.is_some_and(|days| days > LONGEST_TRIAL) {
        return Err(Denial::member("/trialPeriodDays", "must be at most 730"));
    }
    if config.name.trim().is_empty() || config.name.len() > 255 {
        return Err(Denial::member("/name", "must have 1 to 255 characters"));
    }
    if config.features.len() > 200 {
        return Err(Denial::member("/features", "must be at most 200"));
    }
    Ok(())
}

async fn product(desk: &Desk, call: &Call, config: &PlanConfig) -> Result<Option<Uuid>, Denial> {
    let Some(code) = &config.product else { return Ok(None) };
    let row = desk.named::<Product>(call.tenant, &format!("code:{code}")).await?.filter(|row| !row.value.archived);
    let row = row.ok_or_else(|| Denial::member("/product", "names no product: write it first"))?;
    Ok(Some(row.value.id))
}

async fn grants(desk: &Desk, call: &Call, config: &PlanConfig) -> Result<Vec<PlanGrant>, Denial> {
    let features = desk.all::<Feature>(call).await?;
    let mut grants = Vec::with_capacity(config.features.len());
    for (code, grant) in &config.features {
        let place = format!("/features/{code}");
        let feature =
            features.iter().map(|row| &row.value).find(|feature| feature.code == code.as_str() && !feature.archived);
        let feature = feature.ok_or_else(|| Denial::member(&place, "names no feature: write it first"))?;
        let terms = terms(feature.kind, grant, &place)?;
        let includes = matches!(&terms, Terms::Metered(allowance) if !allowance.included.is_zero());
        if feature.credits_plan.is_some() && includes {
            let rule = "has no place to go: the feature's balance is credits, so give creditGrant";
            return Err(Denial::member(&format!("{place}/includedUsage"), rule));
        }
        grants.push(PlanGrant { feature: feature.id, feature_code: feature.code.clone(), terms });
    }
    Ok(grants)
}
