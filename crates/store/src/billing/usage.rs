//! Using a feature: counted, or taken from a balance. These ride the ledger's batched lanes.

use std::sync::{Arc, Mutex, PoisonError};

use farebox_engine::{
    entitlement::{Answer, Balance, Counted, FeatureKind, Given, Properties, Reason, put_together},
    ledger::{AccountSpec, Actor, Command, Left, Leg, Operation, Outcome, Refusal, Telling, TransferId, Usage},
};
use farebox_types::{Id, Merchant, Quantity, Timestamp};
use uuid::Uuid;

use super::{
    Billing, BillingError, Feature, Holdings,
    check::Outlook,
    holdings::Stream,
    tally::{Charge, tally},
};
use crate::Decision;

/// One use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Who.
    pub customer: Uuid,
    /// What.
    pub feature_code: String,
    /// How much; what it means is the metric's to say.
    pub value: Quantity,
    /// It takes back what was used before.
    pub back: bool,
    /// What else is said, for metrics that look at it.
    pub properties: Properties,
    /// Names the use, for this customer and feature, for ever: the same again has no second effect.
    pub key: String,
    /// When, if not now. What occurred before the current window is counted in it all the same, as late.
    pub occurred_at: Option<Timestamp>,
}

/// What happens to a use that the balance does not suffice for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insufficient {
    /// It is recorded: it has happened. The balance goes below zero.
    Record,
    /// It is refused, and nothing is recorded.
    Reject,
}

/// A use that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What is left of the balance right after, in millionths; `None` for what has no balance. A replay says the same.
    pub balance: Option<i64>,
    /// It was recorded before.
    pub replayed: bool,
}

/// Puts a check's answer into the caller's words: they are kept with the use, and a repeat is told them again.
pub type Tell = Arc<dyn Fn(&Answer) -> String + Send + Sync>;

/// A use with what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether it was recorded.
    pub taken: bool,
    /// The check's answer right after it, in the words of [`Tell`]; a replay's are the first one's, to the letter.
    pub words: String,
    /// It was recorded before.
    pub replayed: bool,
}

/// A use, ready for the ledger.
pub(super) struct Prepared {
    pub(super) holdings: Holdings,
    pub(super) feature: Feature,
    pub(super) streams: Vec<Stream>,
    pub(super) given: Option<Given>,
    pub(super) renewals: Vec<Command>,
    pub(super) charge: Charge,
    usage: Usage,
    /// The first leg takes from a balance.
    pub(super) from_balance: bool,
}

impl Billing {
    /// Records a use.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Refused`] with [`Refusal::Insufficient`] where that is to be rejected;
    /// [`BillingError::Conflict`] if the key was used for another value; [`BillingError::Invalid`] for a feature that is not
    /// counted; a [`crate::Fault`], after which the same use may be sent again.
    pub async fn track(
        &self,
        tenant: Id<Merchant>,
        one: &Use,
        insufficient: Insufficient,
        actor: &Actor,
    ) -> Result<Recorded, BillingError> {
        let mut prepared = self.prepare(tenant, one, actor).await?;
        if insufficient == Insufficient::Reject {
            prepared.limit();
        }
        let from_balance = prepared.from_balance;
        let (balance, replayed) = self.post(prepared.renewals, prepared.charge).await?;
        Ok(Recorded { balance: from_balance.then_some(balance), replayed })
    }

    /// Records many uses, each for itself; answers in order.
    pub async fn track_many(
        &self,
        tenant: Id<Merchant>,
        uses: &[Use],
        actor: &Actor,
    ) -> Vec<Result<Recorded, BillingError>> {
        let tracked = uses.iter().map(|one| self.track(tenant, one, Insufficient::Record, actor));
        futures_util::future::join_all(tracked).await
    }

    /// Records a use and tells what it left, as [`Billing::track`].
    ///
    /// # Errors
    /// As [`Billing::track`].
    pub async fn track_telling(
        &self,
        tenant: Id<Merchant>,
        one: &Use,
        insufficient: Insufficient,
        (actor, tell): (&Actor, &Tell),
    ) -> Result<Told, BillingError> {
        let mut prepared = self.prepare(tenant, one, actor).await?;
        if insufficient == Insufficient::Reject {
            prepared.limit();
        }
        let tell = Arc::clone(tell);
        self.post_telling(&prepared, Arc::new(move |answer| tell(answer))).await
    }

