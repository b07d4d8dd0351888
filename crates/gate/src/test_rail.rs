//! A way to pay that moves no money, for development: `curl -H "payment-signature: test"` pays.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use farebox_engine::charge::{Charge, Event, Money};
use farebox_x402::{
    Facilitator, Fault, Hold, Payment, Receipt, Refusal, Retry, Settlement, Verdict, Verified,
    credits::{CODE_IN_USE, CODE_INSUFFICIENT, CODE_INVALID_TOKEN, CODE_SPENT},
};

/// The rail of test mode: every amount is payable without a wallet or an account. A gate outside test mode refuses it.
///
/// | `payment-signature` | answer |
/// |---|---|
/// | `test` | pays |
/// | `test:refused` | 402, refused before the handler |
/// | `test:insufficient` | 402, not enough credits |
/// | `test:in-use` | 409, another request holds the payment |
/// | `test:down` | 503, the payment cannot be checked |
/// | `test:unsettled` | 402 after the handler: refused when it was settled |
/// | `test:unknown` | the handler ran and nobody knows whether it was paid: the route's `on_unknown` decides |
///
/// Anything else is refused with a reason that lists these. Settle and release have their effect once per request id, as
/// everywhere; the latest 65 536 charges are remembered.
#[derive(Default)]
pub struct TestRail {
    charges: Mutex<Charges>,
}

#[derive(Default)]
struct Charges {
    last: u64,
    by_id: BTreeMap<u64, Charge>,
}

const MOST_CHARGES: usize = 65_536;

impl TestRail {
    /// The plan a test rail takes payments for; it takes them for any other too.
    pub const PLAN: &str = "0";
    /// Who pays.
    pub const PAYER: &str = "0x0000000000000000000000000000000000007e57";

    /// A rail that has seen no payment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn charges(&self) -> MutexGuard<'_, Charges> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charges {
    fn reserve(&mut self) -> u64 {
        self.last += 1;
        self.by_id.insert(self.last, Charge::reserved());
        if self.by_id.len() > MOST_CHARGES {
            self.by_id.pop_first();
        }
        self.last
    }

    /// Moves a charge as far as the events can happen, and says where its money stands then.
    fn apply(&mut self, request_id: &str, events: &[Event]) -> Option<Money> {
        let id = request_id.strip_prefix(ID).and_then(|id| id.parse().ok())?;
        let charge = self.by_id.get_mut(&id)?;
        *charge = events.iter().fold(*charge, |charge, event| charge.apply(*event).unwrap_or(charge));
        Some(charge.money())
    }
}

const ID: &str = "test-";

#[async_trait]
impl Facilitator for TestRail {
    async fn verify(&self, payment: &Payment, _: Option<Hold>) -> Result<Verdict, Fault> {
        let (code, reason) = match &*payment.token {
            "test" | "test:unsettled" | "test:unknown" => {
                let request_id = format!("{ID}{}", self.charges().reserve());
                let payer = Some(Self::PAYER.to_owned());
                return Ok(Verdict::Valid(Verified { request_id, payer, agent_request: None }));
            }
            "test:down" => return Err(down("test:down was sent", Retry::After(Duration::from_secs(1)))),
            "test:refused" => (CODE_INVALID_TOKEN, "the test rail was asked to refuse this payment"),
            "test:insufficient" => (CODE_INSUFFICIENT, "not enough credits: the test rail was asked to say so"),
            "test:in-use" => (CODE_IN_USE, "another request holds this payment: the test rail was asked to say so"),
            _ => (CODE_INVALID_TOKEN, WORDS),
        };
        Ok(Verdict::Refused(refusal(code, reason)))
    }

    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        let events: &[Event] = match &*payment.token {
            "test:unknown" => return Err(down("test:unknown was sent", Retry::Unknown)),
            "test:unsettled" => &[Event::SettleSent, Event::SettleRefused],
            _ => &[Event::SettleSent, Event::SettleConfirmed],
        };
        Ok(match self.charges().apply(request_id, events) {
            Some(Money::Settled) => Settlement::Settled(receipt(payment, request_id)),
            Some(Money::Failed) => {
                Settlement::Refused(refusal(CODE_SPENT, "the test rail was asked not to settle this"))
            }
            _ => Settlement::Refused(refusal(CODE_SPENT, "this hold is over")),
        })
    }

    async fn release(&self, _: &Payment, request_id: &str) -> Result<(), Fault> {
        self.charges().apply(request_id, &[Event::Released]);
        Ok(())
    }

    fn test_only(&self) -> bool {
        true
    }
}

