//! The [`Store`] commands on SQLite.

use std::sync::PoisonError;

use async_trait::async_trait;
use farebox_engine::ledger::{Account, AccountSpec, Command, Transfer, TransferId};
use farebox_types::{Address, Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind};
use farebox_types::{Delegation as DelegationKind, Id, Merchant as MerchantKind, Plan as PlanKind};
use farebox_types::{Resource as ResourceKind, Timestamp};
use rusqlite::Connection;

use super::{SqliteStore, billing_reads, connect, ledger, payments, reads, schema, settlement_reads};
use crate::{
    Agent, ApiKey, ApiToken, AuditPlace, AuditRow, Decision, Delegation, Fault, Merchant, OutboxRow, Page, Plan,
    Record, Recorded, Report, Resource, SchemaState, Store, WebhookSecret, verify::Auditor,
};

const BY_ID: &str = "WHERE tenant = ?1 AND id = ?2";
const NEWEST: &str = "WHERE tenant = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3";

#[async_trait]
impl Store for SqliteStore {
    async fn execute(&self, commands: Vec<Command>) -> Result<Vec<Decision>, Fault> {
        self.lanes.execute(commands).await
    }

    async fn record(&self, record: Record) -> Result<Recorded, Fault> {
        self.lanes.record(record).await
    }

    async fn account(&self, spec: &AccountSpec) -> Result<Option<Account>, Fault> {
        let (tenant, id, now) = (spec.tenant, spec.id, self.clock.now());
        self.read(move |sql| ledger::account_as_of(sql, tenant, id, now)).await
    }

    async fn transfer(&self, tenant: Id<MerchantKind>, id: TransferId) -> Result<Option<Transfer>, Fault> {
        self.read(move |sql| ledger::transfer(sql, tenant, id)).await
    }

    async fn merchant(&self, id: Id<MerchantKind>) -> Result<Option<Merchant>, Fault> {
        let key = id.uuid().into_bytes();
        self.read(move |sql| reads::one(sql, reads::MERCHANT, "WHERE tenant = ?1", [key], reads::merchant)).await
    }

    async fn merchant_named(&self, name: &str) -> Result<Option<Merchant>, Fault> {
        let name = name.to_owned();
        self.read(move |sql| reads::one(sql, reads::MERCHANT, "WHERE name = ?1", [name], reads::merchant)).await
    }

    async fn merchants(&self) -> Result<Vec<Merchant>, Fault> {
        self.read(|sql| reads::all(sql, reads::MERCHANT, "ORDER BY tenant", [], reads::merchant)).await
    }

