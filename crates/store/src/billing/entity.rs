//! From a stored row to what it means, and back.

use farebox_types::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Kind, StoredPut, StoredRow};
use crate::Fault;

/// What a kind of row holds.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync {
    /// The kind.
    const KIND: Kind;
    /// Which one.
    fn id(&self) -> Uuid;
    /// Names that no other row of the kind may have.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
    /// What it belongs to.
    fn parent(&self) -> Option<Uuid> {
        None
    }
    /// When time has something to do with it.
    fn due_at(&self) -> Option<Timestamp> {
        None
    }
}

/// A row that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<T> {
    /// What it holds.
    pub value: T,
    /// How often it was written.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl<T: Entity> Row<T> {
    /// What a stored row holds.
    ///
    /// # Errors
    /// A [`Fault`] if it is not what its kind holds.
    pub fn read(row: &StoredRow) -> Result<Self, Fault> {
        let value = serde_json::from_str(&row.document).map_err(|error| Fault::corrupt(row.kind.as_str(), error))?;
        let (revision, created_at, updated_at) = (row.revision, row.created_at, row.updated_at);
        Ok(Self { value, revision, created_at, updated_at })
    }

    /// The same row with other contents.
    #[must_use]
    pub fn with(&self, value: T) -> Self {
        Self { value, ..*self }
    }
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put(pub StoredPut);

impl Put {
    /// A new row.
    ///
    /// # Errors
    /// A [`Fault`] if its contents cannot be written as JSON.
    pub fn new<T: Entity>(value: &T, action: &'static str) -> Result<Self, Fault> {
        Self::at(value, 0, action)
    }

    /// The next contents of a row that was read.
    ///
    /// # Errors
    /// As [`Put::new`].
    pub fn update<T: Entity>(row: &Row<T>, action: &'static str) -> Result<Self, Fault> {
        Self::at(&row.value, row.revision, action)
    }

    fn at<T: Entity>(value: &T, revision: i64, action: &'static str) -> Result<Self, Fault> {
        let document = serde_json::to_string(value).map_err(|error| Fault::corrupt(T::KIND.as_str(), error))?;
        Ok(Self(StoredPut {
            kind: T::KIND,
            id: value.id(),
            revision,
            parent: value.parent(),
            due_at: value.due_at(),
            names: value.names(),
            document,
            action,
        }))
    }
}
