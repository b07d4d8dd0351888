//! The common design on PostgreSQL: a pool, and a transaction for each request.

use sqlx::{PgPool, Row, postgres::PgPoolOptions};
use uuid::Uuid;

use super::schema::{PLENTY, Shop, Used, balance_of, meter_of};

/// As many as are usual: more wait for one another's locks and processors.
const CONNECTIONS: u32 = 16;
const HOLDINGS: &str = "SELECT document FROM billing_row WHERE tenant = $1 AND kind = 'customer' AND id = $2";
const FEATURE: &str = "SELECT r.id FROM billing_name n JOIN billing_row r USING (tenant, kind, id) \
                       WHERE n.tenant = $1 AND n.kind = 'feature' AND n.name = $2";
const LOCK: &str = "SELECT id, posted, held FROM account WHERE tenant = $1 AND id = ANY($2) ORDER BY id FOR UPDATE";
const KNOWN: &str = "SELECT balance FROM transfer WHERE tenant = $1 AND id = $2";
const MOVE: &str = "UPDATE account SET posted = posted - $3 WHERE tenant = $1 AND id = ANY($2)";
const TRANSFERS: &str = "INSERT INTO transfer (tenant, id, operation, from_account, to_account, amount, settled, state, \
     lots, balance, created_at, settled_at) SELECT $1, t.id, $3, t.from_account, $1, $5, $5, 'posted', '[]', $6, $7, $7 \
     FROM unnest($2::uuid[], $4::uuid[]) AS t (id, from_account)";
const EVENT: &str = "INSERT INTO usage_event (tenant, id, customer, feature, value, occurred_at, received_at, \
     window_start, late) VALUES ($1, $2, $3, $4, $5, $6, $6, $6, false)";
const AUDIT: &str = "INSERT INTO audit (tenant, chain, seq, entries, hash, created_at) VALUES ($1, $2, 1, $3, $4, $5)";
const OUTBOX: &str = "INSERT INTO outbox (tenant, chain, seq, created_at) VALUES ($1, $2, 1, $3)";

pub(super) struct Postgres {
    pool: PgPool,
    tenant: Uuid,
}

impl Postgres {
    pub(super) async fn open(url: &str, shop: &Shop) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        let row = "INSERT INTO billing_row (tenant, kind, id, revision, document, created_at, updated_at) \
                   VALUES ($1, $2, $3, 1, $4, 0, 0)";
        let account = "INSERT INTO account (tenant, id, owner, unit, kind, floor, posted) \
                       VALUES ($1, $2, '', '', 'holder', -9000000000000000000, $3)";
        let feature = sqlx::query(row).bind(shop.tenant).bind("feature").bind(shop.feature);
        feature.bind("{}").execute(&pool).await?;
        let name = sqlx::query("INSERT INTO billing_name VALUES ($1, 'feature', 'calls', $2)");
        name.bind(shop.tenant).bind(shop.feature).execute(&pool).await?;
        for customer in &shop.customers {
            let customer_row = sqlx::query(row).bind(shop.tenant).bind("customer").bind(customer);
            customer_row.bind(Shop::document(*customer)).execute(&pool).await?;
            for (id, posted) in [(balance_of(*customer), PLENTY), (meter_of(*customer), 0)] {
                sqlx::query(account).bind(shop.tenant).bind(id).bind(posted).execute(&pool).await?;
            }
        }
        Ok(Self { pool, tenant: shop.tenant })
    }

    pub(super) async fn take(&self, used: Used) -> anyhow::Result<bool> {
        let (tenant, value) = (self.tenant, used.micros());
        let holdings = sqlx::query(HOLDINGS).bind(tenant).bind(used.customer).fetch_one(&self.pool).await?;
        let _: serde_json::Value = serde_json::from_str(holdings.try_get(0)?)?;
        let feature = sqlx::query(FEATURE).bind(tenant).bind(&used.feature).fetch_one(&self.pool).await?;
        let feature: Uuid = feature.try_get(0)?;
        let accounts = [balance_of(used.customer), meter_of(used.customer)];
        let mut sql = self.pool.begin().await?;
        let rows = sqlx::query(LOCK).bind(tenant).bind(&accounts[..]).fetch_all(&mut *sql).await?;
        let mut left = 0;
        for row in rows {
            if row.try_get::<Uuid, _>(0)? == accounts[0] {
                left = row.try_get::<i64, _>(1)? - row.try_get::<i64, _>(2)? - value;
            }
        }
        let known = sqlx::query(KNOWN).bind(tenant).bind(used.key).fetch_optional(&mut *sql).await?;
        if known.is_some() || left < 0 {
            return Ok(known.is_some());
        }
        let (now, chain) = (i64::try_from(Uuid::now_v7().as_u128() >> 80)? * 1000, Uuid::now_v7());
        sqlx::query(MOVE).bind(tenant).bind(&accounts[..]).bind(value).execute(&mut *sql).await?;
        let transfers = sqlx::query(TRANSFERS).bind(tenant).bind(&used.transfers()[..]).bind(used.key);
        transfers.bind(&accounts[..]).bind(value).bind(left).bind(now).execute(&mut *sql).await?;
        let event = sqlx::query(EVENT).bind(tenant).bind(used.key).bind(used.customer).bind(feature);
        event.bind(value).bind(now).execute(&mut *sql).await?;
        let audit = sqlx::query(AUDIT).bind(tenant).bind(chain).bind(used.entries());
        audit.bind(&[7_u8; 32][..]).bind(now).execute(&mut *sql).await?;
        sqlx::query(OUTBOX).bind(tenant).bind(chain).bind(now).execute(&mut *sql).await?;
        sql.commit().await?;
        Ok(true)
    }
}
