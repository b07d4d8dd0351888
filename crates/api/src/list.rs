//! Lists: newest first, stable under inserts.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List<T> {
    /// Newest first.
    pub data: Vec<T>,
    /// Whether there is more behind it.
    pub has_more: bool,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<Cursor>,
}

impl<T> List<T> {
    /// A page from rows of which one more than `limit` was asked for; `id` names a row.
    #[must_use]
    pub fn page(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> Uuid) -> Self {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more { rows.last().map(|row| Cursor(id(row))) } else { None };
        Self { data: rows, has_more, next_cursor }
    }
}

/// A place in a list: opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(Uuid);

impl Cursor {
    /// The place after this row.
    #[must_use]
    pub const fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// The row it stands behind.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

/// A text that is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: pass on the next_cursor of the page before")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        Uuid::from_slice(&bytes).map(Self).map_err(|_| BadCursor)
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_there_is_more_and_where() {
        let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
        let page = List::page(ids.clone(), 2, |id| *id);
        assert_eq!((page.data.len(), page.has_more, page.next_cursor), (2, true, Some(Cursor(ids[1]))));
        let last = List::page(ids[2..].to_vec(), 2, |id| *id);
        assert_eq!((last.has_more, last.next_cursor), (false, None));
    }

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor(Uuid::from_u128(7));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "x", "AAAA", "../..", "AAAAAAAAAAAAAAAAAAAAAAA="] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
