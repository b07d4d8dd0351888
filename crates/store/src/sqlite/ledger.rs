//! Ledger rows in and out of SQLite.

use std::collections::HashMap;

use farebox_engine::ledger::{
    Account, AccountId, AccountKind, AccountSpec, Changes, Clocks, Needs, State, Transfer, TransferId, Unit,
};
use farebox_types::{Id, Merchant, Quantity, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::billing;
use crate::{Fault, codec};

const TRANSFER: &str = "tenant, id, operation, from_account, to_account, amount, settled, state, lots, balance, created_at, \
                        settled_at, expires_at";
const ACCOUNT: &str = "tenant, id, owner, unit, kind, floor, posted, held, next_expiry, lots";

/// Accounts as last committed. The file has one writer, so what it remembers is what the file says; a batch that fails
/// changes neither.
#[derive(Default)]
pub(super) struct Accounts(HashMap<AccountId, Account>);

/// Beyond this many the memory starts over.
const MAX_REMEMBERED: usize = 20_000;

impl Accounts {
    pub(super) fn remember(&mut self, rows: Vec<Account>) {
        if self.0.len() + rows.len() > MAX_REMEMBERED {
            self.0.clear();
        }
        self.0.extend(rows.into_iter().map(|row| (row.spec.id, row)));
    }
}

/// What a batch needs: its accounts, its transfers, and all outstanding holds of accounts whose holds may be due.
pub(super) fn load(
    sql: &Connection,
    known: &Accounts,
    needs: &Needs,
    clocks: &Clocks,
) -> Result<(Vec<Account>, Vec<Transfer>), Fault> {
    let mut accounts = Vec::with_capacity(needs.accounts.len());
    for (spec, open) in needs.accounts.values() {
        let found = match known.0.get(&spec.id) {
            Some(row) => Some(row.clone()),
            None => account(sql, spec.tenant, spec.id)?,
        };
        match found {
            Some(row) => accounts.push(row),
            None if *open => accounts.push(Account::open(spec.clone())),
            None => {}
        }
    }
    let mut transfers = Vec::with_capacity(needs.transfers.len());
    for (tenant, id) in &needs.transfers {
        transfers.extend(transfer(sql, *tenant, *id)?);
    }
    let is_due = |account: &&Account| account.next_expiry.is_some_and(|at| at <= clocks.at(account.spec.tenant));
    for due in accounts.iter().filter(is_due) {
        transfers.extend(outstanding(sql, due.spec.tenant, due.spec.id)?);
    }
    Ok((accounts, transfers))
}

/// The accounts of a merchant that have due holds, with all of their outstanding holds.
pub(super) fn load_due(
    sql: &Connection,
    tenant: Id<Merchant>,
    limit: u32,
    now: Timestamp,
) -> Result<(Vec<Account>, Vec<Transfer>), Fault> {
    let mut due = sql.prepare_cached(
        "SELECT DISTINCT from_account FROM transfer WHERE tenant = ?1 AND state = 'held' AND expires_at <= ?2 LIMIT ?3",
    )?;
    let ids = due.query_map((tenant.uuid().as_bytes(), now.micros(), limit), |row| uuid(row, 0))?;
    let (mut accounts, mut transfers) = (Vec::new(), Vec::new());
    for id in ids {
        let id = AccountId::from_uuid(id?);
        accounts.extend(account(sql, tenant, id)?);
        transfers.extend(outstanding(sql, tenant, id)?);
    }
    Ok((accounts, transfers))
}

pub(super) fn account(sql: &Connection, tenant: Id<Merchant>, id: AccountId) -> Result<Option<Account>, Fault> {
    let text = format!("SELECT {ACCOUNT} FROM account WHERE tenant = ?1 AND id = ?2 AND floor IS NOT NULL");
    let mut statement = sql.prepare_cached(&text)?;
    let row = statement.query_row((tenant.uuid().as_bytes(), id.uuid().as_bytes()), |row| Ok(read_account(row)));
    row.optional()?.transpose()
}

/// The account as a batch would find it now.
pub(super) fn account_as_of(
    sql: &Connection,
    tenant: Id<Merchant>,
    id: AccountId,
    now: Timestamp,
) -> Result<Option<Account>, Fault> {
    let snapshot = sql.unchecked_transaction()?;
    account_in(&snapshot, tenant, id, now)
}

/// As [`account_as_of`], in the caller's snapshot.
pub(super) fn account_in(
    sql: &Connection,
    tenant: Id<Merchant>,
    id: AccountId,
    now: Timestamp,
) -> Result<Option<Account>, Fault> {
    let Some(row) = account(sql, tenant, id)? else { return Ok(None) };
    let due = row.next_expiry.is_some_and(|at| at <= now);
    let outstanding = if due { outstanding(sql, tenant, id)? } else { Vec::new() };
    Ok(Some(row.as_of(now, outstanding)))
}

pub(super) fn transfer(sql: &Connection, tenant: Id<Merchant>, id: TransferId) -> Result<Option<Transfer>, Fault> {
    let text = format!("SELECT {TRANSFER} FROM transfer WHERE tenant = ?1 AND id = ?2");
    let mut statement = sql.prepare_cached(&text)?;
    let row = statement.query_row((tenant.uuid().as_bytes(), id.uuid().as_bytes()), |row| Ok(read_transfer(row)));
    row.optional()?.transpose()
}

fn outstanding(sql: &Connection, tenant: Id<Merchant>, account: AccountId) -> Result<Vec<Transfer>, Fault> {
    let text = format!("SELECT {TRANSFER} FROM transfer WHERE tenant = ?1 AND from_account = ?2 AND state = 'held'");
    let mut statement = sql.prepare_cached(&text)?;
    let rows =
        statement.query_map((tenant.uuid().as_bytes(), account.uuid().as_bytes()), |row| Ok(read_transfer(row)))?;
    rows.map(|row| row?).collect()
}

/// Calls `see` with every transfer, in no order.
pub(super) fn each_transfer(sql: &Connection, mut see: impl FnMut(&Transfer)) -> Result<(), Fault> {
    let mut statement = sql.prepare(&format!("SELECT {TRANSFER} FROM transfer"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(&read_transfer(row)?);
    }
    Ok(())
}

/// Calls `see` with every account; those without a floor carry no balance of their own.
pub(super) fn each_account(sql: &Connection, mut see: impl FnMut(&Account)) -> Result<(), Fault> {
    let mut statement = sql.prepare(&format!("SELECT {ACCOUNT} FROM account"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(&read_account(row)?);
    }
    Ok(())
}

pub(super) fn open_unguarded<'a>(sql: &Connection, specs: impl Iterator<Item = &'a AccountSpec>) -> Result<(), Fault> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO account (tenant, id, owner, unit, kind) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?;
    for spec in specs {
        let (tenant, id) = (spec.tenant.uuid(), spec.id.uuid());
        let words = (&*spec.owner, spec.unit.to_string(), spec.kind.as_str());
        statement.execute((tenant.as_bytes(), id.as_bytes(), words.0, words.1, words.2))?;
    }
    Ok(())
}

pub(super) fn write(sql: &Connection, changes: &Changes) -> Result<(), Fault> {
    billing::write_events(sql, &changes.events)?;
    write_accounts(sql, &changes.accounts)?;
    let mut insert = sql.prepare_cached(&format!(
        "INSERT INTO transfer ({TRANSFER}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?;
    for row in &changes.created {
        insert.execute((
            row.tenant.uuid().as_bytes(),
            row.id.uuid().as_bytes(),
            row.operation.uuid().as_bytes(),
            row.from.uuid().as_bytes(),
            row.to.uuid().as_bytes(),
            row.amount.micros(),
            row.settled.micros(),
            row.state.as_str(),
            codec::encode_transfer_lots(row),
            row.balance,
            row.created_at.micros(),
            row.settled_at.map(Timestamp::micros),
            row.expires_at.map(Timestamp::micros),
        ))?;
    }
    let mut update = sql.prepare_cached(
        "UPDATE transfer SET settled = ?3, state = ?4, lots = ?5, balance = ?6, settled_at = ?7 WHERE tenant = ?1 AND id = ?2",
    )?;
    for row in &changes.updated {
        update.execute((
            row.tenant.uuid().as_bytes(),
            row.id.uuid().as_bytes(),
            row.settled.micros(),
            row.state.as_str(),
            codec::encode_transfer_lots(row),
            row.balance,
            row.settled_at.map(Timestamp::micros),
        ))?;
    }
    Ok(())
}

fn write_accounts(sql: &Connection, accounts: &[Account]) -> Result<(), Fault> {
    let mut update = sql.prepare_cached(
        "UPDATE account SET posted = ?3, held = ?4, next_expiry = ?5, lots = ?6 WHERE tenant = ?1 AND id = ?2",
    )?;
    let mut insert = sql
        .prepare_cached(&format!("INSERT INTO account ({ACCOUNT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"))?;
    for row in accounts {
        let (spec, lots) = (&row.spec, codec::encode_lots(&row.lots));
        let (tenant, id) = (spec.tenant.uuid(), spec.id.uuid());
        let next_expiry = row.next_expiry.map(Timestamp::micros);
        let found = update.execute((tenant.as_bytes(), id.as_bytes(), row.posted, row.held, next_expiry, &lots))?;
        if found == 0 {
            let (unit, kind) = (spec.unit.to_string(), spec.kind.as_str());
            let key = (tenant.as_bytes(), id.as_bytes());
            insert.execute((
                key.0,
                key.1,
                &*spec.owner,
                unit,
                kind,
                spec.floor,
                row.posted,
                row.held,
                next_expiry,
                &lots,
            ))?;
        }
    }
    Ok(())
}

pub(super) fn uuid(row: &Row<'_>, at: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(at).map(Uuid::from_bytes)
}

fn read_account(row: &Row<'_>) -> Result<Account, Fault> {
    let corrupt = |detail: &str| Fault::corrupt("account", detail);
    let unit: Unit = row.get::<_, String>(3)?.parse().map_err(|_| corrupt("unit"))?;
    let kind: String = row.get(4)?;
    let kind = AccountKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| corrupt("kind"))?;
    let spec = AccountSpec {
        id: AccountId::from_uuid(uuid(row, 1)?),
        tenant: Id::from_uuid(uuid(row, 0)?),
        owner: row.get::<_, String>(2)?.into(),
        unit,
        kind,
        floor: row.get(5)?,
    };
    Ok(Account {
        spec,
        posted: row.get(6)?,
        held: row.get(7)?,
        next_expiry: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        lots: codec::decode_lots(row.get_ref(9)?.as_str().map_err(|_| corrupt("lots"))?)?,
    })
}

fn read_transfer(row: &Row<'_>) -> Result<Transfer, Fault> {
    let corrupt = |detail: &str| Fault::corrupt("transfer", detail);
    let quantity = |at| Quantity::from_micros(row.get(at)?).ok_or_else(|| corrupt("amount"));
    let state: State = row.get::<_, String>(7)?.parse().map_err(|_| corrupt("state"))?;
    let lots = row.get_ref(8)?.as_str().map_err(|_| corrupt("lots"))?;
    let (provenance, opens) = codec::decode_transfer_lots(lots)?;
    Ok(Transfer {
        tenant: Id::from_uuid(uuid(row, 0)?),
        id: TransferId::from_uuid(uuid(row, 1)?),
        operation: TransferId::from_uuid(uuid(row, 2)?),
        from: AccountId::from_uuid(uuid(row, 3)?),
        to: AccountId::from_uuid(uuid(row, 4)?),
        amount: quantity(5)?,
        settled: quantity(6)?,
        state,
        provenance,
        opens,
        balance: row.get(9)?,
        created_at: Timestamp::from_micros(row.get(10)?),
        settled_at: row.get::<_, Option<i64>>(11)?.map(Timestamp::from_micros),
        expires_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_micros),
    })
}
