//! Who is calling: the merchant's answer, once per request.

use std::{error::Error, future::Future, pin::Pin};

use axum::http::request::Parts;
use serde_json::{Map, Value};

use crate::{input::is_segment, problem::Refusal};

/// Why `identify` could not say who is calling; logged, never shown.
pub type IdentifyError = Box<dyn Error + Send + Sync>;

/// Somebody, nobody, or a failure to find out.
pub type Identified = Result<Option<CustomerIdentity>, IdentifyError>;

/// The caller, as the merchant's app knows them. One of `customer_id` and `email` must be there.
///
/// It is the only source of customers: what a browser says about them is dropped.
#[derive(Clone, Default, PartialEq)]
pub struct CustomerIdentity {
    /// The customer's id, if the app stores it: letters, digits, `-` and `_`.
    pub customer_id: Option<String>,
    /// Finds or creates the customer when there is no id.
    pub email: Option<String>,
    /// Goes into a created customer.
    pub name: Option<String>,
    /// ISO 4217, goes into a created customer; `USD` unless given.
    pub currency: Option<String>,
    /// Goes into a created customer.
    pub metadata: Option<Map<String, Value>>,
    /// The merchant's own tenant, for apps that serve several: part of the key that customers are created under.
    pub tenant_id: Option<String>,
    /// The subscription whose entitlements are meant, if the customer has several.
    pub subscription_id: Option<String>,
}

impl CustomerIdentity {
    /// A customer whose id the app knows.
    #[must_use]
    pub fn customer(id: impl Into<String>) -> Self {
        Self { customer_id: Some(id.into()), ..Self::default() }
    }

    /// A user who is found, or created, by e-mail.
    #[must_use]
    pub fn email(email: impl Into<String>) -> Self {
        Self { email: Some(email.into()), ..Self::default() }
    }

    /// Empty texts mean nothing. Nobody at all is refused, and so is an id that could not stand in a path.
    pub(crate) fn checked(mut self) -> Result<Self, Refusal> {
        let texts = [&mut self.customer_id, &mut self.email, &mut self.name, &mut self.currency, &mut self.tenant_id];
        for text in texts.into_iter().chain([&mut self.subscription_id]) {
            *text = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        }
        if self.customer_id.is_none() && self.email.is_none() {
            return Err(Refusal::Unauthenticated);
        }
        if [&self.customer_id, &self.subscription_id].into_iter().flatten().any(|id| !is_segment(id)) {
            tracing::error!("identify named a customer or subscription with an id that cannot be one");
            return Err(Refusal::IdentityUnavailable);
        }
        Ok(self)
    }
}

/// Finds out who is calling, from the head of a request: its headers, and what earlier layers left in its extensions.
///
/// For a type of one's own; a function does for the rest, see [`RelayBuilder::identify`](crate::RelayBuilder::identify).
pub trait Identify: Send + Sync + 'static {
    /// Called once per request that needs a caller. `Ok(None)` is answered 401, an error 500.
    fn identify<'a>(&'a self, head: &'a Parts) -> Pin<Box<dyn Future<Output = Identified> + Send + 'a>>;
}

/// A function that identifies: an `async fn(&Parts) -> Identified`, or a closure that returns a future.
///
/// It is there for every such function; nobody else implements it.
pub trait IdentifyFn<'a>: Send + Sync + 'static {
    /// What it returns for one request.
    type Answer: Future<Output = Identified> + Send + 'a;

    /// Calls it.
    fn call(&self, head: &'a Parts) -> Self::Answer;
}

impl<'a, F, Answer> IdentifyFn<'a> for F
where
    F: Fn(&'a Parts) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Identified> + Send + 'a,
{
    type Answer = Answer;

    fn call(&self, head: &'a Parts) -> Answer {
        self(head)
    }
}

/// A function as an [`Identify`].
pub(crate) struct ByFunction<F>(pub(crate) F);

impl<F: for<'a> IdentifyFn<'a>> Identify for ByFunction<F> {
    fn identify<'a>(&'a self, head: &'a Parts) -> Pin<Box<dyn Future<Output = Identified> + Send + 'a>> {
        Box::pin(self.0.call(head))
    }
}

/// Asks once, and checks the answer.
pub(crate) async fn caller(identify: &dyn Identify, head: &Parts) -> Result<CustomerIdentity, Refusal> {
    match identify.identify(head).await {
        Ok(Some(identity)) => identity.checked(),
        Ok(None) => Err(Refusal::Unauthenticated),
        Err(error) => {
            tracing::error!(error = %error, "identify failed");
            Err(Refusal::IdentityUnavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(identity: CustomerIdentity) -> Option<Refusal> {
        identity.checked().err()
    }

    #[test]
    fn somebody_has_an_id_or_an_email() {
        assert_eq!(refusal(CustomerIdentity::customer("cus_1-a")), None);
        assert_eq!(refusal(CustomerIdentity::email("a@example.com")), None);
        assert_eq!(refusal(CustomerIdentity::default()), Some(Refusal::Unauthenticated));
        assert_eq!(refusal(CustomerIdentity::email("  ")), Some(Refusal::Unauthenticated));
        let named = CustomerIdentity { name: Some("Ann".to_owned()), ..CustomerIdentity::customer("") };
        assert_eq!(refusal(named), Some(Refusal::Unauthenticated), "a name is nobody");
    }

    #[test]
    fn an_id_stays_one_segment_of_a_path() {
        for odd in ["a/b", "..", "a?b", "a b", "%2e"] {
            assert_eq!(refusal(CustomerIdentity::customer(odd)), Some(Refusal::IdentityUnavailable), "{odd}");
            let identity =
                CustomerIdentity { subscription_id: Some(odd.to_owned()), ..CustomerIdentity::email("a@b.c") };
            assert_eq!(refusal(identity), Some(Refusal::IdentityUnavailable), "{odd}");
        }
    }
}