    /// Checks and takes in one: all of it, or nothing.
    ///
    /// # Errors
    /// As [`Billing::track`]; that the balance does not suffice is no error but the answer.
    pub async fn consume(
        &self,
        tenant: Id<Merchant>,
        one: &Use,
        (actor, tell): (&Actor, &Tell),
    ) -> Result<Told, BillingError> {
        let mut prepared = self.prepare(tenant, one, actor).await?;
        let from_credits = prepared.feature.kind == FeatureKind::Metered;
        if prepared.given.is_none() && !from_credits {
            return self.refused(&prepared, one.value, tell).await;
        }
        prepared.limit();
        let taken = Arc::clone(tell);
        let taken: Tell = Arc::new(move |answer| taken(&Answer { allowed: true, reason: None, ..answer.clone() }));
        match self.post_telling(&prepared, taken).await {
            Err(BillingError::Refused(Refusal::Insufficient { .. })) => self.refused(&prepared, one.value, tell).await,
            told => told,
        }
    }

    async fn refused(&self, prepared: &Prepared, value: Quantity, tell: &Tell) -> Result<Told, BillingError> {
        let balance = self.balance(&prepared.holdings, &prepared.feature, &prepared.streams).await?;
        let mut answer = prepared.outlook().answer(balance, value);
        if answer.allowed {
            // Somebody gave something back between the refusal and this look: the refusal stands.
            (answer.allowed, answer.reason) = (false, Some(Reason::InsufficientBalance));
        }
        Ok(Told { taken: false, words: tell(&answer), replayed: false })
    }

    /// Posts; the words are written in the same commit. Who is first is told what was written, every other reads it there.
    async fn post_telling(&self, prepared: &Prepared, tell: Tell) -> Result<Told, BillingError> {
        let (outlook, said) = (prepared.outlook(), Arc::clone(&tell));
        let last: Arc<Mutex<Option<String>>> = Arc::default();
        let written = Arc::clone(&last);
        // A batch that lost a race is decided again: the last words are the ones that were committed.
        let telling = Telling::new(move |left| {
            let words = said(&outlook.answer(balance_of(left), Quantity::ZERO));
            *written.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.clone());
            words
        });
        let (tenant, id) = (prepared.holdings.tenant, prepared.charge.id());
        let charge = prepared.charge.clone().telling(Usage { telling: Some(telling), ..prepared.usage.clone() });
        let (_, replayed) = self.post(prepared.renewals.clone(), charge).await?;
        let fresh = last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(words) = fresh.filter(|_| !replayed) {
            return Ok(Told { taken: true, words, replayed });
        }
        let words = self.reads.told.ask((tenant, id)).await?;
        let words = match words {
            Some(words) => words,
            // It was recorded by a caller who did not want to be told.
            None => {
                let now = self.balance(&prepared.holdings, &prepared.feature, &prepared.streams).await?;
                tell(&prepared.outlook().answer(now, Quantity::ZERO))
            }
        };
        Ok(Told { taken: true, words, replayed })
    }

    pub(super) async fn prepare(
        &self,
        tenant: Id<Merchant>,
        one: &Use,
        actor: &Actor,
    ) -> Result<Prepared, BillingError> {
        let (feature, holdings) = self.standing_to_write(tenant, one.customer, &one.feature_code).await?;
        if !matches!(feature.kind, FeatureKind::Metered | FeatureKind::Unlimited) {
            return Err(BillingError::Invalid("the feature is not counted"));
        }
        let streams = holdings.streams(feature.id);
        let sources: Vec<_> = streams.iter().map(|stream| stream.source.clone()).collect();
        let given = put_together(&sources);
        let from_balance = !matches!(given, Some(Given::Unlimited)) && feature.kind == FeatureKind::Metered;
        let renewals = if feature.credits_plan.is_some() {
            Vec::new()
        } else {
            self.renewals(&holdings, feature.id, &streams, actor)
        };
        let key = format!("{}/{}/{}", one.customer, feature.id, one.key);
        let id = TransferId::derive(tenant, "usage", &key);
        let usage = usage(&holdings, &feature, &streams, one);
        let charge = match self.counted(tenant, &feature, one).await? {
            Counted::Adds(value) => {
                let legs = legs(&holdings, &feature, (usage.window_start, from_balance), value)?;
                let operation = Operation::new(id, legs, actor.clone());
                let operation = operation.map_err(|_| BillingError::Invalid("nothing is used"))?.telling(usage.clone());
                Charge::Post(Box::new(holdings.clock().map_or(operation.clone(), |clock| operation.at(clock))))
            }
            counted => {
                let lots = holdings.lots(feature.id, &streams);
                let balance = (&feature, from_balance, lots);
                Charge::Tally(Box::new(tally(&holdings, balance, (id, counted, one.value), (&usage, actor))?))
            }
        };
        Ok(Prepared { holdings, feature, streams, given, renewals, charge, usage, from_balance })
    }

    /// The commands that open what this process has not seen open.
    pub(super) fn renewals(
        &self,
        holdings: &Holdings,
        feature: Uuid,
        streams: &[Stream],
        actor: &Actor,
    ) -> Vec<Command> {
        let renewals = streams.iter().filter_map(|stream| holdings.renewal(feature, stream, actor));
        let unseen = renewals.filter(|renewal| renewal.windows.last().is_some_and(|last| !self.is_open(last.id)));
        unseen.map(Command::Renew).collect()
    }

    /// Opens windows, then posts: one batch of one lane. The balance right after, and whether it was posted before.
    async fn post(&self, renewals: Vec<Command>, charge: Charge) -> Result<(i64, bool), BillingError> {
        match charge {
            Charge::Post(operation) => self.post_operation(renewals, *operation).await,
            Charge::Tally(tally) => self.post_tally(renewals, tally).await,
        }
    }

    async fn post_operation(&self, renewals: Vec<Command>, operation: Operation) -> Result<(i64, bool), BillingError> {
        let (tenant, id) = (operation.tenant(), operation.id());
        let said = operation.legs().first().map(|leg| (leg.to().id, leg.amount()));
        match self.command(renewals, Command::Post(operation)).await? {
            Err(Refusal::Conflict) => {
                // The same use in another window, or under another plan, is the same use.
                let before = self.store.transfer(tenant, id).await?;
                let same = |row: &farebox_engine::ledger::Transfer| Some((row.to, row.settled)) == said;
                before.filter(same).map(|row| (row.balance, true)).ok_or(BillingError::Conflict)
            }
            answer => Ok(answer?),
        }
    }

    /// Opens windows, then has the command done.
    pub(super) async fn command(
        &self,
        renewals: Vec<Command>,
        command: Command,
    ) -> Result<Result<(i64, bool), Refusal>, BillingError> {
        let opens: Vec<TransferId> = renewals
            .iter()
            .filter_map(|command| match command {
                Command::Renew(renewal) => renewal.windows.last().map(|window| window.id),
                _ => None,
            })
            .collect();
        let commands = renewals.into_iter().chain(std::iter::once(command)).collect();
        let mut decisions: Vec<Decision> = self.store.execute(commands).await?;
        let posted = decisions.pop();
        match decisions.into_iter().find_map(Result::err) {
            None => self.remember_open(opens.into_iter()),
            // Each command is decided for itself: what was taken was taken, though its window could not be opened.
            Some(refusal) if matches!(posted, Some(Ok(_))) => {
                tracing::error!(%refusal, "a window was not opened: what it includes is not there");
            }
            Some(refusal) => return Err(refusal.into()),
        }
        match posted {
            Some(Ok(Outcome::Posted { balance, replayed, .. })) => Ok(Ok((balance, replayed))),
            Some(Err(refusal)) => Ok(Err(refusal)),
            _ => Err(BillingError::Invalid("the ledger answered something else")),
        }
    }
}

