//! A merchant's card payments, begun and observed as the service does it.

use farebox_engine::{
    ledger::Actor,
    payment::{Answer, Ask, Call, Command, Details, Payment, Refund, RefundState, Request, Seen, Stage, State, Word},
};
use farebox_types::{Id, Merchant, Money, Payment as PaymentKind, Timestamp};

use crate::world::World;

const CUSTOMER: &str = "cust_123";

fn actor() -> Actor {
    Actor::new("key_test")
}

/// A payment of 49.99 USD that nobody has written down yet.
pub(super) fn fresh(tenant: Id<Merchant>, now: Timestamp) -> Payment {
    Payment {
        tenant,
        id: Id::generate(),
        customer_id: CUSTOMER.to_owned(),
        provider: "sim".to_owned(),
        provider_id: None,
        money: Money { minor: 4999, currency: "USD".parse().unwrap() },
        captured: 0,
        refunded: 0,
        refunding: 0,
        state: State::Created,
        next_check: None,
        trail: (0, [0; 32]),
        details: Details { method: "pm_sim_ok".to_owned(), pending: Some(Call::Create), ..Details::default() },
        created_at: now,
        updated_at: now,
    }
}

pub(super) fn begin(payment: Payment, request: Option<Request>) -> Command {
    Command::Begin { payment: Box::new(payment), request, actor: actor() }
}

pub(super) fn observe(payment: &Payment, word: Word) -> Command {
    let (tenant, payment) = (payment.tenant, payment.id);
    Command::Observe { tenant, payment, word, answers: None, event: None, actor: actor() }
}

/// The provider shows it paid, with so much paid back.
pub(super) fn paid(payment: &Payment, refunded: i64) -> Word {
    let Word::Seen(seen) = seen(payment, Stage::Succeeded, Some(payment.details.calls)) else { panic!("not seen") };
    Word::Seen(Box::new(Seen { captured: payment.money.minor, refunded: Some(refunded), ..*seen }))
}

/// The provider shows it so, in answer to that call or to a look.
pub(super) fn seen(payment: &Payment, stage: Stage, answers: Option<u32>) -> Word {
    Word::Seen(Box::new(Seen {
        provider_id: format!("pi_{}", payment.id),
        stage,
        captured: 0,
        refunded: None,
        action: None,
        refusal: None,
        money: Some(payment.money),
        dispute: None,
        answers,
    }))
}

pub(super) fn ask(payment: &Payment, ask: Ask) -> Command {
    Command::Ask { tenant: payment.tenant, payment: payment.id, ask, request: None, actor: actor() }
}

pub(super) fn refund(payment: &Payment, minor: i64) -> Command {
    let ask = Ask::Refund { id: Id::generate(), minor: Some(minor), reason: None };
    Command::Ask { tenant: payment.tenant, payment: payment.id, ask, request: None, actor: actor() }
}

pub(super) fn refunded(refund: &Refund) -> Word {
    let (refund, state) = (refund.id, RefundState::Succeeded);
    Word::RefundSeen { refund, state, provider_id: Some(format!("re_{refund}")), failure: None }
}

impl World {
    pub(super) async fn pay(&self, command: Command) -> Answer {
        self.store.pay(command).await.unwrap()
    }

    /// One that is paid.
    pub(super) async fn paid(&self, tenant: Id<Merchant>) -> Payment {
        self.paid_as(fresh(tenant, self.now())).await
    }

    pub(super) async fn paid_as(&self, payment: Payment) -> Payment {
        self.pay(begin(payment.clone(), None)).await;
        let Answer::Done { payment, .. } = self.pay(observe(&payment, paid(&payment, 0))).await else {
            panic!("not paid")
        };
        *payment
    }

    pub(super) async fn row(&self, of: &Payment) -> Payment {
        self.store.payment(of.tenant, of.id).await.unwrap().unwrap()
    }

    /// Audit lines' entries of one action, or of one event.
    pub(super) async fn lines(&self, tenant: Id<Merchant>, with: &str) -> usize {
        let page = farebox_store::Page { offset: 0, limit: 1000 };
        let lines = self.store.audit(tenant, page).await.unwrap();
        lines.iter().map(|line| line.entries.matches(with).count()).sum()
    }
}

/// By the name that a caller has given it.
pub(super) fn named(payment: &Payment, key: &str, byte: u8) -> Request {
    Request {
        tenant: payment.tenant,
        scope: "payments.create".to_owned(),
        key: key.to_owned(),
        hash: [byte; 32],
        payment: payment.id,
        refund: None,
        answer: None,
        created_at: payment.created_at,
    }
}

pub(super) fn id_of(answer: &Answer) -> Id<PaymentKind> {
    match answer {
        Answer::Done { payment, .. } => payment.id,
        Answer::Before(request) => request.payment,
        other => panic!("{other:?}"),
    }
}
