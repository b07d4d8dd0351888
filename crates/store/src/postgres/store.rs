//! The [`Store`] commands on PostgreSQL.

use async_trait::async_trait;
use farebox_engine::ledger::{Account, AccountSpec, Command, Transfer, TransferId};
use farebox_types::{Address, Agent as AgentKind, ApiKey as ApiKeyKind, ApiToken as ApiTokenKind};
use farebox_types::{Delegation as DelegationKind, Id, Merchant as MerchantKind, Plan as PlanKind};
use farebox_types::{Resource as ResourceKind, Timestamp};

use super::{
    PostgresStore,
    connect::limited,
    ledger,
    reads::{
        self, agents, api_keys, api_tokens, audit_lines, delegations, merchants, plans, resources, webhook_secrets,
    },
    schema, verify,
};
use crate::{
    Agent, ApiKey, ApiToken, AuditPlace, AuditRow, Decision, Delegation, Fault, Merchant, OutboxRow, Page, Plan,
    Record, Recorded, Report, Resource, SchemaState, Store, WebhookSecret,
};

#[async_trait]
impl Store for PostgresStore {
    async fn execute(&self, commands: Vec<Command>) -> Result<Vec<Decision>, Fault> {
        self.lanes.execute(commands).await
    }

    async fn record(&self, record: Record) -> Result<Recorded, Fault> {
        self.lanes.record(record).await
    }

