//! Uses that are not simply added: corrections, and what a metric counts otherwise than by its sum.

use std::collections::BTreeSet;

use farebox_engine::{
    entitlement::{Counted, Counting},
    ledger::{
        AccountSpec, Actor, Command, Operation, Refusal, Slice, Tally, Transfer, TransferId, Unwinding, Usage,
        UsageEvent, Way,
    },
};
use farebox_types::{Id, Lot, Merchant, Quantity};

use super::{AccountsAt, Billing, BillingError, EventCursor, Feature, Holdings, Metric, Use};
use crate::Fault;

/// Tries of a correction whose uses others have taken back meanwhile.
const TRIES: u32 = 16;
/// Events are looked through so many at once.
const PAGE: u32 = 128;
/// So many uses are taken back at once.
const MOST: usize = 4_096;

/// What a use is to the ledger.
#[derive(Debug, Clone)]
pub(super) enum Charge {
    /// It is added.
    Post(Box<Operation>),
    /// It is counted some other way.
    Tally(Box<Tally>),
}

impl Charge {
    pub(super) const fn id(&self) -> TransferId {
        match self {
            Self::Post(operation) => operation.id(),
            Self::Tally(tally) => tally.id,
        }
    }

    pub(super) fn telling(self, usage: Usage) -> Self {
        match self {
            Self::Post(operation) => Self::Post(Box::new(operation.telling(usage))),
            Self::Tally(mut tally) => {
                tally.usage = usage;
                Self::Tally(tally)
            }
        }
    }

    pub(super) fn keeping(self, least: i64) -> Self {
        match self {
            Self::Post(operation) => Self::Post(Box::new(operation.keeping(least))),
            Self::Tally(mut tally) => {
                tally.keeps = Some(least);
                Self::Tally(tally)
            }
        }
    }
}

impl Billing {
    /// How a feature's events are counted.
    pub(super) async fn counting(&self, tenant: Id<Merchant>, feature: &Feature) -> Result<Counting, BillingError> {
        let Some(code) = &feature.metric else { return Ok(Counting::SUM) };
        let turn = self.turn_to_read().await?;
        let metric = self.named::<Metric>(tenant, &format!("code:{code}")).await?;
        drop(turn);
        // A metric is archived, never removed.
        metric.map(|row| row.value.counting).ok_or(BillingError::NotFound(super::Kind::Metric))
    }

    /// What an event means for a feature.
    pub(super) async fn counted(
        &self,
        tenant: Id<Merchant>,
        feature: &Feature,
        one: &Use,
    ) -> Result<Counted, BillingError> {
        let counting = self.counting(tenant, feature).await?;
        Ok(counting.read((one.value, one.back), &one.properties)?)
    }

    /// Has the tally done. What it takes back from is looked up first, and again if others were faster.
    pub(super) async fn post_tally(
        &self,
        renewals: Vec<Command>,
        mut tally: Box<Tally>,
    ) -> Result<(i64, bool), BillingError> {
        for _ in 0..TRIES {
            let less = self.to_take_back(&tally).await?;
            if less > 0 {
                tally.unwinding = self.unwinding(&tally, less).await?;
            }
            match self.command(renewals.clone(), Command::Tally(tally.clone())).await? {
                Err(Refusal::Moved) => {}
                Err(Refusal::Conflict) => return Err(BillingError::Conflict),
                answer => return Ok(answer?),
            }
        }
        Err(BillingError::Busy)
    }

    /// How much less will be used, as it looks now.
    async fn to_take_back(&self, tally: &Tally) -> Result<i64, Fault> {
        match tally.way {
            Way::Back => Ok(tally.value.micros()),
            Way::Latest => {
                let at = tally.clock.unwrap_or_else(|| self.machine_time());
                let meter = self.reads.accounts.ask(AccountsAt { specs: vec![tally.meter.clone()], at }).await?.pop();
                let used = meter.map_or(0, |meter| meter.posted.saturating_neg());
                Ok(used.saturating_sub(tally.value.micros()))
            }
            Way::Highest | Way::First(_) | Way::Nothing => Ok(0),
        }
    }

