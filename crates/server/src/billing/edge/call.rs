//! One request to `/v1`, authorised.

use axum::{body::Bytes, http::Method};
use farebox_api::Cursor;
use farebox_engine::ledger::Actor;
use farebox_store::{OperationKey, billing::Ask};
use farebox_types::{Id, IdempotencyKey, Merchant, Mode, Timestamp};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Denial, body};
use crate::keys::Scopes;

/// Rows of a page unless another number is asked for, and at most.
const DEFAULT_LIMIT: u32 = 20;
const MOST: u32 = 100;

/// One request.
pub(in crate::billing) struct Call {
    pub(in crate::billing) tenant: Id<Merchant>,
    pub(in crate::billing) mode: Mode,
    pub(in crate::billing) scopes: Scopes,
    pub(in crate::billing) actor: Actor,
    pub(in crate::billing) method: Method,
    /// With `/v1` and without the query.
    pub(in crate::billing) path: String,
    pub(in crate::billing) segments: Vec<(String, String)>,
    pub(in crate::billing) query: Vec<(String, String)>,
    pub(in crate::billing) body: Bytes,
    pub(in crate::billing) key: Option<IdempotencyKey>,
    /// The caller prefers to be told what has come of it.
    pub(in crate::billing) representation: bool,
    pub(in crate::billing) request_id: String,
    /// The machine's time.
    pub(in crate::billing) at: Timestamp,
}

/// A page of a list.
#[derive(Debug, Clone, Copy)]
pub(in crate::billing) struct Page {
    pub(in crate::billing) after: Option<Uuid>,
    pub(in crate::billing) limit: u32,
}

impl Page {
    pub(in crate::billing) fn length(self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

impl Call {
    /// The body.
    pub(in crate::billing) fn body<T: DeserializeOwned>(&self) -> Result<T, Denial> {
        body::read(&self.body)
    }

    /// The body, if there is one.
    pub(in crate::billing) fn body_if_any<T: DeserializeOwned + Default>(&self) -> Result<T, Denial> {
        if self.body.is_empty() { Ok(T::default()) } else { self.body() }
    }

    /// An id in the path; what cannot be one names nothing.
    pub(in crate::billing) fn id(&self, name: &str, what: &str) -> Result<Uuid, Denial> {
        let text = self.segment(name);
        let id = Some(text).filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok());
        id.ok_or_else(|| Denial::not_found(what))
    }

    /// A segment of the path.
    pub(in crate::billing) fn segment(&self, name: &str) -> &str {
        self.segments.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the query.
    pub(in crate::billing) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The page that is asked for.
    pub(in crate::billing) fn page(&self) -> Result<Page, Denial> {
        let (limit, cursor) = self.window()?;
        Ok(Page { after: cursor.map(Cursor::id), limit })
    }

    /// How many rows are asked for, and from where on.
    pub(in crate::billing) fn window(&self) -> Result<(u32, Option<Cursor>), Denial> {
        let limit = match self.parameter("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                limit.ok_or_else(|| Denial::parameter("limit", "a whole number from 1 to 100"))?
            }
        };
        let bad = |_| Denial::parameter("cursor", "the next_cursor of the page before");
        let after = self.parameter("cursor").map(str::parse::<Cursor>).transpose().map_err(bad)?;
        Ok((limit, after))
    }

    /// The write's name: the caller's key, else one nobody else has. Keys are the tenant's: two routes cannot share one.
    pub(in crate::billing) fn name(&self) -> OperationKey {
        let key = self.key.as_ref().map_or_else(|| format!("once:{}", Uuid::now_v7()), |key| format!("key:{key}"));
        OperationKey { scope: "v1".to_owned(), key }
    }

    /// SHA-256 of method, path and body.
    pub(in crate::billing) fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.method.as_str().as_bytes(), self.path.as_bytes()] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(&self.body);
        hash.finalize().into()
    }

    /// This request as the store knows it.
    pub(in crate::billing) fn ask(&self) -> Ask {
        Ask { tenant: self.tenant, operation: self.name(), request_hash: self.hash(), actor: self.actor.clone() }
    }
}
