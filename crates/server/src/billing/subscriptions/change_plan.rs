//! `POST /v1/subscriptions/{id}/change-plan`.

use farebox_api::{BillingCycleAnchor, ChangePlan, ProblemCode, ProrationBehavior};
use farebox_engine::subscription::Collection;
use farebox_store::billing::{Begins, ChangePlan as Wanted, Plan, Subscription};

use super::{
    super::{
        desk::{Desk, recalled},
        edge::{Call, Denial, Reply},
    },
    shown,
};

pub(in crate::billing) async fn change_plan(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: ChangePlan = call.body()?;
    if call.parameter("preview").is_some_and(|preview| preview != "false") {
        return Err(Denial::parameter("preview", "absent: no invoices are made yet, so there is none to show"));
    }
    let row = desk.find::<Subscription>(call, call.id("id", "subscription")?, "subscription").await?;
    let plan = desk.find::<Plan>(call, body.new_plan_id, "plan").await?.value;
    let collection = row.value.term.collection;
    // Nothing is charged here yet: to something that costs, only who pays already may change.
    if !plan.is_free() && collection != Collection::OnFile {
        let detail = "this plan is paid for and no payment method is on file: attach it, which opens a checkout";
        return Err(Denial::new(ProblemCode::InvalidState, detail));
    }
    let begins = match (body.proration_behavior, body.billing_cycle_anchor) {
        (Some(ProrationBehavior::NextPeriod), _) => Begins::NextPeriod,
        (Some(ProrationBehavior::FullImmediately), _) | (_, Some(BillingCycleAnchor::Now)) => Begins::NewPeriod,
        _ => Begins::Now,
    };
    let wanted = Wanted { subscription: row.value.id, plan: plan.id, begins, collection };
    let at = row.created_at;
    recalled(&desk.billing.change_plan(&call.ask(), wanted, |subscription| shown(subscription, at)).await?)
}
