//! Every row of one snapshot, past the auditor.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use super::{
    billing_reads,
    ledger::{self, read_account, read_transfer},
    payments::{self, payment_columns, refund_columns, trail_columns},
    reads::{self, audit_lines},
    settlement_reads,
};
use crate::{Fault, Report, billing::NAME_DIFFERENCES, settlements::columns::SLOT_DIFFERENCES, verify::Auditor};

const PAYMENTS: &str = concat!("SELECT ", payment_columns!(), " FROM payment");
const REFUNDS: &str = concat!("SELECT ", refund_columns!(), " FROM payment_refund");
const TRAILS: &str = concat!("SELECT ", trail_columns!(), " FROM payment_trail ORDER BY tenant, payment, seq");

pub(super) async fn rebuild(pool: &PgPool) -> Result<Report, Fault> {
    let mut snapshot = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let mut auditor = Auditor::default();
    each(&mut snapshot, settlement_reads::ALL, |row| {
        auditor.settlement(&settlement_reads::read_any(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, PAYMENTS, |row| {
        auditor.payment(payments::payment(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, REFUNDS, |row| {
        auditor.refund(&payments::refund(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, TRAILS, |row| {
        auditor.trail(&payments::trail(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, SLOT_DIFFERENCES, |row| {
        auditor.slot(row.try_get(0)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, NAME_DIFFERENCES, |row| {
        auditor.billing(row.try_get(0)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, billing_reads::ALL_EVENTS, |row| {
        auditor.usage_event(&billing_reads::event(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, ledger::ALL_TRANSFERS, |row| {
        auditor.transfer(&read_transfer(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, audit_lines!("ORDER BY tenant, chain, seq"), |row| {
        auditor.audit_line(&reads::audit(row)?);
        Ok(())
    })
    .await?;
    each(&mut snapshot, ledger::ALL_ACCOUNTS, |row| {
        let account = read_account(row)?;
        match account.spec.floor {
            Some(_) => auditor.account(&account),
            None => auditor.unguarded(&account.spec),
        }
        Ok(())
    })
    .await?;
    snapshot.rollback().await?;
    Ok(auditor.finish())
}

/// Calls `see` with every row as it arrives.
async fn each(
    sql: &mut PgConnection,
    statement: &'static str,
    mut see: impl FnMut(&PgRow) -> sqlx::Result<()>,
) -> sqlx::Result<()> {
    let mut rows = sqlx::query(statement).fetch(sql);
    while let Some(row) = rows.try_next().await? {
        see(&row)?;
    }
    Ok(())
}