const WORDS: &str = "this gate takes test payments: send the header `payment-signature: test`; to see other answers, \
                     test:refused, test:insufficient, test:in-use, test:down, test:unsettled or test:unknown";

fn refusal(code: &str, reason: &str) -> Refusal {
    Refusal { code: code.to_owned(), reason: reason.to_owned() }
}

fn down(what: &str, retry: Retry) -> Fault {
    Fault { what: format!("the test rail is down: {what}"), retry, source: None }
}

fn receipt(payment: &Payment, request_id: &str) -> Receipt {
    Receipt {
        success: true,
        payer: Some(TestRail::PAYER.to_owned()),
        transaction: request_id.to_owned(),
        network: payment.network().to_owned(),
        credits_redeemed: payment.amount.credits().map(|credits| credits.to_string()),
        amount: payment.amount.atomic().map(|amount| amount.to_string()),
        ..Receipt::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use farebox_types::Quantity;
    use farebox_x402::{Offer, PaymentRequired};

    use super::*;

    fn payment(token: &str) -> Payment {
        let required: PaymentRequired = serde_json::from_str(
            r#"{"x402Version":2,"resource":{"url":"/"},"accepts":[{"scheme":"s","network":"n","planId":"0"}]}"#,
        )
        .unwrap();
        Payment::credits(token.into(), Arc::new(Offer::new(required)), Quantity::ONE)
    }

    async fn hold(rail: &TestRail) -> String {
        match rail.verify(&payment("test"), None).await.unwrap() {
            Verdict::Valid(verified) => verified.request_id,
            Verdict::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    #[tokio::test]
    async fn settling_twice_answers_the_same_receipt() {
        let rail = TestRail::new();
        let id = hold(&rail).await;
        let first = rail.settle(&payment("test"), &id).await.unwrap();
        assert!(matches!(&first, Settlement::Settled(receipt) if receipt.transaction == id && receipt.success));
        assert_eq!(rail.settle(&payment("test"), &id).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_released_hold_cannot_be_settled_nor_a_settled_one_released() {
        let rail = TestRail::new();
        let id = hold(&rail).await;
        rail.release(&payment("test"), &id).await.unwrap();
        rail.release(&payment("test"), &id).await.unwrap();
        assert!(matches!(rail.settle(&payment("test"), &id).await.unwrap(), Settlement::Refused(_)));

        let id = hold(&rail).await;
        rail.settle(&payment("test"), &id).await.unwrap();
        rail.release(&payment("test"), &id).await.unwrap();
        assert!(matches!(rail.settle(&payment("test"), &id).await.unwrap(), Settlement::Settled(_)));
    }

    #[tokio::test]
    async fn a_charge_nobody_made_cannot_be_settled() {
        for id in ["test-7", "test-", "", "7", "test-x"] {
            let answer = TestRail::new().settle(&payment("test"), id).await.unwrap();
            assert!(matches!(answer, Settlement::Refused(_)), "{id}");
        }
    }

    #[tokio::test]
    async fn a_stranger_to_the_test_rail_is_told_what_to_send() {
        let rail = TestRail::new();
        for token in ["", "TEST", "test ", "eyJ4NDAyVmVyc2lvbiI6Mn0"] {
            let Verdict::Refused(refusal) = rail.verify(&payment(token), None).await.unwrap() else {
                panic!("{token:?} paid")
            };
            assert!(refusal.reason.contains("payment-signature: test"), "{}", refusal.reason);
        }
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let rail = TestRail::new();
        let first = hold(&rail).await;
        for _ in 0..MOST_CHARGES {
            rail.charges().reserve();
        }
        assert_eq!(rail.charges().by_id.len(), MOST_CHARGES);
        assert!(matches!(rail.settle(&payment("test"), &first).await.unwrap(), Settlement::Refused(_)));
    }
}
