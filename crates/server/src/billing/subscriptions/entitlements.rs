//! `GET /v1/subscriptions/{id}/entitlements`: what its plan and add-ons give, as it stands for the customer.

use std::collections::BTreeSet;

use farebox_api::{Entitlements, Privilege};
use farebox_store::billing::{Feature, Subscription};
use farebox_types::Quantity;
use uuid::Uuid;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

pub(in crate::billing) async fn entitlements(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = desk.find::<Subscription>(call, call.id("id", "subscription")?, "subscription").await?;
    let subscription = row.value;
    let holdings = desk.billing.holdings(call.tenant, subscription.customer).await?;
    let added = subscription.add_ons.iter().map(|add_on| add_on.plan);
    let plans: Vec<_> = std::iter::once(subscription.plan).chain(added).filter_map(|id| holdings.plan(id)).collect();
    let ids: BTreeSet<(&str, Uuid)> =
        plans.iter().flat_map(|plan| &plan.grants).map(|grant| (grant.feature_code.as_str(), grant.feature)).collect();
    let mut features = Vec::with_capacity(ids.len());
    for (_, id) in ids {
        let feature = desk.find::<Feature>(call, id, "feature").await?.value;
        let answer = desk.billing.answer(&holdings, &feature, Quantity::ZERO).await?;
        features.push(view::entitlement(subscription.customer, &answer)?);
    }
    let privileges: BTreeSet<&String> = match holdings.is_entitled(&subscription) {
        true => plans.iter().flat_map(|plan| &plan.privileges).collect(),
        false => BTreeSet::new(),
    };
    let privileges = privileges.into_iter().map(|code| Ok(Privilege { code: view::word(code)? }));
    let privileges = privileges.collect::<Result<_, farebox_store::Fault>>()?;
    Ok(Reply::ok(&Entitlements { subscription_id: subscription.id, features, privileges })?)
}
