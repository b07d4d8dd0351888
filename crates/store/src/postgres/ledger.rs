//! Ledger rows in and out of PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};

use farebox_engine::ledger::{
    Account, AccountId, AccountKind, AccountSpec, Changes, Clocks, Needs, State, Transfer, TransferId, Unit,
};
use farebox_types::{Id, Merchant, Quantity, Timestamp};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    columns::{AccountColumns, TransferColumns, bind_audit, bind_events},
    fault::{corrupt, unreadable},
};
use crate::{AuditRow, codec};

macro_rules! account_columns {
    () => {
        "a.tenant, a.id, a.owner, a.unit, a.kind, a.floor, a.posted, a.held, a.next_expiry, a.lots"
    };
}
macro_rules! transfer_columns {
    () => {
        "t.tenant, t.id, t.operation, t.from_account, t.to_account, t.amount, t.settled, t.state, t.lots, t.balance, \
         t.created_at, t.settled_at, t.expires_at"
    };
}

// One look-up by key for each wanted row, in whichever order the rows are wanted, whatever the planner thinks of the tables:
// statistics lag behind tables that grow by thousands of rows a second.

/// Every transaction locks in the same order.
const LOCK: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, id) ORDER BY tenant, id) n \
     CROSS JOIN LATERAL (SELECT * FROM account a \
         WHERE a.tenant = n.tenant AND a.id = n.id AND a.floor IS NOT NULL FOR UPDATE) a"
);
const TRANSFERS: &str = concat!(
    "SELECT ",
    transfer_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, id) \
     CROSS JOIN LATERAL (SELECT * FROM transfer t WHERE t.tenant = n.tenant AND t.id = n.id OFFSET 0) t"
);
const OUTSTANDING: &str = concat!(
    "SELECT ",
    transfer_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, account) \
     CROSS JOIN LATERAL (SELECT * FROM transfer t \
         WHERE t.tenant = n.tenant AND t.from_account = n.account AND t.state = 'held' OFFSET 0) t"
);
const DUE: &str =
    "SELECT DISTINCT from_account FROM transfer WHERE tenant = $1 AND state = 'held' AND expires_at <= $2 LIMIT $3";
const OPEN: &str = "INSERT INTO account (tenant, id, owner, unit, kind, floor, posted, held, next_expiry, lots) \
     SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), \
     unnest($6::bigint[]), unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::bigint[]), unnest($10::text[]) \
     ON CONFLICT DO NOTHING RETURNING id";
/// `= ANY (ARRAY[…])` says what `=` says, but can only be an index look-up: no join order turns it into a walk over the table.
const WRITE: &str = "WITH moved AS (
        UPDATE account a SET posted = n.posted, held = n.held, next_expiry = n.next_expiry, lots = n.lots
        FROM (SELECT unnest($1::uuid[]) AS tenant, unnest($2::uuid[]) AS id, unnest($3::bigint[]) AS posted,
            unnest($4::bigint[]) AS held, unnest($5::bigint[]) AS next_expiry, unnest($6::text[]) AS lots) n
        WHERE a.tenant = ANY (ARRAY[n.tenant]) AND a.id = ANY (ARRAY[n.id])
    ), made AS (
        INSERT INTO transfer (tenant, id, operation, from_account, to_account, amount, settled, state, lots, balance,
            created_at, settled_at, expires_at)
        SELECT unnest($7::uuid[]), unnest($8::uuid[]), unnest($9::uuid[]), unnest($10::uuid[]), unnest($11::uuid[]),
            unnest($12::bigint[]), unnest($13::bigint[]), unnest($14::text[]), unnest($15::text[]), unnest($16::bigint[]),
            unnest($17::bigint[]), unnest($18::bigint[]), unnest($19::bigint[])
    ), ended AS (
        UPDATE transfer t SET settled = n.settled, state = n.state, lots = n.lots, balance = n.balance,
            settled_at = n.settled_at
        FROM (SELECT unnest($20::uuid[]) AS tenant, unnest($21::uuid[]) AS id, unnest($22::bigint[]) AS settled,
            unnest($23::text[]) AS state, unnest($24::text[]) AS lots, unnest($25::bigint[]) AS balance,
            unnest($26::bigint[]) AS settled_at) n
        WHERE t.tenant = ANY (ARRAY[n.tenant]) AND t.id = ANY (ARRAY[n.id])
    ), told AS (
        INSERT INTO audit (tenant, chain, seq, entries, hash, created_at)
        SELECT unnest($27::uuid[]), unnest($28::uuid[]), unnest($29::bigint[]), unnest($30::text[]), unnest($31::bytea[]),
            unnest($32::bigint[])
    ), used AS (
        INSERT INTO usage_event (tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, answer,
            counted)
        SELECT unnest($33::uuid[]), unnest($34::uuid[]), unnest($35::uuid[]), unnest($36::uuid[]), unnest($37::bigint[]),
            unnest($38::bigint[]), unnest($39::bigint[]), unnest($40::bigint[]), unnest($41::bool[]), unnest($42::text[]),
            unnest($43::bigint[])
    )
    INSERT INTO outbox (tenant, chain, seq, created_at)
    SELECT unnest($27::uuid[]), unnest($28::uuid[]), unnest($29::bigint[]), unnest($32::bigint[])";