    async fn plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Option<Plan>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::PLAN, BY_ID, key, reads::plan)).await
    }

    async fn plans(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Plan>, u64), Fault> {
        let (key, (limit, offset)) = (tenant.uuid().into_bytes(), reads::window(page));
        self.read(move |sql| {
            let rows = reads::all(sql, reads::PLAN, NEWEST, (key, limit, offset), reads::plan)?;
            Ok((rows, reads::count(sql, "plan", tenant)?))
        })
        .await
    }

    async fn agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Option<Agent>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::AGENT, BY_ID, key, reads::agent)).await
    }

    async fn agents(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Agent>, u64), Fault> {
        let (key, (limit, offset)) = (tenant.uuid().into_bytes(), reads::window(page));
        self.read(move |sql| {
            let rows = reads::all(sql, reads::AGENT, NEWEST, (key, limit, offset), reads::agent)?;
            Ok((rows, reads::count(sql, "agent", tenant)?))
        })
        .await
    }

    async fn plans_of_agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Vec<Plan>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        let linked = "JOIN agent_plan link ON link.tenant = plan.tenant AND link.plan = plan.id \
                      WHERE link.tenant = ?1 AND link.agent = ?2 ORDER BY plan.id";
        self.read(move |sql| reads::all(sql, reads::PLAN, linked, key, reads::plan)).await
    }

    async fn agents_of_plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Vec<Agent>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        let linked = "JOIN agent_plan link ON link.tenant = agent.tenant AND link.agent = agent.id \
                      WHERE link.tenant = ?1 AND link.plan = ?2 ORDER BY agent.id";
        self.read(move |sql| reads::all(sql, reads::AGENT, linked, key, reads::agent)).await
    }

    async fn delegation(&self, tenant: Id<MerchantKind>, id: Id<DelegationKind>) -> Result<Option<Delegation>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::DELEGATION, BY_ID, key, reads::delegation)).await
    }

    async fn delegations(
        &self,
        tenant: Id<MerchantKind>,
        holder: Address,
        page: Page,
    ) -> Result<(Vec<Delegation>, u64), Fault> {
        let key = (tenant.uuid().into_bytes(), *holder.bytes());
        let (limit, offset) = reads::window(page);
        let held = "WHERE tenant = ?1 AND holder = ?2 ORDER BY id DESC LIMIT ?3 OFFSET ?4";
        self.read(move |sql| {
            let rows = reads::all(sql, reads::DELEGATION, held, (key.0, key.1, limit, offset), reads::delegation)?;
            let count = "SELECT count(*) FROM delegation WHERE tenant = ?1 AND holder = ?2";
            let total: i64 = sql.prepare_cached(count)?.query_row(key, |row| row.get(0))?;
            Ok((rows, total.unsigned_abs()))
        })
        .await
    }

    async fn api_key(&self, tenant: Id<MerchantKind>, id: Id<ApiKeyKind>) -> Result<Option<ApiKey>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::API_KEY, BY_ID, key, reads::api_key)).await
    }

    async fn api_token(&self, tenant: Id<MerchantKind>, id: Id<ApiTokenKind>) -> Result<Option<ApiToken>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::API_TOKEN, BY_ID, key, reads::api_token)).await
    }

    async fn api_tokens(&self, tenant: Id<MerchantKind>) -> Result<Vec<ApiToken>, Fault> {
        let key = tenant.uuid().into_bytes();
        let newest = "WHERE tenant = ?1 ORDER BY id DESC";
        self.read(move |sql| reads::all(sql, reads::API_TOKEN, newest, [key], reads::api_token)).await
    }

    async fn webhook_secrets(&self, tenant: Id<MerchantKind>, provider: &str) -> Result<Vec<WebhookSecret>, Fault> {
        let key = (tenant.uuid().into_bytes(), provider.to_owned());
        let newest = "WHERE tenant = ?1 AND provider = ?2 ORDER BY id DESC";
        self.read(move |sql| reads::all(sql, reads::WEBHOOK_SECRET, newest, key, reads::webhook_secret)).await
    }

    async fn resource(&self, tenant: Id<MerchantKind>, id: Id<ResourceKind>) -> Result<Option<Resource>, Fault> {
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| reads::one(sql, reads::RESOURCE, BY_ID, key, reads::resource)).await
    }

    async fn resources(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Resource>, u64), Fault> {
        let (key, (limit, offset)) = (tenant.uuid().into_bytes(), reads::window(page));
        self.read(move |sql| {
            let rows = reads::all(sql, reads::RESOURCE, NEWEST, (key, limit, offset), reads::resource)?;
            Ok((rows, reads::count(sql, "resource", tenant)?))
        })
        .await
    }

    async fn sweep(&self, tenant: Id<MerchantKind>, limit: u32) -> Result<u32, Fault> {
        self.lanes.sweep(tenant, limit).await
    }

    async fn lease_outbox(&self, limit: u32, until: Timestamp) -> Result<Vec<OutboxRow>, Fault> {
        let now = self.clock.now();
        self.read(move |sql| reads::lease(sql, limit, now, until)).await
    }

    async fn finish_outbox(&self, rows: &[OutboxRow]) -> Result<(), Fault> {
        let rows = rows.to_vec();
        self.read(move |sql| in_transaction(sql, |sql| reads::finish(sql, &rows).map(drop))).await
    }

    async fn audit(&self, tenant: Id<MerchantKind>, page: Page) -> Result<Vec<AuditRow>, Fault> {
        let (key, (limit, offset)) = (tenant.uuid().into_bytes(), reads::window(page));
        let newest = "WHERE tenant = ?1 ORDER BY created_at DESC, chain DESC, seq DESC LIMIT ?2 OFFSET ?3";
        self.read(move |sql| reads::all(sql, reads::AUDIT, newest, (key, limit, offset), reads::audit)).await
    }

    async fn audit_after(
        &self,
        tenant: Id<MerchantKind>,
        line: Option<AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Fault> {
        let line = line.unwrap_or(AuditPlace::NEWEST);
        let key = (tenant.uuid().into_bytes(), line.created_at.micros(), line.chain.into_bytes(), line.seq, limit);
        let behind = "WHERE tenant = ?1 AND (created_at, chain, seq) < (?2, ?3, ?4) \
                      ORDER BY created_at DESC, chain DESC, seq DESC LIMIT ?5";
        self.read(move |sql| reads::all(sql, reads::AUDIT, behind, key, reads::audit)).await
    }

    async fn verify(&self) -> Result<Report, Fault> {
        self.read(|sql| in_transaction(sql, rebuild)).await
    }

    async fn schema(&self) -> Result<SchemaState, Fault> {
        self.read(schema::state).await
    }

    async fn migrate(&self) -> Result<SchemaState, Fault> {
        let (path, now) = (self.path.clone(), self.clock.now());
        let task = move || schema::migrate(&mut connect(&path, rusqlite::OpenFlags::default())?, now);
        let done = tokio::task::spawn_blocking(task).await;
        done.map_err(|error| Fault::never(format!("the migration ended early: {error}")))?
    }

    async fn is_claimed(&self) -> Result<bool, Fault> {
        self.read(|sql| Ok(sql.query_row("SELECT count(*) FROM instance", [], |row| row.get::<_, i64>(0))? > 0)).await
    }

    async fn claim(&self, fingerprint: [u8; 32]) -> Result<bool, Fault> {
        self.read(move |sql| schema::claim(sql, fingerprint)).await
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.read(|sql| Ok(sql.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }

    async fn close(&self) {
        self.lanes.close().await;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // The writer has been told to stop; a panic of its own has been reported by then.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

/// One snapshot for several statements; rolled back if `work` fails.
pub(super) fn in_transaction<T>(
    sql: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = sql.unchecked_transaction()?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

fn rebuild(sql: &Connection) -> Result<Report, Fault> {
    let mut auditor = Auditor::default();
    settlement_reads::each(sql, |row| auditor.settlement(row))?;
    let all = |columns: &str, rest: &str| format!("SELECT {columns} FROM {rest}");
    for row in payments::select(sql, &all(payments::PAYMENT, "payment"), [], payments::payment)? {
        auditor.payment(row);
    }
    for row in payments::select(sql, &all(payments::REFUND, "payment_refund"), [], payments::refund)? {
        auditor.refund(&row);
    }
    let order = "payment_trail ORDER BY tenant, payment, seq";
    for row in payments::select(sql, &all(payments::TRAIL, order), [], payments::trail)? {
        auditor.trail(&row);
    }
    settlement_reads::each_difference(sql, |what| auditor.slot(what))?;
    billing_reads::each_difference(sql, |what| auditor.billing(what))?;
    billing_reads::each_event(sql, |event| auditor.usage_event(event))?;
    ledger::each_transfer(sql, |row| auditor.transfer(row))?;
    reads::each_audit_line(sql, |line| auditor.audit_line(line))?;
    ledger::each_account(sql, |row| match row.spec.floor {
        Some(_) => auditor.account(row),
        None => auditor.unguarded(&row.spec),
    })?;
    Ok(auditor.finish())
}
