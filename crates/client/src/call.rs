//! One typed call: what it sends, under which key, and what it brings.

use std::{future::Future, future::IntoFuture, marker::PhantomData, pin::Pin};

use bytes::Bytes;
use farebox_types::IdempotencyKey;
use http::Method;
use opentelemetry::trace::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    client::Client,
    error::Error,
    forward::{Exchange, Forward, Forwarded},
    operation::Operation,
    refused,
    watch::{self, About},
};

/// A call that is made when it is awaited. `B` is the request, whose optional members are set by methods; `T` the answer.
///
/// A write carries an idempotency key, a fresh one unless [`idempotency_key`](Self::idempotency_key) gives one: all
/// attempts of this call have one effect. To make the same call again later, after a crash say, give it a key of your own.
#[must_use = "a call is made when it is awaited"]
pub struct Call<B, T> {
    client: Client,
    operation: &'static Operation,
    path: String,
    pub(crate) body: B,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) about: About,
    keyless: bool,
    representation: bool,
    answer: PhantomData<fn() -> T>,
}

impl<B, T> Call<B, T> {
    pub(crate) fn new(client: &Client, operation: &'static Operation, path: String, body: B) -> Self {
        let (client, about) = (client.clone(), About::default());
        Self {
            client,
            operation,
            path,
            body,
            key: None,
            about,
            keyless: false,
            representation: false,
            answer: PhantomData,
        }
    }

    pub(crate) fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    /// No key, and so no second attempt.
    pub(crate) fn keyless(mut self) -> Self {
        self.keyless = true;
        self
    }

    /// The same call, answered by what has come of it.
    pub(crate) fn represented<R>(self) -> Call<B, R> {
        let Self { client, operation, path, body, key, about, keyless, .. } = self;
        Call { client, operation, path, body, key, about, keyless, representation: true, answer: PhantomData }
    }

    pub(crate) fn map_path(mut self, path: impl FnOnce(String) -> String) -> Self {
        self.path = path(self.path);
        self
    }

    /// The same call, answered by something else.
    pub(crate) fn answering<R>(self) -> Call<B, R> {
        let Self { client, operation, path, body, key, about, keyless, representation, .. } = self;
        Call { client, operation, path, body, key, about, keyless, representation, answer: PhantomData }
    }

    /// The key under which this call has one effect, however often it is made. For reads it means nothing.
    pub fn idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }
}

impl<B: Serialize, T: DeserializeOwned> Call<B, T> {
    /// Makes the call, and repeats it as the retry contract says.
    ///
    /// # Errors
    /// [`Error`] for everything that is no success; see [`Error::is_retryable`].
    pub async fn send(self) -> Result<T, Error> {
        let (client, operation) = (self.client.clone(), self.operation);
        let reads = operation.method == Method::GET;
        let key = if reads || self.keyless { None } else { Some(self.key.map_or_else(fresh, Ok)?) };
        let body = if reads || operation.method == Method::DELETE { None } else { Some(json(&self.body)?) };
        let context = watch::begin(operation, &self.about, key.as_ref(), client.mode());
        let exchange = Exchange {
            call: Forward { method: operation.method.clone(), path: &self.path, body, idempotency_key: key.as_ref() },
            endpoint: operation.endpoint,
            representation: self.representation,
        };
        let answer = client.exchange(exchange).with_context(context.clone()).await;
        let result = answer.and_then(|answer| read(&client, &answer));
        watch::end(&context, result.as_ref().err());
        result
    }
}

impl<B, T> IntoFuture for Call<B, T>
where
    B: Serialize + Send + 'static,
    T: DeserializeOwned + Send + 'static,
{
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Sorted by time, which keeps the API's own index small.
fn fresh() -> Result<IdempotencyKey, Error> {
    Uuid::now_v7().to_string().parse().map_err(|_| Error::Path)
}

pub(crate) fn json<B: Serialize>(body: &B) -> Result<Bytes, Error> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|_| Error::Path)
}

fn read<T: DeserializeOwned>(client: &Client, answer: &Forwarded) -> Result<T, Error> {
    if !answer.status.is_success() {
        return Err(refused::read(answer, client.now()));
    }
    // 204 has no body: what is read from nothing is nothing.
    let body = if answer.body.is_empty() { b"null" } else { &answer.body[..] };
    parse(body)
}

pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Decode(described(&error)))
}

/// Where it broke, and not on what: an answer may hold a secret.
fn described(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("line {}, column {}", error.line(), error.column());
    let missing = text.starts_with("missing field").then(|| text.split(" at ").next().unwrap_or_default().to_owned());
    missing.map_or_else(|| format!("{:?} error at {place}", error.classify()), |missing| format!("{missing}, {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_answer_is_described_without_its_contents() {
        let broken = serde_json::from_str::<farebox_api::OauthToken>(r#"{"access_token":"pl_test_x"}"#).err().unwrap();
        assert_eq!(described(&broken), "missing field `token_type`, line 1, column 28");
        let odd = serde_json::from_str::<Vec<u8>>(r#""pl_test_x""#).unwrap_err();
        assert_eq!(described(&odd), "Data error at line 1, column 11");
    }
}