const ACCOUNT: &str =
    concat!("SELECT ", account_columns!(), " FROM account a WHERE a.tenant = $1 AND a.id = $2 AND a.floor IS NOT NULL");
const TRANSFER: &str = concat!("SELECT ", transfer_columns!(), " FROM transfer t WHERE t.tenant = $1 AND t.id = $2");
pub(super) const ALL_ACCOUNTS: &str = concat!("SELECT ", account_columns!(), " FROM account a");
pub(super) const ALL_TRANSFERS: &str = concat!("SELECT ", transfer_columns!(), " FROM transfer t");

/// What a batch starts from.
#[derive(Default)]
pub(super) struct Loaded {
    /// Locked, or new and in nobody's sight.
    pub(super) accounts: Vec<Account>,
    pub(super) transfers: Vec<Transfer>,
    /// Those of the accounts that have a row.
    pub(super) found: BTreeSet<AccountId>,
}

/// Locks the accounts first, then reads what the locks protect.
pub(super) async fn load(sql: &mut PgConnection, needs: &Needs, clocks: &Clocks) -> sqlx::Result<Loaded> {
    let keys = needs.accounts.values().map(|(spec, _)| (spec.tenant, spec.id));
    let rows = lock(sql, keys).await?;
    let mut loaded = Loaded::default();
    for row in &rows {
        // An account's id says all of the rest that never changes.
        let id = AccountId::from_uuid(row.try_get(1)?);
        if let Some((spec, _)) = needs.accounts.get(&id) {
            loaded.accounts.push(read_balances(row, spec.clone())?);
            loaded.found.insert(id);
        }
    }
    let missing = needs.accounts.values().filter(|(spec, open)| *open && !loaded.found.contains(&spec.id));
    let opened: Vec<Account> = missing.map(|(spec, _)| Account::open(spec.clone())).collect();
    loaded.transfers = transfers(&mut *sql, needs.transfers.iter().copied()).await?;
    let is_due = |account: &&Account| account.next_expiry.is_some_and(|at| at <= clocks.at(account.spec.tenant));
    let due = loaded.accounts.iter().filter(is_due);
    let due: Vec<_> = due.map(|account| (account.spec.tenant, account.spec.id)).collect();
    add_outstanding(sql, &due, &mut loaded.transfers).await?;
    loaded.accounts.extend(opened);
    Ok(loaded)
}

/// Transfers by their ids.
pub(super) async fn transfers(
    sql: &mut PgConnection,
    keys: impl Iterator<Item = (Id<Merchant>, TransferId)>,
) -> sqlx::Result<Vec<Transfer>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query(TRANSFERS).bind(tenants).bind(ids).fetch_all(sql).await?;
    rows.iter().map(read_transfer).collect()
}

