//! The common design on SQLite: one connection that writes, and a transaction for each request.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::schema::{PLENTY, Shop, Used, balance_of, meter_of};

pub(super) struct Sqlite {
    sql: Arc<Mutex<Connection>>,
    tenant: Uuid,
    feature: Uuid,
}

impl Sqlite {
    pub(super) fn open(path: &str, shop: &Shop) -> anyhow::Result<Self> {
        let sql = Connection::open(path)?;
        sql.pragma_update(None, "journal_mode", "WAL")?;
        sql.pragma_update(None, "synchronous", "FULL")?;
        let account = "INSERT INTO account (tenant, id, owner, unit, kind, floor, posted) \
                       VALUES (?1, ?2, '', '', 'holder', -9000000000000000000, ?3)";
        let row = "INSERT INTO billing_row (tenant, kind, id, revision, document, created_at, updated_at) \
                   VALUES (?1, 'customer', ?2, 1, ?3, 0, 0)";
        for customer in &shop.customers {
            sql.execute(row, (shop.tenant.as_bytes(), customer.as_bytes(), Shop::document(*customer)))?;
            for (id, posted) in [(balance_of(*customer), PLENTY), (meter_of(*customer), 0)] {
                sql.execute(account, (shop.tenant.as_bytes(), id.as_bytes(), posted))?;
            }
        }
        Ok(Self { sql: Arc::new(Mutex::new(sql)), tenant: shop.tenant, feature: shop.feature })
    }

    pub(super) async fn take(&self, used: Used) -> anyhow::Result<bool> {
        let (sql, tenant, feature) = (Arc::clone(&self.sql), self.tenant, self.feature);
        tokio::task::spawn_blocking(move || {
            let mut sql = sql.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(take(&mut sql, (tenant, feature), &used)?)
        })
        .await?
    }
}

fn take(sql: &mut Connection, (tenant, feature): (Uuid, Uuid), used: &Used) -> rusqlite::Result<bool> {
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (tenant, value, [first, second]) = (tenant.as_bytes(), used.micros(), used.transfers());
    let accounts = [balance_of(used.customer), meter_of(used.customer)];
    let _: String = transaction
        .prepare_cached("SELECT document FROM billing_row WHERE tenant = ?1 AND kind = 'customer' AND id = ?2")?
        .query_row((tenant, used.customer.as_bytes()), |row| row.get(0))?;
    let left: i64 = transaction
        .prepare_cached("SELECT posted - held FROM account WHERE tenant = ?1 AND id = ?2")?
        .query_row((tenant, accounts[0].as_bytes()), |row| row.get(0))?;
    let known: Option<i64> = transaction
        .prepare_cached("SELECT balance FROM transfer WHERE tenant = ?1 AND id = ?2")?
        .query_row((tenant, first.as_bytes()), |row| row.get(0))
        .optional()?;
    let left = left - value;
    if known.is_some() || left < 0 {
        return Ok(known.is_some());
    }
    for (account, id) in accounts.iter().zip([first, second]) {
        transaction
            .prepare_cached("UPDATE account SET posted = posted - ?3 WHERE tenant = ?1 AND id = ?2")?
            .execute((tenant, account.as_bytes(), value))?;
        transaction
            .prepare_cached(
                "INSERT INTO transfer (tenant, id, operation, from_account, to_account, amount, settled, state, lots, \
                 balance, created_at, settled_at) VALUES (?1, ?2, ?3, ?4, ?1, ?5, ?5, 'posted', '[]', ?6, 1, 1)",
            )?
            .execute((tenant, id.as_bytes(), first.as_bytes(), account.as_bytes(), value, left))?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO usage_event (tenant, id, customer, feature, value, occurred_at, received_at, window_start, \
             late) VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, 1, 0)",
        )?
        .execute((tenant, first.as_bytes(), used.customer.as_bytes(), feature.as_bytes(), value))?;
    let chain = Uuid::now_v7();
    transaction
        .prepare_cached(
            "INSERT INTO audit (tenant, chain, seq, entries, hash, created_at) VALUES (?1, ?2, 1, ?3, ?4, 1)",
        )?
        .execute((tenant, chain.as_bytes(), used.entries(), [7_u8; 32]))?;
    transaction
        .prepare_cached("INSERT INTO outbox (tenant, chain, seq, created_at) VALUES (?1, ?2, 1, 1)")?
        .execute((tenant, chain.as_bytes()))?;
    transaction.commit()?;
    Ok(true)
}
