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
struct Purse {
    payer: Address,
    plan: u8,
}

/// What a charge's id stands for.
#[derive(Debug, Clone)]
struct Charge {
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
struct Lot {
    purse: Purse,
    amount: i64,
    priority: i16,
    seconds: Option<i64>,
}

/// What to do, to which id (counted from where the history is by then), meaning which charge or lot: usually the id's
/// own, sometimes another's.
#[derive(Debug, Clone)]
struct Step {
    verb: Verb,
    key: usize,
    meaning: Option<Index>,
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Grant,
    GrantUnderAChargesId,
    Hold { seconds: i64 },
    Post { more: i64 },
    Release,
}

/// Steps that one batch takes, after so many seconds.
#[derive(Debug, Clone)]
struct Batch {
    seconds: i64,
    steps: Vec<Step>,
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
        self.batches.iter().enumerate().map(move |(number, batch)| {
            micros += batch.seconds * 1_000_000 + spread;
            let now = Timestamp::from_micros(micros);
            (now, batch.steps.iter().map(|step| self.command(step, number, now)).collect())
        })
    }

    fn command(&self, step: &Step, number: usize, now: Timestamp) -> Command {
        let later = |seconds: i64| Timestamp::from_micros(now.micros() + seconds * 1_000_000);
        let key = (number / 2 + step.key) % CHARGES;
        let charge = step.meaning.as_ref().map_or(&self.charges[key], |other| other.get(&self.charges));
        let lot = step.meaning.as_ref().map_or(&self.lots[key], |other| other.get(&self.lots));
        let expires_at = lot.seconds.map(later);
        match step.verb {
            Verb::Grant => grant(lot.id("grant", key), lot, expires_at),
            Verb::GrantUnderAChargesId => grant(lot.id("charge", key), lot, expires_at),
            Verb::Hold { seconds } => Command::Hold { operation: charge.operation(key, 0), expires_at: later(seconds) },
            Verb::Post { more } => Command::Post(charge.operation(key, more)),
            Verb::Release => Command::Release(charge.operation(key, 0)),
        }
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
    Command::Grant(Grant { id, leg, priority: lot.priority, expires_at, clock: None, actor: actor() })
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

/// Ids of charges, and as many of lots.
const CHARGES: usize = 16;

/// A history of up to `batches` batches; `seconds` is how far the clock moves between two.
pub(crate) fn script(batches: usize, seconds: std::ops::Range<i64>) -> impl Strategy<Value = Script> {
    let batch = (seconds, vec(step(), 1..8)).prop_map(|(seconds, steps)| Batch { seconds, steps });
    (vec(charge(), CHARGES), vec(lot(), CHARGES), vec(batch, 1..batches)).prop_map(|(charges, lots, batches)| Script {
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
    let more = prop_oneof![4 => Just(0_i64), 3 => -14..0_i64, 1 => 1..5_i64];
    let verb = prop_oneof![
        8 => Just(Verb::Grant),
        1 => Just(Verb::GrantUnderAChargesId),
        12 => (-1..25_i64).prop_map(|seconds| Verb::Hold { seconds }),
        8 => more.prop_map(|more| Verb::Post { more }),
        5 => Just(Verb::Release),
    ];
    let key = prop_oneof![9 => 0..3_usize, 1 => 0..CHARGES];
    (verb, key, meaning()).prop_map(|(verb, key, meaning)| Step { verb, key, meaning })
}