/// The accounts of a merchant that have due holds, locked, with all of their outstanding holds.
pub(super) async fn load_due(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Loaded> {
    let due = sqlx::query_scalar(DUE).bind(tenant.uuid()).bind(now.micros()).bind(i64::from(limit));
    let due: Vec<Uuid> = due.fetch_all(&mut *sql).await?;
    let due: Vec<_> = due.into_iter().map(|id| (tenant, AccountId::from_uuid(id))).collect();
    let rows = lock(sql, due.iter().copied()).await?;
    let accounts: Vec<Account> = rows.iter().map(read_account).collect::<Result<_, _>>()?;
    let found = accounts.iter().map(|account| account.spec.id).collect();
    let mut loaded = Loaded { accounts, transfers: Vec::new(), found };
    add_outstanding(sql, &due, &mut loaded.transfers).await?;
    Ok(loaded)
}

async fn lock(
    sql: &mut PgConnection,
    keys: impl Iterator<Item = (Id<Merchant>, AccountId)>,
) -> sqlx::Result<Vec<PgRow>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(LOCK).bind(tenants).bind(ids).fetch_all(sql).await
}

/// Adds every outstanding hold of `accounts` that is not among `transfers`.
async fn add_outstanding(
    sql: &mut PgConnection,
    accounts: &[(Id<Merchant>, AccountId)],
    transfers: &mut Vec<Transfer>,
) -> sqlx::Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = accounts.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query(OUTSTANDING).bind(tenants).bind(ids).fetch_all(sql).await?;
    // Ids count within one merchant only.
    let mut by_id: BTreeMap<_, Transfer> = transfers.drain(..).map(|row| ((row.tenant, row.id), row)).collect();
    for row in &rows {
        let row = read_transfer(row)?;
        by_id.insert((row.tenant, row.id), row);
    }
    transfers.extend(by_id.into_values());
    Ok(())
}

/// Gives accounts their first row. False if a guarded one has got a row from somewhere else meanwhile.
pub(super) async fn open(
    sql: &mut PgConnection,
    guarded: &[&Account],
    unguarded: &[&AccountSpec],
) -> sqlx::Result<bool> {
    let unguarded: Vec<Account> = unguarded.iter().map(|spec| Account::open((*spec).clone())).collect();
    let mut rows: Vec<&Account> = guarded.iter().copied().chain(&unguarded).collect();
    rows.sort_unstable_by_key(|row| row.spec.id);
    let query = AccountColumns::of(rows.into_iter(), true).bind_new(sqlx::query_scalar(OPEN));
    let opened: BTreeSet<Uuid> = query.fetch_all(sql).await?.into_iter().collect();
    Ok(guarded.iter().all(|row| opened.contains(&row.spec.id.uuid())))
}

/// Everything else that a transaction writes, in one statement. `accounts` are those of `changes` that have a row.
pub(super) async fn write(
    sql: &mut PgConnection,
    accounts: &[&Account],
    changes: &Changes,
    lines: &[AuditRow],
) -> sqlx::Result<()> {
    let query = AccountColumns::of(accounts.iter().copied(), false).bind_balances(sqlx::query(WRITE));
    let query = TransferColumns::of(&changes.created).bind_new(query);
    let query = TransferColumns::of(&changes.updated).bind_ends(query);
    bind_events(&changes.events, bind_audit(lines, query)).execute(sql).await?;
    Ok(())
}

pub(super) async fn account(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    id: AccountId,
) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query(ACCOUNT).bind(tenant.uuid()).bind(id.uuid()).fetch_optional(sql).await?;
    row.as_ref().map(read_account).transpose()
}

/// The account as a batch would find it now; if holds are due, it and they come from one snapshot.
pub(super) async fn account_as_of(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    id: AccountId,
    now: Timestamp,
) -> sqlx::Result<Option<Account>> {
    let Some(row) = account(sql, tenant, id).await? else { return Ok(None) };
    if row.next_expiry.is_none_or(|at| at > now) {
        return Ok(Some(row.as_of(now, Vec::new())));
    }
    let mut snapshot = sql.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let row = account(&mut snapshot, tenant, id).await?;
    let mut outstanding = Vec::new();
    add_outstanding(&mut snapshot, &[(tenant, id)], &mut outstanding).await?;
    snapshot.rollback().await?;
    Ok(row.map(|row| row.as_of(now, outstanding)))
}

