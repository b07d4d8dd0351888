//! What handlers take from a request; every failure is a [`Problem`].

use std::future::Future;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use farebox_store::{Fault, Page, Role};
use farebox_types::IdempotencyKey;
use serde::{Deserialize, de::DeserializeOwned};

use super::Problem;
use crate::{backend::Backend, keys::Caller, refusal::Refusal};

impl FromRequestParts<Backend> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, backend: &Backend) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).ok_or(Refusal::NoKey)?;
        let text = value.to_str().map_err(|_| Refusal::BadKey)?;
        let (scheme, credential) = text.split_once(' ').ok_or(Refusal::BadKey)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::NoKey.into());
        }
        Ok(backend.identify(credential.trim_start()).await?)
    }
}

/// A caller who sells.
pub(crate) struct Seller(pub(crate) Caller);

impl FromRequestParts<Backend> for Seller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, backend: &Backend) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, backend).await?;
        if caller.role == Role::Seller { Ok(Self(caller)) } else { Err(Refusal::WrongRole.into()) }
    }
}

/// The caller's name for this write: the `Idempotency-Key` header.
pub(crate) struct Name(pub(crate) Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key = value.to_str().ok().and_then(|text| text.parse().ok());
        let bad = || Refusal::field("Idempotency-Key", "1 to 255 visible ASCII characters");
        Ok(Self(Some(key.ok_or_else(bad)?)))
    }
}

/// A body as it came.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let raw = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::TooLarge
            } else {
                Refusal::BadBody("the body did not arrive".to_owned())
            }
        })?;
        Ok(Self(raw))
    }
}

/// A JSON body, with its bytes: the content type is not looked at, and the answer to a bad one names the member.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) raw: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Raw(raw) = Raw::from_request(request, state).await?;
        if raw.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Refusal::BadBody("it must be a JSON object".to_owned()).into());
        }
        let Json(value) =
            Json::<T>::from_bytes(&raw).map_err(|rejection| Refusal::BadBody(brief(&rejection.body_text())))?;
        Ok(Self { value, raw })
    }
}

/// Segments of the path.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No id has them, and not every database can be asked for one that does.
        if names_control(parts.uri.path()) {
            return Err(Refusal::field("the path", "without control characters").into());
        }
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(segments)| Self(segments)).map_err(|_| Refusal::field("the path", "valid UTF-8").into())
    }
}

/// Whether a path has percent-encoded control characters.
fn names_control(path: &str) -> bool {
    let escapes = path.split('%').skip(1).filter_map(|rest| rest.get(..2));
    let mut codes = escapes.filter_map(|hex| u8::from_str_radix(hex, 16).ok());
    codes.any(|code| code.is_ascii_control())
}

/// The window into a list that `?page=&offset=` asks for: `page` counts from 1, `offset` is the page's length.
pub(crate) struct Window {
    pub(crate) page: u32,
    pub(crate) offset: u32,
    /// Oldest first.
    ascending: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WindowQuery {
    page: Option<u32>,
    offset: Option<u32>,
    sort_order: Option<String>,
    org_id: Option<String>,
}

const DEFAULT_LENGTH: u32 = 10;

impl<S: Send + Sync> FromRequestParts<S> for Window {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<WindowQuery>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|_| Refusal::field("page and offset", "whole numbers"))?;
        if query.org_id.is_some() {
            return Err(Refusal::Unsupported { what: "orgId (organizations)" }.into());
        }
        let window = Self::checked(query.page.unwrap_or(1), query.offset.unwrap_or(DEFAULT_LENGTH))?;
        let ascending = match query.sort_order.as_deref() {
            Some("asc") => true,
            None | Some("desc") => false,
            Some(_) => return Err(Refusal::field("sortOrder", "asc or desc").into()),
        };
        Ok(Self { ascending, ..window })
    }
}

impl Window {
    /// The longest page.
    pub(crate) const MAX_LENGTH: u32 = 100;

    /// A window, newest first.
    pub(crate) fn checked(page: u32, offset: u32) -> Result<Self, Refusal> {
        if page == 0 || !(1..=Self::MAX_LENGTH).contains(&offset) || page.checked_mul(offset).is_none() {
            return Err(Refusal::field("page and offset", "at least 1, and offset at most 100"));
        }
        Ok(Self { page, offset, ascending: false })
    }

    /// Reads the window from a store, which lists newest first and says how many there are in all.
    pub(crate) async fn read<T, R>(&self, list: impl Fn(Page) -> R) -> Result<(Vec<T>, u64), Fault>
    where
        R: Future<Output = Result<(Vec<T>, u64), Fault>>,
    {
        let (rows, total) = list(self.rows()).await?;
        if !self.ascending {
            return Ok((rows, total));
        }
        let Some(page) = self.seen_from_the_end(total) else { return Ok((Vec::new(), total)) };
        let (mut rows, _) = list(page).await?;
        rows.reverse();
        Ok((rows, total))
    }

    /// Where the oldest-first window lies in a newest-first list of `total`; `None` past its end.
    fn seen_from_the_end(&self, total: u64) -> Option<Page> {
        let (skip, total) = (self.rows().offset, u32::try_from(total).ok()?);
        let end = skip.saturating_add(self.offset).min(total);
        (skip < total).then(|| Page { offset: total - end, limit: end - skip })
    }

    /// As the store wants it.
    pub(crate) const fn rows(&self) -> Page {
        Page { offset: (self.page - 1).saturating_mul(self.offset), limit: self.offset }
    }

    /// The same window into a list that is here already.
    pub(crate) fn cut<T>(&self, list: Vec<T>) -> Vec<T> {
        let page = self.rows();
        let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
        list.into_iter().skip(skip).take(take).collect()
    }
}

/// What is wrong, in at most 300 characters, without the words of the library that found it.
fn brief(text: &str) -> String {
    let prefixes =
        ["Failed to deserialize the JSON body into the target type: ", "Failed to parse the request body as JSON: "];
    let text = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