    async fn account(&self, spec: &AccountSpec) -> Result<Option<Account>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(ledger::account_as_of(&mut sql, spec.tenant, spec.id, self.clock.now())).await?)
    }

    async fn transfer(&self, tenant: Id<MerchantKind>, id: TransferId) -> Result<Option<Transfer>, Fault> {
        let mut sql = limited(self.pool.acquire()).await?;
        Ok(limited(ledger::transfer(&mut sql, tenant, id)).await?)
    }

    async fn merchant(&self, id: Id<MerchantKind>) -> Result<Option<Merchant>, Fault> {
        let query = sqlx::query(merchants!("WHERE tenant = $1")).bind(id.uuid());
        reads::one(&self.pool, query, reads::merchant).await
    }

    async fn merchant_named(&self, name: &str) -> Result<Option<Merchant>, Fault> {
        let query = sqlx::query(merchants!("WHERE name = $1")).bind(name);
        reads::one(&self.pool, query, reads::merchant).await
    }

    async fn merchants(&self) -> Result<Vec<Merchant>, Fault> {
        reads::all(&self.pool, sqlx::query(merchants!("ORDER BY tenant")), reads::merchant).await
    }

    async fn plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Option<Plan>, Fault> {
        let query = sqlx::query(plans!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::plan).await
    }

    async fn plans(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Plan>, u64), Fault> {
        let (limit, offset) = reads::window(page);
        let query = sqlx::query(plans!("WHERE tenant = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"));
        let rows = reads::all(&self.pool, query.bind(tenant.uuid()).bind(limit).bind(offset), reads::plan).await?;
        let query = sqlx::query("SELECT count(*) FROM plan WHERE tenant = $1").bind(tenant.uuid());
        Ok((rows, reads::count(&self.pool, query).await?))
    }

    async fn agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Option<Agent>, Fault> {
        let query = sqlx::query(agents!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::agent).await
    }

    async fn agents(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Agent>, u64), Fault> {
        let (limit, offset) = reads::window(page);
        let query = sqlx::query(agents!("WHERE tenant = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"));
        let rows = reads::all(&self.pool, query.bind(tenant.uuid()).bind(limit).bind(offset), reads::agent).await?;
        let query = sqlx::query("SELECT count(*) FROM agent WHERE tenant = $1").bind(tenant.uuid());
        Ok((rows, reads::count(&self.pool, query).await?))
    }

    async fn plans_of_agent(&self, tenant: Id<MerchantKind>, id: Id<AgentKind>) -> Result<Vec<Plan>, Fault> {
        let query = sqlx::query(plans!(
            "JOIN agent_plan link ON link.tenant = plan.tenant AND link.plan = plan.id \
             WHERE link.tenant = $1 AND link.agent = $2 ORDER BY plan.id"
        ));
        reads::all(&self.pool, query.bind(tenant.uuid()).bind(id.uuid()), reads::plan).await
    }

    async fn agents_of_plan(&self, tenant: Id<MerchantKind>, id: Id<PlanKind>) -> Result<Vec<Agent>, Fault> {
        let query = sqlx::query(agents!(
            "JOIN agent_plan link ON link.tenant = agent.tenant AND link.agent = agent.id \
             WHERE link.tenant = $1 AND link.plan = $2 ORDER BY agent.id"
        ));
        reads::all(&self.pool, query.bind(tenant.uuid()).bind(id.uuid()), reads::agent).await
    }

    async fn delegation(&self, tenant: Id<MerchantKind>, id: Id<DelegationKind>) -> Result<Option<Delegation>, Fault> {
        let query = sqlx::query(delegations!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::delegation).await
    }

    async fn delegations(
        &self,
        tenant: Id<MerchantKind>,
        holder: Address,
        page: Page,
    ) -> Result<(Vec<Delegation>, u64), Fault> {
        let (limit, offset) = reads::window(page);
        let held = delegations!("WHERE tenant = $1 AND holder = $2 ORDER BY id DESC LIMIT $3 OFFSET $4");
        let query = sqlx::query(held).bind(tenant.uuid()).bind(*holder.bytes()).bind(limit).bind(offset);
        let rows = reads::all(&self.pool, query, reads::delegation).await?;
        let query = sqlx::query("SELECT count(*) FROM delegation WHERE tenant = $1 AND holder = $2");
        let query = query.bind(tenant.uuid()).bind(*holder.bytes());
        Ok((rows, reads::count(&self.pool, query).await?))
    }

    async fn api_key(&self, tenant: Id<MerchantKind>, id: Id<ApiKeyKind>) -> Result<Option<ApiKey>, Fault> {
        let query = sqlx::query(api_keys!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::api_key).await
    }

    async fn api_token(&self, tenant: Id<MerchantKind>, id: Id<ApiTokenKind>) -> Result<Option<ApiToken>, Fault> {
        let query = sqlx::query(api_tokens!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::api_token).await
    }

    async fn api_tokens(&self, tenant: Id<MerchantKind>) -> Result<Vec<ApiToken>, Fault> {
        let query = sqlx::query(api_tokens!("WHERE tenant = $1 ORDER BY id DESC")).bind(tenant.uuid());
        reads::all(&self.pool, query, reads::api_token).await
    }

    async fn webhook_secrets(&self, tenant: Id<MerchantKind>, provider: &str) -> Result<Vec<WebhookSecret>, Fault> {
        let query = sqlx::query(webhook_secrets!("WHERE tenant = $1 AND provider = $2 ORDER BY id DESC"));
        reads::all(&self.pool, query.bind(tenant.uuid()).bind(provider), reads::webhook_secret).await
    }

    async fn resource(&self, tenant: Id<MerchantKind>, id: Id<ResourceKind>) -> Result<Option<Resource>, Fault> {
        let query = sqlx::query(resources!("WHERE tenant = $1 AND id = $2")).bind(tenant.uuid()).bind(id.uuid());
        reads::one(&self.pool, query, reads::resource).await
    }

    async fn resources(&self, tenant: Id<MerchantKind>, page: Page) -> Result<(Vec<Resource>, u64), Fault> {
        let (limit, offset) = reads::window(page);
        let query = sqlx::query(resources!("WHERE tenant = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"));
        let rows = reads::all(&self.pool, query.bind(tenant.uuid()).bind(limit).bind(offset), reads::resource).await?;
        let query = sqlx::query("SELECT count(*) FROM resource WHERE tenant = $1").bind(tenant.uuid());
        Ok((rows, reads::count(&self.pool, query).await?))
    }

    async fn sweep(&self, tenant: Id<MerchantKind>, limit: u32) -> Result<u32, Fault> {
        self.lanes.sweep(tenant, limit).await
    }

    async fn lease_outbox(&self, limit: u32, until: Timestamp) -> Result<Vec<OutboxRow>, Fault> {
        reads::lease(&self.pool, limit, self.clock.now(), until).await
    }

    async fn finish_outbox(&self, rows: &[OutboxRow]) -> Result<(), Fault> {
        reads::finish(&self.pool, rows).await
    }

    async fn audit(&self, tenant: Id<MerchantKind>, page: Page) -> Result<Vec<AuditRow>, Fault> {
        let (limit, offset) = reads::window(page);
        let query = sqlx::query(audit_lines!(
            "WHERE tenant = $1 ORDER BY created_at DESC, chain DESC, seq DESC LIMIT $2 OFFSET $3"
        ));
        reads::all(&self.pool, query.bind(tenant.uuid()).bind(limit).bind(offset), reads::audit).await
    }

    async fn audit_after(
        &self,
        tenant: Id<MerchantKind>,
        line: Option<AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Fault> {
        let query = sqlx::query(audit_lines!(
            "WHERE tenant = $1 AND (created_at, chain, seq) < ($2, $3, $4) \
             ORDER BY created_at DESC, chain DESC, seq DESC LIMIT $5"
        ));
        let line = line.unwrap_or(AuditPlace::NEWEST);
        let query = query.bind(tenant.uuid()).bind(line.created_at.micros()).bind(line.chain).bind(line.seq);
        reads::all(&self.pool, query.bind(i64::from(limit)), reads::audit).await
    }

    async fn verify(&self) -> Result<Report, Fault> {
        verify::rebuild(&self.pool).await
    }

    async fn schema(&self) -> Result<SchemaState, Fault> {
        schema::state(&self.pool).await
    }

    async fn migrate(&self) -> Result<SchemaState, Fault> {
        schema::migrate(self.server.connect().await?, self.clock.now()).await
    }

    async fn is_claimed(&self) -> Result<bool, Fault> {
        schema::is_claimed(&self.pool).await
    }

    async fn claim(&self, fingerprint: [u8; 32]) -> Result<bool, Fault> {
        schema::claim(&self.pool, fingerprint).await
    }

    async fn ping(&self) -> Result<(), Fault> {
        limited(sqlx::query("SELECT 1").execute(&self.pool)).await?;
        Ok(())
    }

    async fn close(&self) {
        self.shut_down().await;
    }
}
