//! A checkout's payments: which one is tried, and what it does once it is paid.

use farebox_engine::{
    ledger::Actor,
    payment::{Answer, Ask as PaymentAsk, Collects, Command, Payment, Request, Stage, Word},
};
use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund, Timestamp};
use uuid::Uuid;

use super::{
    Ask, Billing, BillingError, BillingWrite, Checkout, CheckoutState, Collected, Collecting, Committed, Due, Kind,
    Put, Row, ask::Decided,
};
use crate::OperationKey;

/// Tries of a write whose rows somebody else wrote meanwhile.
const TRIES: u32 = 8;

/// The payment that a checkout is paid with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Written down, to be driven on.
    Begun(Payment),
    /// Another one is under way, or has paid.
    Standing(Payment),
}

impl Billing {
    /// Writes a payment down as its checkout's attempt, unless one is under way or has paid: however many browsers try at
    /// once, there is one.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] if the checkout is over or the money is not what is due.
    pub async fn attempt_checkout(&self, payment: &Payment, actor: &Actor) -> Result<Attempt, BillingError> {
        let (tenant, id) = (payment.tenant, checkout_of(payment)?);
        for _ in 0..TRIES {
            let row = self.get::<Checkout>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Checkout))?;
            match self.attempt_of(tenant, &row.value).await? {
                Some(own) if own.id == payment.id => return Ok(Attempt::Begun(own)),
                Some(other) if other.state.is_open() || other.state.was_paid() => return Ok(Attempt::Standing(other)),
                _ => {}
            }
            let now = self.now(tenant).await?;
            if row.value.state != CheckoutState::Open || now >= row.value.expires_at {
                return Err(BillingError::Invalid("the checkout is over"));
            }
            if !row.value.due.as_ref().is_some_and(|due| is_due(due, payment)) {
                return Err(BillingError::Invalid("the payment is not what is due"));
            }
            let after = Checkout { attempt: Some(payment.id.uuid()), ..row.value.clone() };
            let puts = vec![Put::update(&row.with(after), "checkout_attempted")?];
            let rows = write((tenant, format!("attempt/{id}/{}", row.revision)), puts, actor, now);
            let begin = Command::Begin { payment: Box::new(payment.clone()), request: None, actor: actor.clone() };
            match self.store.collect(Collecting { payments: vec![begin], only_if_paid: false, rows }).await? {
                Collected::Fresh(_) => return Ok(Attempt::Begun(payment.clone())),
                other => again(other)?,
            }
        }
        Err(BillingError::Busy)
    }

    /// The payment that was tried last for a checkout.
    ///
    /// # Errors
    /// A [`crate::Fault`] of the database.
    pub async fn attempt_of(&self, tenant: Id<Merchant>, checkout: &Checkout) -> Result<Option<Payment>, BillingError> {
        match checkout.paid_by.or(checkout.attempt) {
            Some(id) => Ok(self.store.payment(tenant, Id::from_uuid(id)).await?),
            None => Ok(None),
        }
    }

    /// Writes what a provider said of a checkout's payment. If it is paid, the subscription begins in the same commit; money
    /// that comes when there is nothing left to pay (the checkout has expired, or was paid otherwise) goes back: its refund
    /// is written down in the same commit.
    ///
    /// # Errors
    /// Of the database, or [`BillingError::Busy`]. Repeating is harmless.
    pub async fn settle_checkout(&self, checkout: Uuid, observe: Command) -> Result<Answer, BillingError> {
        let Command::Observe { tenant, payment, word, actor, .. } = &observe else {
            return Err(BillingError::Invalid("only what was seen is settled"));
        };
        let (tenant, payment, actor) = (*tenant, *payment, actor.clone());
        if !matches!(word, Word::Seen(seen) if seen.stage == Stage::Succeeded) {
            return Ok(self.store.pay(observe).await?);
        }
        for _ in 0..TRIES {
            let row = self.get::<Checkout>(tenant, checkout).await?.ok_or(BillingError::NotFound(Kind::Checkout))?;
            if row.value.paid_by == Some(payment.uuid()) {
                return Ok(self.store.pay(observe).await?);
            }
            let (mut payments, rows) = match self.paid((tenant, payment), &row, &actor).await? {
                Some(rows) => (Vec::new(), rows),
                None => self.given_back((tenant, payment), &row, &actor).await?,
            };
            payments.insert(0, observe.clone());
            match self.store.collect(Collecting { payments, only_if_paid: true, rows }).await? {
                Collected::Fresh(answers) => return answers.into_iter().next().ok_or(BillingError::Busy),
                Collected::Otherwise(_) => return Ok(self.store.pay(observe).await?),
                // This was written before: only what is new about the payment is left.
                Collected::Not(Committed::Replayed(_)) => return Ok(self.store.pay(observe).await?),
                other => again(other)?,
            }
        }
        Err(BillingError::Busy)
    }

    /// What begins with the payment; `None` if there is nothing to begin any more.
    async fn paid(
        &self,
        (tenant, payment): (Id<Merchant>, Id<PaymentKind>),
        row: &Row<Checkout>,
        actor: &Actor,
    ) -> Result<Option<BillingWrite>, BillingError> {
        // A payment that was begun in time counts, also if its outcome is known a little late.
        if row.value.state != CheckoutState::Open {
            return Ok(None);
        }
        let method = self.store.payment(tenant, payment).await?.map(|payment| payment.details.method);
        let after = Checkout { paid_by: Some(payment.uuid()), method, ..row.value.clone() };
        match self.completion(tenant, (row, after), actor).await {
            Ok((Decided { puts, commands, .. }, _, now)) => {
                let rows = write((tenant, format!("paid/{payment}")), puts, actor, now);
                Ok(Some(BillingWrite { commands, ..rows }))
            }
            // Somebody has ended the subscription meanwhile.
            Err(BillingError::NotAllowed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn given_back(
        &self,
        (tenant, payment): (Id<Merchant>, Id<PaymentKind>),
        row: &Row<Checkout>,
        actor: &Actor,
    ) -> Result<(Vec<Command>, BillingWrite), BillingError> {
        let now = self.now(tenant).await?;
        let reason = Some("the checkout was over".to_owned());
        let ask = PaymentAsk::Refund { id: Id::<Refund>::generate(), minor: None, reason };
        let scope = format!("payments.refunds/{payment}");
        let request = Request {
            tenant,
            scope,
            key: format!("checkout-{}", row.value.id),
            hash: [0; 32],
            payment,
            refund: None,
            answer: None,
            created_at: self.machine_time(),
        };
        let refund = Command::Ask { tenant, payment, ask, request: Some(request), actor: actor.clone() };
        Ok((vec![refund], write((tenant, format!("given-back/{payment}")), Vec::new(), actor, now)))
    }
}

fn checkout_of(payment: &Payment) -> Result<Uuid, BillingError> {
    match payment.details.collects {
        Some(Collects::Checkout(id)) => Ok(id),
        None => Err(BillingError::Invalid("the payment is for no checkout")),
    }
}

fn is_due(due: &Due, payment: &Payment) -> bool {
    due.minor == payment.money.minor && due.currency == payment.money.currency.code()
}

/// Named by us: the same step of the same thing has its effect once.
fn write((tenant, key): (Id<Merchant>, String), puts: Vec<Put>, actor: &Actor, at: Timestamp) -> BillingWrite {
    let operation = OperationKey { scope: "collect".to_owned(), key };
    let ask = Ask { tenant, operation, request_hash: [0; 32], actor: actor.clone() };
    ask.write(Decided { puts, ..Decided::default() }, at)
}

/// Somebody else wrote the same meanwhile: read it again. Anything else is an error.
fn again(collected: Collected) -> Result<(), BillingError> {
    match collected {
        Collected::Not(Committed::Stale(..) | Committed::Replayed(_)) => Ok(()),
        Collected::Not(Committed::Refused(refusal)) => Err(refusal.into()),
        Collected::Not(Committed::Taken(kind, name)) => Err(BillingError::Taken(kind, name)),
        _ => Err(BillingError::Conflict),
    }
}