    /// The newest uses of the window, as many as `amount` takes, with the grants of the lots they took from.
    async fn unwinding(&self, tally: &Tally, amount: i64) -> Result<Unwinding, BillingError> {
        let (tenant, usage) = (tally.meter.tenant, &tally.usage);
        let mut found = Unwinding { windows: tally.unwinding.windows.clone(), ..Unwinding::default() };
        let (mut grants, mut left, mut after) = (BTreeSet::new(), amount, None);
        while left > 0 {
            let cursor = EventCursor { after, limit: PAGE };
            let turn = self.turn_to_read().await?;
            let events = self.store.usage_events(tenant, usage.customer, cursor).await?;
            let more = events.len() == PAGE as usize;
            after = events.last().map(|event| (event.received_at, event.id.uuid()));
            let over = events.last().is_none_or(|event| event.received_at < usage.window_start);
            let of_window = |event: &&UsageEvent| {
                event.usage.feature == usage.feature && event.usage.window_start == usage.window_start
            };
            let named = events.iter().filter(of_window).flat_map(named);
            let rows = self.store.transfers(tenant, &named.collect::<Vec<_>>()).await?;
            drop(turn);
            for event in events.iter().filter(of_window) {
                let Some(row) = used(event, &rows, tally) else { continue };
                left -= standing(row);
                found.uses.push(row.id);
                grants.extend(row.provenance.iter().filter(|slice| !is_own(slice, row)).map(grant));
            }
            if found.uses.len() > MOST {
                return Err(BillingError::Invalid("that is too many uses at once: take back less at a time"));
            }
            if over || !more {
                break;
            }
        }
        found.grants = grants.into_iter().collect();
        Ok(found)
    }
}

/// The transfers that an event may have made, if it used anything: those between balance and meter, and their other sides.
fn named(event: &UsageEvent) -> Vec<TransferId> {
    match event.counted {
        // Of a plain use, the first leg is the balance's if there is one, and else the meter's.
        None if event.value > 0 => vec![event.id, event.id.leg(1)],
        Some(counted) if counted > 0 => vec![Tally::spent(event.id), Tally::counted(event.id)],
        _ => Vec::new(),
    }
}

/// The transfer to take back from: out of the balance that is used up now, or else out of the meter.
fn used<'a>(event: &UsageEvent, rows: &'a [Transfer], tally: &Tally) -> Option<&'a Transfer> {
    let from = |account| rows.iter().find(|row| row.operation == event.id && row.from == account);
    let spent = tally.balance.as_ref().and_then(|(account, _)| from(account.id));
    spent.or_else(|| from(tally.meter.id)).filter(|row| standing(row) > 0)
}

fn is_own(slice: &Slice, row: &Transfer) -> bool {
    slice.lot.uuid() == row.id.uuid()
}

/// What has not been taken back.
fn standing(row: &Transfer) -> i64 {
    let back: i64 = row.provenance.iter().filter(|slice| is_own(slice, row)).map(|slice| slice.amount).sum();
    row.settled.micros().saturating_sub(back)
}

const fn grant(slice: &Slice) -> TransferId {
    TransferId::from_uuid(slice.lot.uuid())
}

/// The ledger's command for what is not simply added.
pub(super) fn tally(
    holdings: &Holdings,
    (feature, from_balance, windows): (&Feature, bool, Vec<Id<Lot>>),
    (id, counted, value): (TransferId, Counted, Quantity),
    (usage, actor): (&Usage, &Actor),
) -> Result<Tally, BillingError> {
    let (tenant, customer) = (holdings.tenant, holdings.customer.value.id);
    let (way, value) = match counted {
        Counted::Adds(_) | Counted::Nothing => (Way::Nothing, value),
        Counted::TakesBack(value) => (Way::Back, value),
        Counted::Highest(value) => (Way::Highest, value),
        Counted::Latest(value) => (Way::Latest, value),
        Counted::First(text) => {
            let key = format!("{customer}/{}/{}/{text}", feature.id, usage.window_start.micros());
            (Way::First(TransferId::derive(tenant, "unique", &key)), value)
        }
    };
    let balance = if from_balance { Some((holdings.account(feature)?, holdings.spent(feature))) } else { None };
    Ok(Tally {
        id,
        balance,
        meter: AccountSpec::meter(tenant, feature.id, customer, usage.window_start),
        value,
        way,
        keeps: None,
        unwinding: Unwinding { windows, ..Unwinding::default() },
        usage: usage.clone(),
        clock: holdings.clock(),
        actor: actor.clone(),
    })
}
