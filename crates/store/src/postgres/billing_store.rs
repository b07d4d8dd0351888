//! The [`BillingStore`] commands on PostgreSQL.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use farebox_engine::ledger::{Account, AccountId, Transfer, TransferId, UsageEvent};
use farebox_types::{Id, Merchant, Timestamp};
use sqlx::{Connection, Row};
use uuid::Uuid;

use super::{
    PostgresStore,
    billing_reads::{self, ANSWERED, DUE_OF, EVENTS, HOLDINGS, LEASE, NAMED, OF_KIND, OF_PARENT, ONE, TOLD},
    connect::limited,
    ledger,
    reads::{all, one},
};
use crate::{
    Fault, OperationKey,
    billing::{
        AccountsAt, AnsweredBefore, BillingStore, BillingWrite, Collected, Collecting, Committed, Cursor, EventCursor,
        Holder, Kind, StoredRow,
    },
};

/// Workers that forget at the same time pass over what the others are taking.
const FORGET: &str = "DELETE FROM operation o USING (SELECT tenant, scope, key FROM operation \
     WHERE scope IN ('v1', 'clock') AND created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) old \
     WHERE o.tenant = old.tenant AND o.scope = old.scope AND o.key = old.key";
const FORGET_DEVICES: &str = "WITH old AS (
        SELECT tenant, kind, id FROM billing_row WHERE tenant = $1 AND kind = 'device_code' AND created_at < $2
        ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), named AS (
        DELETE FROM billing_name n USING old WHERE n.tenant = old.tenant AND n.kind = old.kind AND n.id = old.id
    )
    DELETE FROM billing_row r USING old WHERE r.tenant = old.tenant AND r.kind = old.kind AND r.id = old.id";

#[async_trait]
impl BillingStore for PostgresStore {
    async fn bill(&self, write: BillingWrite) -> Result<Committed, Fault> {
        self.lanes.bill(write).await
    }

    async fn collect(&self, collecting: Collecting) -> Result<Collected, Fault> {
        self.lanes.collect(collecting).await
    }

    async fn answered(&self, names: &[(Id<Merchant>, OperationKey)]) -> Result<Vec<Option<AnsweredBefore>>, Fault> {
        let query = sqlx::query(ANSWERED)
            .bind(column(names, |(tenant, _)| tenant.uuid()))
            .bind(column(names, |(_, name)| name.scope.as_str()))
            .bind(column(names, |(_, name)| name.key.as_str()));
        let found =
            all(&self.looks, query, |row| Ok((billing_reads::place(row, 2)?, (row.try_get(0)?, row.try_get(1)?))));
        Ok(placed(found.await?, names.len()))
    }

    async fn forget_answers(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        let query = sqlx::query(FORGET).bind(before.micros()).bind(i64::from(limit));
        Ok(limited(query.execute(&self.pool)).await?.rows_affected())
    }

    async fn forget_device_codes(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        let query = sqlx::query(FORGET_DEVICES).bind(Uuid::nil()).bind(before.micros()).bind(i64::from(limit));
        Ok(limited(query.execute(&self.pool)).await?.rows_affected())
    }

    async fn billing_row(&self, tenant: Id<Merchant>, kind: Kind, id: Uuid) -> Result<Option<StoredRow>, Fault> {
        let query = sqlx::query(ONE).bind(tenant.uuid()).bind(kind.as_str()).bind(id);
        one(&self.pool, query, billing_reads::read).await
    }

    async fn billing_row_named(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        name: &str,
    ) -> Result<Option<StoredRow>, Fault> {
        let query = sqlx::query(NAMED).bind(tenant.uuid()).bind(kind.as_str()).bind(name);
        one(&self.pool, query, billing_reads::read).await
    }

    async fn billing_rows(
        &self,
        tenant: Id<Merchant>,
        kind: Kind,
        parent: Option<Uuid>,
        cursor: Cursor,
    ) -> Result<Vec<StoredRow>, Fault> {
        let after = cursor.after.unwrap_or(Uuid::max());
        let query = sqlx::query(if parent.is_some() { OF_PARENT } else { OF_KIND });
        let query = query.bind(tenant.uuid()).bind(kind.as_str()).bind(after).bind(i64::from(cursor.limit));
        let query = match parent {
            Some(parent) => query.bind(parent),
            None => query,
        };
        all(&self.pool, query, billing_reads::read).await
    }

    async fn holdings(&self, holders: &[Holder]) -> Result<Vec<Vec<StoredRow>>, Fault> {
        let query = sqlx::query(HOLDINGS)
            .bind(column(holders, |one| one.tenant.uuid()))
            .bind(column(holders, |one| one.customer))
            .bind(column(holders, |one| one.feature.as_deref()));
        let rows =
            all(&self.looks, query, |row| Ok((billing_reads::place(row, 7)?, billing_reads::read(row)?))).await?;
        let mut held = vec![Vec::new(); holders.len()];
        for (at, row) in rows {
            held.get_mut(at).ok_or_else(|| Fault::corrupt("a look", at))?.push(row);
        }
        Ok(held)
    }

