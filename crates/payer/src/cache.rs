//! Reusable tokens that were minted before.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use farebox_x402::CreditsAccept;
use http::HeaderValue;
use reqwest::Url;

/// The newest tokens, each for one offer of one origin: a bearer token is not shown to an origin it was not minted for.
#[derive(Clone, Default)]
pub(crate) struct Cache(Arc<Mutex<VecDeque<Entry>>>);

struct Entry {
    origin: String,
    accept: CreditsAccept,
    token: HeaderValue,
}

const MOST: usize = 64;

impl Cache {
    pub(crate) fn get(&self, url: &Url, accept: &CreditsAccept) -> Option<HeaderValue> {
        let origin = url.origin().ascii_serialization();
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| entry.origin == origin && entry.accept == *accept).map(|entry| entry.token.clone())
    }

    pub(crate) fn put(&self, url: &Url, accept: &CreditsAccept, token: &HeaderValue) {
        let entry = Entry { origin: url.origin().ascii_serialization(), accept: accept.clone(), token: token.clone() };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_front(entry);
        entries.truncate(MOST);
    }

    /// Forgets a token that was refused.
    pub(crate) fn forget(&self, token: &HeaderValue) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|entry| entry.token != *token);
    }
}
