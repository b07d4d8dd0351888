//! Farebox's own store.

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use farebox_engine::ledger::{AccountSpec, Actor, Command, Grant, Leg, Operation, TransferId};
use farebox_store::{Database, DatabaseUrl, Store};
use farebox_types::{Address, Id, Merchant, Plan, Quantity, SystemClock};

use uuid::Uuid;

use super::{
    ACCOUNTS,
    callers::{Answer, Burner},
};

pub(crate) struct Subject {
    store: Arc<dyn Store>,
    tenant: Id<Merchant>,
    plan: Id<Plan>,
}

pub(crate) async fn open_sqlite(path: &Path) -> anyhow::Result<Subject> {
    open(&format!("sqlite:{}", path.display())).await
}

/// `url` names a database that may be written to; the bench makes its schema there.
pub(crate) async fn open_postgres(url: &str) -> anyhow::Result<Subject> {
    open(url).await
}

async fn open(url: &str) -> anyhow::Result<Subject> {
    let url: DatabaseUrl = url.parse()?;
    let store = Database::open(&url, Arc::new(SystemClock)).await?;
    store.migrate().await?;
    let subject = Subject { store, tenant: Id::generate(), plan: Id::generate() };
    subject.fund().await?;
    Ok(subject)
}

impl Subject {
    fn holder(&self, account: u64) -> AccountSpec {
        let mut bytes = [0; 20];
        bytes[12..].copy_from_slice(&account.to_be_bytes());
        AccountSpec::holder(self.tenant, self.plan, Address::from_bytes(bytes))
    }

    async fn fund(&self) -> anyhow::Result<()> {
        let plenty = Quantity::from_units(1_000_000_000).context("plenty")?;
        for account in 0..ACCOUNTS {
            let issuer = AccountSpec::issuer(self.tenant, self.plan);
            let grant = Grant {
                id: TransferId::derive(self.tenant, "fund", &account.to_string()),
                leg: Leg::grant(issuer, self.holder(account), plenty)?,
                priority: 0,
                expires_at: None,
                clock: None,
                actor: Actor::new("bench"),
            };
            let answers = self.store.execute(vec![Command::Grant(grant)]).await?;
            ensure!(answers.iter().all(Result::is_ok), "a grant was refused");
        }
        Ok(())
    }
}

impl Burner for Subject {
    fn burn(&self, account: u64, key: Uuid) -> Answer<'_, ()> {
        Box::pin(async move {
            let revenue = AccountSpec::revenue(self.tenant, self.plan);
            let leg = Leg::charge(self.holder(account), revenue, Quantity::ONE)?;
            let operation = Operation::new(TransferId::from_uuid(key), vec![leg], Actor::new("bench"))?;
            let answers = self.store.execute(vec![Command::Post(operation)]).await?;
            ensure!(answers.iter().all(Result::is_ok), "a burn was refused: {answers:?}");
            Ok(())
        })
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let report = self.store.verify().await?;
            ensure!(report.is_clean(), "verify found differences: {:?}", report.differences);
            Ok(())
        })
    }
}
