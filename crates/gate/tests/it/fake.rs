//! A facilitator that does what it is told and counts what it is asked.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use farebox_x402::{
    Facilitator, Fault, Hold, Payment, Receipt, Refusal, Retry, Settlement, Verdict, Verified,
    credits::CODE_INSUFFICIENT,
};

pub(crate) const PAYER: &str = "0xabcdef0000000000000000000000000000001234";

/// What a call does instead of succeeding.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Succeed,
    Refuse(&'static str),
    Fail(Retry),
    /// Says the money was taken, with a receipt that says it was not.
    Lie,
    /// Never answers.
    Hang,
    /// Succeeds after a while.
    Slow(Duration),
    Panic,
}

/// One call as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) request_id: String,
    pub(crate) token: String,
    pub(crate) amount: String,
    pub(crate) url: String,
    pub(crate) hold: Option<Duration>,
}

/// Acts are used up one a call; then everything succeeds.
#[derive(Default)]
pub(crate) struct Fake {
    verify: Mutex<VecDeque<Act>>,
    settle: Mutex<VecDeque<Act>>,
    release: Mutex<VecDeque<Act>>,
    calls: Mutex<Vec<Call>>,
    next: AtomicU64,
    /// Credits that may be held at once; without a number, any.
    credits: Option<Mutex<u64>>,
    nameless: bool,
}

impl Fake {
    pub(crate) fn with_credits(credits: u64) -> Self {
        Self { credits: Some(Mutex::new(credits)), ..Self::default() }
    }

    /// Verifies without naming the charge.
    pub(crate) fn nameless() -> Self {
        Self { nameless: true, ..Self::default() }
    }

    pub(crate) fn verifying(self, acts: impl IntoIterator<Item = Act>) -> Self {
        Self { verify: Mutex::new(acts.into_iter().collect()), ..self }
    }

    pub(crate) fn settling(self, acts: impl IntoIterator<Item = Act>) -> Self {
        Self { settle: Mutex::new(acts.into_iter().collect()), ..self }
    }

    pub(crate) fn releasing(self, acts: impl IntoIterator<Item = Act>) -> Self {
        Self { release: Mutex::new(acts.into_iter().collect()), ..self }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.calls().iter().filter(|call| call.what == what).count()
    }

    /// Verify, settle and release, counted.
    pub(crate) fn counts(&self) -> [usize; 3] {
        ["verify", "settle", "release"].map(|what| self.count(what))
    }

    /// Waits until something was asked so often; five seconds at most.
    pub(crate) async fn saw(&self, what: &str, times: usize) {
        for _ in 0..500 {
            if self.count(what) >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} was not seen {times} times: {:?}", self.calls());
    }

    fn record(&self, what: &'static str, payment: &Payment, request_id: &str, hold: Option<Hold>) {
        self.calls.lock().unwrap().push(Call {
            what,
            request_id: request_id.to_owned(),
            token: payment.token.to_string(),
            amount: payment.amount.to_string(),
            url: payment.required.resource.url.clone(),
            hold: hold.map(|hold| hold.ttl),
        });
    }

    fn take_credit(&self) -> bool {
        let Some(credits) = &self.credits else { return true };
        let mut credits = credits.lock().unwrap();
        let enough = *credits > 0;
        *credits -= u64::from(enough);
        enough
    }
}

fn next(acts: &Mutex<VecDeque<Act>>) -> Act {
    acts.lock().unwrap().pop_front().unwrap_or(Act::Succeed)
}

fn fault(retry: Retry) -> Fault {
    Fault { what: "db-7.internal:5432 said no".to_owned(), retry, source: Some("a cause".into()) }
}

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), reason: format!("refused for {code}") }
}

/// What is left of an act that waits: nothing, once it has.
async fn waited(act: Act) -> Act {
    match act {
        Act::Hang => std::future::pending().await,
        Act::Slow(wait) => {
            tokio::time::sleep(wait).await;
            Act::Succeed
        }
        other => other,
    }
}

#[async_trait]
impl Facilitator for Fake {
    async fn verify(&self, payment: &Payment, hold: Option<Hold>) -> Result<Verdict, Fault> {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let request_id = if self.nameless { String::new() } else { format!("r-{id}") };
        self.record("verify", payment, &request_id, hold);
        match waited(next(&self.verify)).await {
            Act::Refuse(code) => return Ok(Verdict::Refused(refusal(code))),
            Act::Fail(retry) => return Err(fault(retry)),
            Act::Panic => panic!("the facilitator panics"),
            _ if !self.take_credit() => return Ok(Verdict::Refused(refusal(CODE_INSUFFICIENT))),
            _ => {}
        }
        let agent_request = Some(serde_json::json!({"agentName": "Ada"}));
        Ok(Verdict::Valid(Verified { request_id, payer: Some(PAYER.to_owned()), agent_request }))
    }

    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        self.record("settle", payment, request_id, None);
        let mut receipt = Receipt {
            success: true,
            payer: Some(PAYER.to_owned()),
            transaction: format!("t-{request_id}"),
            credits_redeemed: Some(payment.amount.to_string()),
            ..Receipt::default()
        };
        match waited(next(&self.settle)).await {
            Act::Refuse(code) => return Ok(Settlement::Refused(refusal(code))),
            Act::Fail(retry) => return Err(fault(retry)),
            Act::Panic => panic!("the facilitator panics"),
            Act::Lie => {
                receipt.success = false;
                receipt.error_reason = Some("burn_failed".to_owned());
            }
            _ => {}
        }
        // Only a settlement that was awaited to its end gets here.
        self.record("settled", payment, request_id, None);
        Ok(Settlement::Settled(receipt))
    }

    async fn release(&self, payment: &Payment, request_id: &str) -> Result<(), Fault> {
        self.record("release", payment, request_id, None);
        match waited(next(&self.release)).await {
            Act::Fail(retry) => Err(fault(retry)),
            _ => Ok(()),
        }
    }
}
