//! The [`PaymentStore`] commands on SQLite.

use async_trait::async_trait;
use farebox_engine::payment::{Answer, Command, Payment, Refund, Request, TrailEntry};
use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund as RefundKind, Timestamp};

use super::{
    SqliteStore,
    payments::{self, PAYMENT, REFUND, TRAIL, select},
    store::in_transaction,
};
use crate::{Due, Fault, PaymentFilter, PaymentStore};

#[async_trait]
impl PaymentStore for SqliteStore {
    async fn pay(&self, command: Command) -> Result<Answer, Fault> {
        self.lanes.pay(command).await
    }

    async fn payment(&self, tenant: Id<Merchant>, id: Id<PaymentKind>) -> Result<Option<Payment>, Fault> {
        let text = format!("SELECT {PAYMENT} FROM payment WHERE tenant = ?1 AND id = ?2");
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| Ok(select(sql, &text, key, payments::payment)?.pop())).await
    }

    async fn payment_at(&self, tenant: Id<Merchant>, provider_id: &str) -> Result<Option<Payment>, Fault> {
        let text = format!("SELECT {PAYMENT} FROM payment WHERE tenant = ?1 AND provider_id = ?2");
        let key = (tenant.uuid().into_bytes(), provider_id.to_owned());
        self.read(move |sql| Ok(select(sql, &text, key, payments::payment)?.pop())).await
    }

    async fn payments(&self, tenant: Id<Merchant>, filter: &PaymentFilter) -> Result<Vec<Payment>, Fault> {
        let (tenant, filter) = (tenant.uuid().into_bytes(), filter.clone());
        self.read(move |sql| payments::list(sql, &tenant, &filter)).await
    }

    async fn refunds(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<Refund>, Fault> {
        let text = format!("SELECT {REFUND} FROM payment_refund WHERE tenant = ?1 AND payment = ?2 ORDER BY id");
        let key = (tenant.uuid().into_bytes(), payment.uuid().into_bytes());
        self.read(move |sql| select(sql, &text, key, payments::refund)).await
    }

    async fn refund(&self, tenant: Id<Merchant>, id: Id<RefundKind>) -> Result<Option<Refund>, Fault> {
        let text = format!("SELECT {REFUND} FROM payment_refund WHERE tenant = ?1 AND id = ?2");
        let key = (tenant.uuid().into_bytes(), id.uuid().into_bytes());
        self.read(move |sql| Ok(select(sql, &text, key, payments::refund)?.pop())).await
    }

    async fn payment_trail(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<TrailEntry>, Fault> {
        let text = format!("SELECT {TRAIL} FROM payment_trail WHERE tenant = ?1 AND payment = ?2 ORDER BY seq");
        let key = (tenant.uuid().into_bytes(), payment.uuid().into_bytes());
        self.read(move |sql| select(sql, &text, key, payments::trail)).await
    }

    async fn payment_request(&self, tenant: Id<Merchant>, scope: &str, key: &str) -> Result<Option<Request>, Fault> {
        let (tenant, scope, key) = (tenant.uuid().into_bytes(), scope.to_owned(), key.to_owned());
        self.read(move |sql| payments::named(sql, &tenant, &scope, &key)).await
    }

    async fn due_payments(&self, limit: u32, until: Timestamp) -> Result<Due, Fault> {
        let now = self.clock.now();
        self.read(move |sql| in_transaction(sql, |sql| payments::due(sql, limit, now, until))).await
    }
}
