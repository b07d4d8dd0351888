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
        let next_cursor = if has_more { rows.last().map(|row| Cursor::after(id(row))) } else { None };
        Self { data: rows, has_more, next_cursor }
    }
}

/// A place in a list: opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(Uuid, Option<(i64, i64)>);

impl Cursor {
    /// The place after this row.
    #[must_use]
    pub const fn after(id: Uuid) -> Self {
        Self(id, None)
    }

    /// The place after a row that two numbers are needed to find beside its id.
    #[must_use]
    pub const fn after_numbered(id: Uuid, numbers: (i64, i64)) -> Self {
        Self(id, Some(numbers))
    }

    /// The numbers beside its id, if it has them.
    #[must_use]
    pub const fn numbers(self) -> Option<(i64, i64)> {
        self.1
    }

    /// The row it stands behind.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.as_bytes().to_vec();
        if let Some((first, second)) = self.1 {
            bytes.extend(first.to_be_bytes());
            bytes.extend(second.to_be_bytes());
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
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
        let (id, rest) = bytes.split_first_chunk::<16>().ok_or(BadCursor)?;
        let numbers = match (rest.split_first_chunk::<8>(), rest.len()) {
            (None, 0) => None,
            (Some((first, second)), 16) => {
                let second = second.try_into().map_err(|_| BadCursor)?;
                Some((i64::from_be_bytes(*first), i64::from_be_bytes(second)))
            }
            _ => return Err(BadCursor),
        };
        Ok(Self(Uuid::from_bytes(*id), numbers))
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
        assert_eq!((page.data.len(), page.has_more, page.next_cursor), (2, true, Some(Cursor::after(ids[1]))));
        let last = List::page(ids[2..].to_vec(), 2, |id| *id);
        assert_eq!((last.has_more, last.next_cursor), (false, None));
    }

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        for cursor in [Cursor::after(Uuid::from_u128(7)), Cursor::after_numbered(Uuid::from_u128(7), (-1, i64::MAX))] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "x", "AAAA", "../..", "AAAAAAAAAAAAAAAAAAAAAAA="] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