impl Prepared {
    /// Refuses what the overage policy does not cover.
    fn limit(&mut self) {
        if let Some(least) = self.least() {
            self.charge = self.charge.clone().keeping(least);
        }
    }

    /// The least that must stay.
    pub(super) fn least(&self) -> Option<i64> {
        match &self.given {
            _ if !self.from_balance => None,
            Some(Given::Metered(_, overage)) => overage.least(),
            _ => Some(0),
        }
    }

    fn outlook(&self) -> Outlook {
        Outlook::new(&self.holdings, &self.feature, &self.streams)
    }
}

/// What the event log keeps of a use.
fn usage(holdings: &Holdings, feature: &Feature, streams: &[Stream], one: &Use) -> Usage {
    let window_start = holdings.counted_in(streams).start;
    let occurred_at = one.occurred_at.unwrap_or(holdings.now);
    Usage {
        customer: one.customer,
        feature: feature.id,
        occurred_at,
        window_start,
        late: occurred_at < window_start,
        telling: None,
    }
}

const fn balance_of(left: &Left) -> Balance {
    Balance {
        available: left.available,
        held: left.held,
        usage: left.used,
        from_plans: left.from_plans,
        from_credits: left.from_credits,
    }
}

/// What is used leaves the balance, if there is one, and is counted on the window's meter.
pub(super) fn legs(
    holdings: &Holdings,
    feature: &Feature,
    (start, from_balance): (Timestamp, bool),
    value: Quantity,
) -> Result<Vec<Leg>, BillingError> {
    let (tenant, customer) = (holdings.tenant, holdings.customer.value.id);
    let bad = |_| BillingError::Invalid("nothing is used");
    let mut legs = Vec::with_capacity(2);
    if from_balance {
        legs.push(Leg::charge(holdings.account(feature)?, holdings.spent(feature), value).map_err(bad)?);
    }
    let meter = AccountSpec::meter(tenant, feature.id, customer, start);
    legs.push(Leg::charge(meter, AccountSpec::metering(tenant, feature.id), value).map_err(bad)?);
    Ok(legs)
}
