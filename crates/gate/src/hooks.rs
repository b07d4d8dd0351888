//! What a seller wants to know of payments, and may say about those that fail.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use farebox_x402::{Amount, Offer, Receipt};
use http::{Response, StatusCode};

use crate::{
    answer::Own,
    answers::Run,
    asked::Asked,
    body::Whole,
    context::PaymentContext,
    work::{BoxError, caught},
};

/// Told about each payment. Every method does nothing unless it is written; one that fails or panics is logged, and neither
/// opens nor charges a route.
///
/// ```
/// # use farebox_gate::{Asked, HookError, Hooks};
/// # use farebox_x402::{Amount, Receipt};
/// struct Log;
///
/// #[async_trait::async_trait]
/// impl Hooks for Log {
///     async fn after_settle(&self, asked: &Asked, amount: Amount, receipt: &Receipt) -> Result<(), HookError> {
///         println!("{} paid {amount} in {}", asked.path(), receipt.transaction);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// A payment is about to be checked.
    async fn before_verify(&self, asked: &Asked, offer: &Offer) -> Result<(), HookError> {
        let _ = (asked, offer);
        Ok(())
    }

    /// A payment is good, and its amount reserved; the handler is next.
    async fn after_verify(&self, asked: &Asked, payment: &PaymentContext) -> Result<(), HookError> {
        let _ = (asked, payment);
        Ok(())
    }

    /// The money is taken. Runs to its end even if the client has left.
    async fn after_settle(&self, asked: &Asked, amount: Amount, receipt: &Receipt) -> Result<(), HookError> {
        let _ = (asked, amount, receipt);
        Ok(())
    }

    /// A request is not served because of its payment. An answer replaces the gate's own; the offer stays on it.
    async fn payment_error(&self, asked: &Asked, error: &PaymentError) -> Result<Option<Response<Bytes>>, HookError> {
        let _ = (asked, error);
        Ok(None)
    }
}

/// Whatever a hook fails with; for the log.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentError {
    /// What the gate answers.
    pub status: StatusCode,
    /// A machine code of an open set; empty where there is none.
    pub code: String,
    /// For people.
    pub reason: String,
}

/// The gate's hooks and the request they are told about.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) asked: Asked,
}

impl Told {
    pub(crate) async fn before_verify(&self, offer: &Offer) {
        logged("before_verify", self.hooks.before_verify(&self.asked, offer)).await;
    }

    pub(crate) async fn after_verify(&self, payment: &PaymentContext) {
        logged("after_verify", self.hooks.after_verify(&self.asked, payment)).await;
    }

    pub(crate) async fn after_settle(&self, amount: Amount, receipt: &Receipt) {
        logged("after_settle", self.hooks.after_settle(&self.asked, amount, receipt)).await;
    }

    /// The gate's own answer, or the seller's in its place.
    pub(crate) async fn payment_error(&self, mut answer: Own) -> Own {
        let status = answer.status();
        let unpaid = || PaymentError { status, code: String::new(), reason: "no payment was sent".to_owned() };
        let error = answer.extensions_mut().remove().unwrap_or_else(unpaid);
        let asked = self.hooks.payment_error(&self.asked, &error);
        match logged("payment_error", asked).await.flatten() {
            Some(own) => replaced(&answer, own),
            None => answer,
        }
    }
}

/// The seller's answer with what the protocol needs of the gate's.
fn replaced(answer: &Own, own: Response<Bytes>) -> Own {
    let mut own = own.map(Whole::from);
    for (name, value) in answer.headers() {
        if crate::headers::belongs_to_payment(name) && !own.headers().contains_key(name) {
            own.headers_mut().insert(name.clone(), value.clone());
        }
    }
    own
}

/// Closes a payment whose money is taken, and tells of it: once, whoever else finds out.
pub(crate) async fn settled(run: Option<Run>, told: Option<&Told>, amount: Amount, receipt: &Receipt) {
    let first = match run {
        Some(run) => run.close(receipt).await,
        None => true,
    };
    if let Some(told) = told.filter(|_| first) {
        told.after_settle(amount, receipt).await;
    }
}

async fn logged<T>(name: &str, hook: impl Future<Output = Result<T, BoxError>>) -> Option<T> {
    match caught(hook).await {
        Some(Ok(value)) => Some(value),
        Some(Err(error)) => {
            tracing::error!("the hook {name} failed: {error}");
            None
        }
        None => {
            tracing::error!("the hook {name} panicked");
            None
        }
    }
}
