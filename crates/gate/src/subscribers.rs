//! Who is let in without paying for this request, because a subscription has paid already.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    asked::Asked,
    work::{BoxError, caught},
};

/// Asked before payment is. What they admit is neither offered nor charged; its usage is theirs to count.
///
/// [`admit`](Self::admit) sets the usage aside, [`used`](Self::used) counts it, [`unused`](Self::unused) gives it back, so
/// that parallel requests never use more than there is. A failure admits nobody: the request is asked to pay.
#[async_trait]
pub trait Subscribers: Send + Sync + 'static {
    /// The subscriber's pass for this request; `None` if it has to pay.
    async fn admit(&self, asked: &Asked) -> Result<Option<Pass>, BoxError>;

    /// The handler has succeeded: counts what was set aside. Runs to its end even if the client has left.
    async fn used(&self, pass: Pass) -> Result<(), BoxError>;

    /// The handler has not: gives it back.
    async fn unused(&self, pass: Pass) -> Result<(), BoxError>;
}

/// A subscriber's pass for one request; in the request's extensions while the handler runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Who subscribes.
    pub subscriber: String,
    /// Names what was set aside.
    pub reservation: String,
}

/// The pass of `asked`, if it has one.
pub(crate) async fn pass(subscribers: &dyn Subscribers, asked: &Asked) -> Option<Pass> {
    match caught(subscribers.admit(asked)).await {
        Some(Ok(pass)) => pass,
        Some(Err(error)) => {
            tracing::error!("nobody could say whether this is a subscriber's request, so it has to pay: {error}");
            None
        }
        None => {
            tracing::error!("asking whether this is a subscriber's request panicked, so it has to pay");
            None
        }
    }
}

/// Counts the pass, or gives it back.
pub(crate) async fn count(subscribers: Arc<dyn Subscribers>, pass: Pass, used: bool) {
    let subscriber = pass.subscriber.clone();
    let counted = async { if used { subscribers.used(pass).await } else { subscribers.unused(pass).await } };
    match caught(counted).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::error!(subscriber, used, "a subscriber's usage could not be counted: {error}"),
        None => tracing::error!(subscriber, used, "counting a subscriber's usage panicked"),
    }
}
