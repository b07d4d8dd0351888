//! Random histories, small enough that ids, accounts, limits and instants collide all the time.

use std::fmt;

use farebox_engine::ledger::{AccountSpec, Command, Grant, Leg, Operation, Requirement, TransferId};
use farebox_types::{Address, Id, Merchant, Plan, Quantity, Timestamp};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::world::{ALICE, BOB, actor, merchant, plan};

/// Limits by name, and how often each may be used.
pub(crate) const LIMITS: [(&str, u32); 3] = [("once", 1), ("once-too", 1), ("thrice", 3)];

/// One line a row, because a history that fails is read by people.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut now = START;
        writeln!(f, "script:")?;
        self.charges.iter().enumerate().try_for_each(|(key, charge)| writeln!(f, "  charge {key}: {charge:?}"))?;
        self.lots.iter().enumerate().try_for_each(|(key, lot)| writeln!(f, "  lot {key}: {lot:?}"))?;
        self.batches.iter().try_for_each(|batch| {
            now += batch.seconds;
            writeln!(f, "  at {now}: {:?}", batch.steps)
        })
    }
}

/// The second at which histories start.
const START: i64 = 1_000;

/// Whose, of which plan: two payers, two plans of one merchant and one of another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purse {
    payer: Address,
    plan: u8,
}

/// What a charge's id stands for.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    purse: Purse,
    amount: i64,
    shape: Shape,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Credits, and one use of each of these limits.
    Metered { limits: usize, first: usize },
    /// A use that only asks that credits are there, and one use of each of these limits.
    Unmetered { limits: usize, first: usize },
    /// A limit's use first, and credits, of which more must be there than are taken.
    UseFirst { limit: usize, at_least: i64 },
}

#[derive(Debug, Clone)]
pub(crate) struct Lot {
    purse: Purse,
    amount: i64,
    priority: i16,
    seconds: Option<i64>,
}

/// What to do, to which id, meaning which charge: usually the id's own, sometimes another's.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Grant { key: usize, meaning: Option<Index> },
    Hold { key: usize, meaning: Option<Index>, seconds: i64 },
    Post { key: usize, meaning: Option<Index>, more: i64 },
    Release { key: usize, meaning: Option<Index> },
    GrantUnderAChargesId { key: usize, lot: usize },
}

/// Steps that one batch takes, after so many seconds.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) seconds: i64,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone)]
pub(crate) struct Script {
    charges: Vec<Charge>,
    lots: Vec<Lot>,
    batches: Vec<Batch>,
}

impl Script {
    /// Each batch with its instant. Time starts at [`START`] and moves as the script says; `spread` makes instants unique.
    pub(crate) fn batches(&self, spread: i64) -> impl Iterator<Item = (Timestamp, Vec<Command>)> {
        let mut micros = START * 1_000_000;
        self.batches.iter().map(move |batch| {
            micros += batch.seconds * 1_000_000 + spread;
            let now = Timestamp::from_micros(micros);
            (now, batch.steps.iter().map(|step| self.command(step, now)).collect())
        })
    }

    fn command(&self, step: &Step, now: Timestamp) -> Command {
        let later = |seconds: i64| Timestamp::from_micros(now.micros() + seconds * 1_000_000);
        match step {
            Step::Grant { key, meaning } => {
                let lot = meaning.as_ref().map_or(&self.lots[*key], |other| other.get(&self.lots));
                grant(lot.id("grant", *key), lot, lot.seconds.map(later))
            }
            Step::GrantUnderAChargesId { key, lot } => {
                let lot = &self.lots[*lot];
                grant(lot.id("charge", *key), lot, lot.seconds.map(later))
            }
            Step::Hold { key, meaning, seconds } => {
                Command::Hold { operation: self.operation(*key, meaning.as_ref(), 0), expires_at: later(*seconds) }
            }
            Step::Post { key, meaning, more } => Command::Post(self.operation(*key, meaning.as_ref(), *more)),
            Step::Release { key, meaning } => Command::Release(self.operation(*key, meaning.as_ref(), 0)),
        }
    }

    fn operation(&self, key: usize, meaning: Option<&Index>, more: i64) -> Operation {
        let charge = meaning.map_or(&self.charges[key], |other| other.get(&self.charges));
        charge.operation(key, more)
    }
}

impl Purse {
    fn tenant(self) -> Id<Merchant> {
        merchant(self.plan / 2)
    }

    fn plan(self) -> Id<Plan> {
        plan(self.plan)
    }

    fn holder(self) -> AccountSpec {
        AccountSpec::holder(self.tenant(), self.plan(), self.payer)
    }
}

impl Lot {
    fn id(&self, scope: &str, key: usize) -> TransferId {
        TransferId::derive(self.purse.tenant(), scope, &key.to_string())
    }
}