    async fn lease_due(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        let query = sqlx::query(LEASE).bind(now.micros()).bind(until.micros()).bind(i64::from(limit));
        all(&self.pool, query, billing_reads::read).await
    }

    async fn due_of(&self, tenant: Id<Merchant>, now: Timestamp, limit: u32) -> Result<Vec<StoredRow>, Fault> {
        let query = sqlx::query(DUE_OF).bind(tenant.uuid()).bind(now.micros()).bind(i64::from(limit));
        all(&self.pool, query, billing_reads::read).await
    }

    async fn usage_events(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        cursor: EventCursor,
    ) -> Result<Vec<UsageEvent>, Fault> {
        let (at, id) = cursor.after.unwrap_or((Timestamp::from_micros(i64::MAX), Uuid::max()));
        let query = sqlx::query(EVENTS).bind(tenant.uuid()).bind(customer).bind(at.micros()).bind(id);
        all(&self.pool, query.bind(i64::from(cursor.limit)), billing_reads::event).await
    }

    async fn told(&self, events: &[(Id<Merchant>, TransferId)]) -> Result<Vec<Option<String>>, Fault> {
        let query = sqlx::query(TOLD)
            .bind(column(events, |(tenant, _)| tenant.uuid()))
            .bind(column(events, |(_, id)| id.uuid()));
        let found =
            all(&self.looks, query, |row| Ok((billing_reads::place(row, 1)?, row.try_get::<Option<String>, _>(0)?)));
        Ok(placed(found.await?, events.len()).into_iter().map(Option::flatten).collect())
    }

    async fn transfers(&self, tenant: Id<Merchant>, ids: &[TransferId]) -> Result<Vec<Transfer>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(ledger::transfers(&mut sql, ids.iter().map(|id| (tenant, *id)))).await?)
    }

    async fn accounts_at(&self, wanted: &[AccountsAt]) -> Result<Vec<Vec<Account>>, Fault> {
        let mut sql = limited(self.looks.acquire()).await?;
        let keys: BTreeSet<_> =
            wanted.iter().flat_map(|one| one.specs.iter().map(|spec| (spec.tenant, spec.id))).collect();
        let mut seen = Seen::new(limited(ledger::accounts_in(&mut sql, &keys)).await?, Vec::new());
        if wanted.iter().any(|one| seen.is_due(one)) {
            // Holds are due: they and the accounts are read anew, from one snapshot.
            let mut snapshot = limited(sql.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")).await?;
            let accounts = limited(ledger::accounts_in(&mut snapshot, &keys)).await?;
            let held = limited(ledger::outstanding(&mut snapshot, &keys)).await?;
            limited(snapshot.rollback()).await?;
            seen = Seen::new(accounts, held);
        }
        Ok(wanted.iter().map(|one| seen.at(one)).collect())
    }
}

/// Accounts as they are kept, and holds on them.
struct Seen {
    accounts: HashMap<(Id<Merchant>, AccountId), Account>,
    held: Vec<Transfer>,
}

impl Seen {
    fn new(accounts: Vec<Account>, held: Vec<Transfer>) -> Self {
        Self { accounts: accounts.into_iter().map(|row| ((row.spec.tenant, row.spec.id), row)).collect(), held }
    }

    fn of<'a>(&'a self, wanted: &'a AccountsAt) -> impl Iterator<Item = &'a Account> {
        wanted.specs.iter().filter_map(|spec| self.accounts.get(&(spec.tenant, spec.id)))
    }

    fn is_due(&self, wanted: &AccountsAt) -> bool {
        self.of(wanted).any(|row| row.next_expiry.is_some_and(|at| at <= wanted.at))
    }

    /// The accounts as a batch would find them.
    fn at(&self, wanted: &AccountsAt) -> Vec<Account> {
        let stands = |row: &Account| {
            let due = row.next_expiry.is_some_and(|at| at <= wanted.at);
            let held =
                self.held.iter().filter(|hold| due && (hold.tenant, hold.from) == (row.spec.tenant, row.spec.id));
            row.clone().as_of(wanted.at, held.cloned().collect())
        };
        self.of(wanted).map(stands).collect()
    }
}

fn column<'a, Q, T>(asked: &'a [Q], of: impl Fn(&'a Q) -> T) -> Vec<T> {
    asked.iter().map(of).collect()
}

/// What was found for each of `count` questions.
fn placed<T>(found: Vec<(usize, T)>, count: usize) -> Vec<Option<T>> {
    let mut answers: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    for (at, one) in found {
        if let Some(answer) = answers.get_mut(at) {
            *answer = Some(one);
        }
    }
    answers
}
