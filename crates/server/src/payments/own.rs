//! Payments that this server's own billing asks for: the same rows and calls, without HTTP.

use farebox_engine::{
    ledger::Actor,
    payment::{Answer, Ask, Call, Collects, Command, Denied, Details, Payment, State, WITHIN},
};
use farebox_store::Fault;
use farebox_types::{Id, Merchant, Money};

use super::{Payments, drive, resume};
use crate::refusal::{Failure, Refusal, impossible};

/// A payment that somebody of ours wants.
pub(crate) struct Draft {
    pub(crate) tenant: Id<Merchant>,
    pub(crate) customer_id: String,
    pub(crate) money: Money,
    pub(crate) method: String,
    pub(crate) description: Option<String>,
    pub(crate) return_url: Option<String>,
    pub(crate) collects: Collects,
}

impl Payments {
    /// The configured provider's name.
    pub(crate) fn provider(&self) -> &'static str {
        self.rail(None).map_or("", |rail| rail.provider.name())
    }

    /// The row of a payment that may be made; nothing is written yet.
    pub(crate) async fn draft(&self, draft: Draft) -> Result<Payment, Failure> {
        let rail = self.rail(None).ok_or_else(|| impossible("no provider is configured"))?;
        self.may_charge(draft.tenant, &*rail.provider).await?;
        let currencies = rail.provider.capabilities().currencies;
        if currencies.is_some_and(|known| !known.contains(&draft.money.currency.code())) {
            return Err(Refusal::field("currency", "one that the provider takes").into());
        }
        let visible = !draft.method.contains(char::is_control) && (1..=128).contains(&draft.method.len());
        if !visible {
            return Err(Refusal::field("method", "1 to 128 visible characters").into());
        }
        let now = self.now();
        let details = Details {
            method: draft.method,
            description: draft.description,
            return_url: draft.return_url,
            pending: Some(Call::Create),
            collects: Some(draft.collects),
            ..Details::default()
        };
        Ok(Payment {
            tenant: draft.tenant,
            id: Id::generate(),
            customer_id: draft.customer_id,
            provider: rail.provider.name().to_owned(),
            provider_id: None,
            money: draft.money,
            captured: 0,
            refunded: 0,
            refunding: 0,
            state: State::Created,
            next_check: Some(now.after(WITHIN)),
            trail: (0, [0; 32]),
            details,
            created_at: now,
            updated_at: now,
        })
    }

    /// Makes the call of a row that is written down, also when the caller goes away meanwhile.
    pub(crate) async fn drive(&self, row: Payment, call: Call, actor: Actor) -> Result<Payment, Fault> {
        drive::detached(self, row, call, None, actor).await
    }

    /// Asks the provider how it stands, and writes what it says.
    pub(crate) async fn look(&self, row: Payment) -> Result<Payment, Fault> {
        let (tenant, id) = (row.tenant, row.id);
        resume::payment(self, row).await?;
        self.store().payment(tenant, id).await?.ok_or_else(|| impossible("a payment is gone"))
    }

    /// Writes the intent of a further call down and makes it. Who comes second gets the payment as it stands.
    pub(crate) async fn ask(&self, row: &Payment, ask: Ask, actor: Actor) -> Result<Payment, Failure> {
        let (tenant, payment) = (row.tenant, row.id);
        let command = Command::Ask { tenant, payment, ask, request: None, actor: actor.clone() };
        match self.pay(command).await? {
            Answer::Done { payment, .. } => {
                let call =
                    payment.details.pending.clone().ok_or_else(|| impossible("a call was asked and is not there"))?;
                Ok(self.drive(*payment, call, actor).await?)
            }
            Answer::Denied(Denied::Busy | Denied::State { .. }) => {
                let found = self.store().payment(tenant, payment).await?;
                Ok(found.ok_or(Refusal::NoPayment)?)
            }
            other => Err(impossible(format!("a call was asked and answered {other:?}")).into()),
        }
    }
}