const ACCOUNTS: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant, id) \
     CROSS JOIN LATERAL (SELECT * FROM account a \
         WHERE a.tenant = n.tenant AND a.id = n.id AND a.floor IS NOT NULL OFFSET 0) a"
);

/// Guarded accounts as they are kept; without a lock.
pub(super) async fn accounts_in(
    sql: &mut PgConnection,
    keys: &BTreeSet<(Id<Merchant>, AccountId)>,
) -> sqlx::Result<Vec<Account>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(tenant, id)| (tenant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query(ACCOUNTS).bind(tenants).bind(ids).fetch_all(sql).await?;
    rows.iter().map(read_account).collect()
}

/// All outstanding holds of these accounts.
pub(super) async fn outstanding(
    sql: &mut PgConnection,
    keys: &BTreeSet<(Id<Merchant>, AccountId)>,
) -> sqlx::Result<Vec<Transfer>> {
    let (all, mut found) = (keys.iter().copied().collect::<Vec<_>>(), Vec::new());
    add_outstanding(sql, &all, &mut found).await?;
    Ok(found)
}

pub(super) async fn transfer(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    id: TransferId,
) -> sqlx::Result<Option<Transfer>> {
    let row = sqlx::query(TRANSFER).bind(tenant.uuid()).bind(id.uuid()).fetch_optional(sql).await?;
    row.as_ref().map(read_transfer).transpose()
}

pub(super) fn read_account(row: &PgRow) -> sqlx::Result<Account> {
    let unit: Unit = row.try_get::<&str, _>(3)?.parse().map_err(|_| corrupt("account", "unit"))?;
    let kind: &str = row.try_get(4)?;
    let known = AccountKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let spec = AccountSpec {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: AccountId::from_uuid(row.try_get(1)?),
        owner: row.try_get::<&str, _>(2)?.into(),
        unit,
        kind: known.ok_or_else(|| corrupt("account", "kind"))?,
        floor: None,
    };
    read_balances(row, spec)
}

/// The rest of an account whose names are known.
fn read_balances(row: &PgRow, spec: AccountSpec) -> sqlx::Result<Account> {
    Ok(Account {
        spec: AccountSpec { floor: row.try_get(5)?, ..spec },
        posted: row.try_get(6)?,
        held: row.try_get(7)?,
        next_expiry: row.try_get::<Option<i64>, _>(8)?.map(Timestamp::from_micros),
        lots: codec::decode_lots(row.try_get(9)?).map_err(unreadable)?,
    })
}

pub(super) fn read_transfer(row: &PgRow) -> sqlx::Result<Transfer> {
    let quantity = |at: usize| -> sqlx::Result<Quantity> {
        Quantity::from_micros(row.try_get(at)?).ok_or_else(|| corrupt("transfer", "amount"))
    };
    let state: State = row.try_get::<&str, _>(7)?.parse().map_err(|_| corrupt("transfer", "state"))?;
    let (provenance, opens) = codec::decode_transfer_lots(row.try_get(8)?).map_err(unreadable)?;
    Ok(Transfer {
        tenant: Id::from_uuid(row.try_get(0)?),
        id: TransferId::from_uuid(row.try_get(1)?),
        operation: TransferId::from_uuid(row.try_get(2)?),
        from: AccountId::from_uuid(row.try_get(3)?),
        to: AccountId::from_uuid(row.try_get(4)?),
        amount: quantity(5)?,
        settled: quantity(6)?,
        state,
        provenance,
        opens,
        balance: row.try_get(9)?,
        created_at: Timestamp::from_micros(row.try_get(10)?),
        settled_at: row.try_get::<Option<i64>, _>(11)?.map(Timestamp::from_micros),
        expires_at: row.try_get::<Option<i64>, _>(12)?.map(Timestamp::from_micros),
    })
}
