//! Where billing's use cases are asked for.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farebox_engine::ledger::{Account, TransferId};
use farebox_types::{Clock, Id, Merchant, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::{
    AccountsAt, AnsweredBefore, Ask, BillingError, Committed, Cursor, Done, Entity, Holder, Kind, Plan, Put, Row,
    StoredRow, TestClock, ask::Decided, gather::Gather,
};
use crate::{Fault, OperationKey, Store};

/// Tries of a use case whose rows somebody else wrote meanwhile.
const TRIES: u32 = 8;
/// Reads at once of what is not gathered: more wait their turn here, where waiting has no limit, and not for a connection,
/// where it has.
const READS: usize = 8;
/// Beyond so many a memory starts over.
const REMEMBERED: usize = 100_000;

/// Billing on a store. Cloning is cheap; clones share what they remember, which is only what never changes: versions of
/// plans, windows that are open.
#[derive(Clone)]
pub struct Billing {
    pub(super) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
    pub(super) reads: Reads,
    turns: Arc<Semaphore>,
}

/// What the hot path reads.
#[derive(Clone)]
pub(super) struct Reads {
    pub(super) holdings: Gather<Holder, Vec<StoredRow>>,
    pub(super) accounts: Gather<AccountsAt, Vec<Account>>,
    pub(super) answers: Gather<(Id<Merchant>, OperationKey), Option<AnsweredBefore>>,
    pub(super) told: Gather<(Id<Merchant>, TransferId), Option<String>>,
}

type Plans = HashMap<(Id<Merchant>, Uuid), Arc<Plan>>;

#[derive(Default)]
struct Memory {
    plans: Mutex<Plans>,
    open: Mutex<HashSet<TransferId>>,
}

impl Billing {
    /// Billing on `store`, with the machine's clock.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let reads = Reads::of(&store);
        Self { store, clock, memory: Arc::default(), reads, turns: Arc::new(Semaphore::new(READS)) }
    }

    /// A turn to read what is not gathered.
    pub(super) async fn turn_to_read(&self) -> Result<SemaphorePermit<'_>, Fault> {
        self.turns.acquire().await.map_err(|_| Fault::closed())
    }

    /// The machine's time.
    #[must_use]
    pub fn machine_time(&self) -> Timestamp {
        self.clock.now()
    }

    /// What time it is for a tenant: its test clock's, or the machine's.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub async fn now(&self, tenant: Id<Merchant>) -> Result<Timestamp, Fault> {
        let clock = self.named::<TestClock>(tenant, "one").await?;
        Ok(clock.map_or_else(|| self.clock.now(), |clock| clock.value.frozen_at))
    }

    /// One row.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub async fn get<T: Entity>(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Option<Row<T>>, Fault> {
        let row = self.store.billing_row(tenant, T::KIND, id).await?;
        row.as_ref().map(Row::read).transpose()
    }

    /// The row that has a name ([`Entity::names`]).
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub async fn named<T: Entity>(&self, tenant: Id<Merchant>, name: &str) -> Result<Option<Row<T>>, Fault> {
        let row = self.store.billing_row_named(tenant, T::KIND, name).await?;
        row.as_ref().map(Row::read).transpose()
    }

    /// Rows of a kind, newest first: of one parent (a customer, a product), or all of the tenant's.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub async fn list<T: Entity>(
        &self,
        tenant: Id<Merchant>,
        parent: Option<Uuid>,
        cursor: Cursor,
    ) -> Result<Vec<Row<T>>, Fault> {
        let rows = self.store.billing_rows(tenant, T::KIND, parent, cursor).await?;
        rows.iter().map(Row::read).collect()
    }

    /// What was answered under an ask's name; a conflict if it was for another request.
    ///
    /// # Errors
    /// [`BillingError::Conflict`], or a [`Fault`].
    pub async fn answered(&self, ask: &Ask) -> Result<Option<Done>, BillingError> {
        match self.reads.answers.ask((ask.tenant, ask.operation.clone())).await? {
            None => Ok(None),
            Some((hash, answer)) if hash == ask.request_hash => Ok(Some(Done { answer, replayed: true })),
            Some(_) => Err(BillingError::Conflict),
        }
    }

    /// Writes rows, and nothing else. Without rows it only keeps the answer under the ask's name.
    ///
    /// # Errors
    /// [`BillingError::Taken`], [`BillingError::Busy`] if a row was written by somebody else since it was read,
    /// [`BillingError::Conflict`], or a [`Fault`].
    pub async fn put(&self, ask: &Ask, puts: Vec<Put>, answer: String) -> Result<Done, BillingError> {
        let at = self.now(ask.tenant).await?;
        self.commit(ask, Decided { puts, commands: Vec::new(), answer }, at).await?.ok_or(BillingError::Busy)
    }

    /// `None` if a row was written by somebody else meanwhile.
    pub(super) async fn commit(
        &self,
        ask: &Ask,
        decided: Decided,
        at: Timestamp,
    ) -> Result<Option<Done>, BillingError> {
        let answer = decided.answer.clone();
        match self.store.bill(ask.write(decided, at)).await? {
            Committed::Fresh(_) => Ok(Some(Done { answer, replayed: false })),
            Committed::Replayed(answer) => Ok(Some(Done { answer, replayed: true })),
            Committed::Conflict => Err(BillingError::Conflict),
            Committed::Taken(kind, name) => Err(BillingError::Taken(kind, name)),
            Committed::Stale(..) => Ok(None),
            Committed::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Reads, decides and writes; once more from the start if somebody else wrote the same rows meanwhile.
    pub(super) async fn decide<F>(&self, ask: &Ask, decide: impl Fn() -> F + Send) -> Result<Done, BillingError>
    where
        F: Future<Output = Result<(Decided, Timestamp), BillingError>> + Send,
    {
        let mut busy = BillingError::Busy;
        for _ in 0..TRIES {
            if let Some(done) = self.answered(ask).await? {
                return Ok(done);
            }
            let (decided, at) = decide().await?;
            match self.commit(ask, decided, at).await {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => {}
                // Somebody else has just begun the same for the same customer: what is there now decides.
                Err(BillingError::Taken(kind @ (Kind::Subscription | Kind::Checkout), name)) => {
                    busy = BillingError::Taken(kind, name);
                }
                Err(error) => return Err(error),
            }
        }
        Err(busy)
    }

    /// A version of a plan; what a subscription refers to never changes.
    pub(super) async fn plan(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Arc<Plan>, BillingError> {
        if let Some(plan) = lock(&self.memory.plans).get(&(tenant, id)) {
            return Ok(Arc::clone(plan));
        }
        let row = self.get::<Plan>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Plan))?;
        let plan = Arc::new(row.value);
        let mut plans = lock(&self.memory.plans);
        if plans.len() >= REMEMBERED {
            plans.clear();
        }
        plans.insert((tenant, id), Arc::clone(&plan));
        Ok(plan)
    }

    /// Whether this process has seen the window open.
    pub(super) fn is_open(&self, window: TransferId) -> bool {
        lock(&self.memory.open).contains(&window)
    }

    pub(super) fn remember_open(&self, windows: impl Iterator<Item = TransferId>) {
        let mut open = lock(&self.memory.open);
        if open.len() >= REMEMBERED {
            open.clear();
        }
        open.extend(windows);
    }
}

impl Reads {
    fn of(store: &Arc<dyn Store>) -> Self {
        /// A look by a command of the store, which is called `store` in it.
        macro_rules! look {
            (|$store:ident, $asked:ident| $look:expr) => {{
                let store = Arc::clone(store);
                Gather::new(move |$asked| {
                    let $store = Arc::clone(&store);
                    Box::pin(async move { $look.await })
                })
            }};
        }
        Self {
            holdings: look!(|store, holders| store.holdings(&holders)),
            accounts: look!(|store, wanted| store.accounts_at(&wanted)),
            answers: look!(|store, names| store.answered(&names)),
            told: look!(|store, events| store.told(&events)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