fn grant(id: TransferId, lot: &Lot, expires_at: Option<Timestamp>) -> Command {
    let issuer = AccountSpec::issuer(lot.purse.tenant(), lot.purse.plan());
    let leg = Leg::grant(issuer, lot.purse.holder(), amount(lot.amount)).unwrap();
    Command::Grant(Grant { id, leg, priority: lot.priority, expires_at, actor: actor() })
}

impl Charge {
    fn operation(&self, key: usize, more: i64) -> Operation {
        let tenant = self.purse.tenant();
        let pays = || {
            let revenue = AccountSpec::revenue(tenant, self.purse.plan());
            Leg::charge(self.purse.holder(), revenue, amount((self.amount + more).max(1))).unwrap()
        };
        let (mut legs, requires) = match self.shape {
            Shape::Metered { .. } => (vec![pays()], None),
            Shape::Unmetered { limits: 0, .. } => {
                let usage = AccountSpec::usage(tenant, self.purse.plan(), self.purse.payer);
                (vec![Leg::charge(usage, AccountSpec::used(tenant), Quantity::ONE).unwrap()], Some(1))
            }
            Shape::Unmetered { .. } => (Vec::new(), Some(1)),
            Shape::UseFirst { limit, at_least } => (vec![self.uses(limit), pays()], Some(at_least)),
        };
        if let Shape::Metered { limits, first } | Shape::Unmetered { limits, first } = self.shape {
            legs.extend((first..first + limits).map(|at| self.uses(at % LIMITS.len())));
        }
        let id = TransferId::derive(tenant, "charge", &key.to_string());
        let operation = Operation::new(id, legs, actor()).unwrap();
        match requires {
            Some(at_least) => {
                operation.requiring(Requirement { account: self.purse.holder(), at_least: amount(at_least) })
            }
            None => operation,
        }
    }

    fn uses(&self, limit: usize) -> Leg {
        let (name, uses) = LIMITS[limit];
        let tenant = self.purse.tenant();
        Leg::charge(AccountSpec::limit(tenant, name, uses), AccountSpec::used(tenant), Quantity::ONE).unwrap()
    }
}

/// Small amounts: the parts of a credit, not whole ones.
fn amount(parts: i64) -> Quantity {
    Quantity::from_micros(parts).unwrap()
}

const CHARGES: usize = 12;
const LOTS: usize = 6;

/// A history of up to `batches` batches; `seconds` is how far the clock moves between two.
pub(crate) fn script(batches: usize, seconds: std::ops::Range<i64>) -> impl Strategy<Value = Script> {
    let batch = (seconds, vec(step(), 1..8)).prop_map(|(seconds, steps)| Batch { seconds, steps });
    (vec(charge(), CHARGES), vec(lot(), LOTS), vec(batch, 1..batches)).prop_map(|(charges, lots, batches)| Script {
        charges,
        lots,
        batches,
    })
}

fn purse() -> impl Strategy<Value = Purse> {
    let plan = prop_oneof![10 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    (prop_oneof![6 => Just(ALICE), 1 => Just(BOB)], plan).prop_map(|(payer, plan)| Purse { payer, plan })
}

fn charge() -> impl Strategy<Value = Charge> {
    let shape = prop_oneof![
        4 => (0..3_usize, 0..3_usize).prop_map(|(limits, first)| Shape::Metered { limits, first }),
        2 => (0..3_usize, 0..3_usize).prop_map(|(limits, first)| Shape::Unmetered { limits, first }),
        1 => (0..3_usize, 1..30_i64).prop_map(|(limit, at_least)| Shape::UseFirst { limit, at_least }),
    ];
    (purse(), 1..15_i64, shape).prop_map(|(purse, amount, shape)| Charge { purse, amount, shape })
}

fn lot() -> impl Strategy<Value = Lot> {
    // A lot may be granted at the instant it expires, or after it.
    let seconds = prop_oneof![2 => Just(None), 5 => (-2..80_i64).prop_map(Some)];
    (purse(), 1..60_i64, -1..2_i16, seconds).prop_map(|(purse, amount, priority, seconds)| Lot {
        purse,
        amount,
        priority,
        seconds,
    })
}

fn meaning() -> impl Strategy<Value = Option<Index>> {
    prop_oneof![12 => Just(None), 1 => any::<Index>().prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..CHARGES;
    let more = prop_oneof![4 => Just(0_i64), 3 => -14..0_i64, 1 => 1..5_i64];
    prop_oneof![
        4 => (0..LOTS, meaning()).prop_map(|(key, meaning)| Step::Grant { key, meaning }),
        9 => (key.clone(), meaning(), -1..25_i64)
            .prop_map(|(key, meaning, seconds)| Step::Hold { key, meaning, seconds }),
        4 => (key.clone(), meaning(), more).prop_map(|(key, meaning, more)| Step::Post { key, meaning, more }),
        3 => (key.clone(), meaning()).prop_map(|(key, meaning)| Step::Release { key, meaning }),
        1 => (key, 0..LOTS).prop_map(|(key, lot)| Step::GrantUnderAChargesId { key, lot }),
    ]
}
