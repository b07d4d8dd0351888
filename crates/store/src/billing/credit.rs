//! Credits and exceptions for one customer.

use farebox_engine::{
    entitlement::{FeatureKind, Terms},
    ledger::{AccountSpec, Actor, Command, Grant, Leg, Renewal, TransferId},
};
use farebox_types::{Id, Quantity, Timestamp};
use uuid::Uuid;

use super::{
    Ask, Billing, BillingError, Credit, Done, Feature, Holdings, Override, Plan, Put, Row, Subscription, ask::Decided,
};

/// Credits to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantCredit {
    /// The new credit.
    pub id: Uuid,
    /// To whom.
    pub customer: Uuid,
    /// Of what.
    pub feature_code: String,
    /// How much.
    pub amount: Quantity,
    /// Lower burns first, 0 to 999.
    pub priority: u16,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// An exception to be made, or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOverride {
    /// Its id, if there is none yet.
    pub id: Uuid,
    /// For whom.
    pub customer: Uuid,
    /// Of what.
    pub feature_code: String,
    /// What is given instead.
    pub terms: Terms,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

impl Billing {
    /// Grants credits: they burn after what plans include, by priority, then by what expires first.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] unless the feature has a balance; [`BillingError::Refused`] for
    /// too many or too much.
    pub async fn credit(
        &self,
        ask: &Ask,
        wanted: &GrantCredit,
        answer: impl Fn(&Credit) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let feature = self.feature(ask.tenant, &wanted.feature_code).await?.value;
            if feature.kind != FeatureKind::Metered {
                return Err(BillingError::Invalid("the feature has no balance"));
            }
            let holdings = self.holdings(ask.tenant, wanted.customer).await?;
            let credit = Credit {
                id: wanted.id,
                customer: wanted.customer,
                feature: feature.id,
                amount: wanted.amount,
                priority: i16::try_from(wanted.priority.min(999)).unwrap_or_default(),
                expires_at: wanted.expires_at,
            };
            let id = TransferId::derive(ask.tenant, "credit", &credit.id.to_string());
            let grant = grant(&holdings, &feature, (id, &credit), &ask.actor)?;
            let puts = vec![Put::new(&credit, "credit_granted")?];
            Ok((Decided { puts, commands: vec![grant], answer: answer(&credit) }, holdings.now))
        })
        .await
    }

    /// Makes an exception: while it is in force it takes the place of what plans give. What plans included of a balance
    /// ends now; what was used of it in this window counts against the exception.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] if the terms are not of the feature's kind.
    pub async fn set_override(
        &self,
        ask: &Ask,
        wanted: &SetOverride,
        answer: impl Fn(&Override) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let feature = self.feature(ask.tenant, &wanted.feature_code).await?.value;
            if feature.credits_plan.is_some() && includes(&wanted.terms) {
                return Err(BillingError::Invalid("the feature's balance is credits: grant credits instead"));
            }
            if !wanted.terms.fits(feature.kind) {
                return Err(BillingError::Invalid("the terms are not of the feature's kind"));
            }
            let mut holdings = self.holdings_to_write(ask.tenant, wanted.customer).await?;
            let before = holdings.overrides.iter().find(|row| row.value.feature == feature.id).cloned();
            let row = overridden(&holdings, &feature, before.as_ref(), wanted);
            let put = match &before {
                Some(before) => Put::update(&before.with(row.clone()), "override_set")?,
                None => Put::new(&row, "override_set")?,
            };
            let commands = switch(&mut holdings, &feature, &row, &ask.actor);
            Ok((Decided { puts: vec![put], commands, answer: answer(&row) }, holdings.now))
        })
        .await
    }
}

/// Whether something is included in each window.
const fn includes(terms: &Terms) -> bool {
    matches!(terms, Terms::Metered(allowance) if !allowance.included.is_zero())
}

fn overridden(
    holdings: &Holdings,
    feature: &Feature,
    before: Option<&Row<Override>>,
    wanted: &SetOverride,
) -> Override {
    Override {
        id: before.map_or(wanted.id, |row| row.value.id),
        customer: wanted.customer,
        feature: feature.id,
        terms: wanted.terms.clone(),
        since: holdings.now,
        expires_at: wanted.expires_at,
        generation: before.map_or(0, |row| row.value.generation + 1),
    }
}

/// Ends what gave of the feature before, and opens the exception's first window in its place.
fn switch(holdings: &mut Holdings, feature: &Feature, row: &Override, actor: &Actor) -> Vec<Command> {
    let before = holdings.streams(feature.id);
    let (start, customer) = (holdings.counted_in(&before).start, holdings.customer.value.id);
    let meter = AccountSpec::meter(holdings.tenant, feature.id, customer, start);
    let closes = holdings.lots(feature.id, &before);
    let ended = holdings.closing(feature.id, &before, actor);
    let now = holdings.now;
    holdings.overrides.retain(|other| other.value.feature != feature.id);
    holdings.overrides.push(Row { value: row.clone(), revision: 0, created_at: now, updated_at: now });
    let renewals = holdings.streams(feature.id);
    let renewal = renewals.first().and_then(|stream| holdings.renewal(feature.id, stream, actor));
    let opened = renewal.map(|renewal| Renewal { closes, used: Some(meter), ..renewal });
    opened.or(ended).map(Command::Renew).into_iter().collect()
}

fn grant(
    holdings: &Holdings,
    feature: &Feature,
    (id, credit): (TransferId, &Credit),
    actor: &Actor,
) -> Result<Command, BillingError> {
    let from = match feature.credits_plan {
        Some(plan) => AccountSpec::issuer(holdings.tenant, Id::from_uuid(plan)),
        None => AccountSpec::granter(holdings.tenant, feature.id),
    };
    let leg = Leg::grant(from, holdings.account(feature)?, credit.amount);
    Ok(Command::Grant(Grant {
        id,
        leg: leg.map_err(|_| BillingError::Invalid("nothing is granted"))?,
        priority: credit.priority,
        expires_at: credit.expires_at,
        clock: holdings.clock(),
        actor: actor.clone(),
    }))
}

/// What a plan gives in credits with each period: features, with how much of each.
pub(super) fn in_credits(plan: &Plan, quantity: u32) -> Vec<(Uuid, Quantity)> {
    let granted = plan.grants.iter().filter_map(|grant| {
        let Terms::Metered(allowance) = &grant.terms else { return None };
        let amount = allowance.credit?.micros().checked_mul(i64::from(quantity)).and_then(Quantity::from_micros)?;
        Some((grant.feature, amount))
    });
    granted.collect()
}

/// The credits that a plan gives with the subscription's current period; they end with it. They go where the feature's
/// balance is: into the customer's own, or into the credits of the credits API that a gate spends too.
pub(super) fn of_period(
    holdings: &Holdings,
    subscription: &Subscription,
    (plan, feature, amount): (Uuid, &Feature, Quantity),
    actor: &Actor,
) -> Result<Command, BillingError> {
    let (start, end) = (subscription.term.period_start, subscription.term.period_end);
    let key = format!("{}/{plan}/{}/{}", subscription.id, feature.id, start.micros());
    let id = TransferId::derive(holdings.tenant, "period_credit", &key);
    let credit = Credit {
        id: id.uuid(),
        customer: subscription.customer,
        feature: feature.id,
        amount,
        priority: 0,
        expires_at: Some(end),
    };
    grant(holdings, feature, (id, &credit), actor)
}
