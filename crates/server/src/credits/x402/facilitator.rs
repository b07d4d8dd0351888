//! The backend as a gate's facilitator, without HTTP between them.

use async_trait::async_trait;
use farebox_engine::ledger::Actor;
use farebox_store::{Fault as StoreFault, Retry as StoreRetry};
use farebox_x402::{Facilitator, Fault, Hold, Payment, Refusal as Told, Retry, Settlement, Verdict, Verified};

use super::{
    call::{Call, request_id},
    charge::ChargeName,
};
use crate::{
    backend::Backend,
    http::code,
    refusal::{Failure, Refusal},
};

/// The same functions that the HTTP verbs call. The gate is part of this process, so its offer is believed: it speaks for
/// the merchant whose plan it names.
#[async_trait]
impl Facilitator for Backend {
    async fn verify(&self, payment: &Payment, hold: Option<Hold>) -> Result<Verdict, Fault> {
        let verified = self.check(&call(payment)?, hold.map(|hold| hold.ttl), None, &gate()).await;
        Ok(match told(verified)? {
            Ok(good) => Verdict::Valid(Verified {
                request_id: good.request_id,
                payer: Some(good.payer.to_string()),
                agent_request: good.agent_request,
            }),
            Err(refusal) => Verdict::Refused(refusal),
        })
    }

    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        let call = call(payment)?;
        let settled = async {
            let id = self::request_id(request_id)?;
            let charge = self.present(&call, None).await?;
            self.post(&charge, ChargeName::Request(id.as_str()), &gate()).await
        };
        Ok(match told(settled.await)? {
            Ok(receipt) => Settlement::Settled(receipt),
            Err(refusal) => Settlement::Refused(refusal),
        })
    }

    async fn release(&self, payment: &Payment, request_id: &str) -> Result<(), Fault> {
        let call = call(payment)?;
        let released = async {
            let id = self::request_id(request_id)?;
            let charge = self.present(&call, None).await?;
            self.give_back(&charge, id.as_str(), &gate()).await
        };
        match told(released.await)? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(never(format!("release refused: {} {}", refusal.code, refusal.reason))),
        }
    }
}

fn call(payment: &Payment) -> Result<Call<'_>, Fault> {
    Call::of(payment).ok_or_else(|| never("a payment on a chain was brought to the credits backend".to_owned()))
}

fn gate() -> Actor {
    Actor::new("gate")
}

/// What a payer may be told; what only the seller can mend is a fault, as it is over HTTP.
fn told<T>(result: Result<T, Failure>) -> Result<Result<T, Told>, Fault> {
    match result {
        Ok(good) => Ok(Ok(good)),
        Err(Failure::Refused(refusal)) if is_about_the_payment(&refusal) => {
            Ok(Err(Told { code: code(&refusal).to_owned(), reason: refusal.to_string() }))
        }
        Err(Failure::Refused(refusal)) => Err(never(format!("{} {refusal}", code(&refusal)))),
        Err(Failure::Broken(fault)) => Err(broken(fault)),
    }
}

const fn is_about_the_payment(refusal: &Refusal) -> bool {
    refusal.is_verdict()
        || matches!(
            refusal,
            Refusal::MalformedToken(_) | Refusal::Released | Refusal::RequestReused | Refusal::ExceedsHold { .. }
        )
}

fn never(what: String) -> Fault {
    Fault { what, retry: Retry::Never, source: None }
}

fn broken(fault: StoreFault) -> Fault {
    let retry = match fault.retry {
        StoreRetry::Never => Retry::Never,
        StoreRetry::After(wait) => Retry::After(wait),
        StoreRetry::Unknown => Retry::Unknown,
    };
    Fault { what: fault.what.clone(), retry, source: Some(Box::new(fault)) }
}
