//! The catalogue as this process remembers it: lists never load the database, however often they are read.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use farebox_store::{Fault, Page, Resource};
use farebox_types::{Id, Resource as ResourceKind, Timestamp};
use tokio::sync::Mutex;

use super::listing::Listing;
use crate::facilitator::Facilitating;

/// Listings in one catalogue at most.
pub(super) const MOST: usize = 2_000;
/// How long another process's change may go unseen.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// Rows read at once.
const ROWS: u32 = 1_000;

/// A row with its document read.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: Id<ResourceKind>,
    pub(super) url: String,
    pub(super) owner: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) listing: Listing,
}

impl Listed {
    /// `None`, with a word in the log, for a row that this version cannot read.
    pub(super) fn read(row: Resource) -> Option<Self> {
        let Ok(listing) = serde_json::from_str(&row.document) else {
            tracing::error!(resource = %row.id, "a registered resource cannot be read");
            return None;
        };
        let Resource { id, url, owner, created_at, updated_at, .. } = row;
        Some(Self { id, url, owner, created_at, updated_at, listing })
    }
}

/// Every listing, newest first.
#[derive(Default)]
pub(in crate::facilitator) struct Catalogue {
    held: Mutex<Option<(Instant, Arc<[Listed]>)>>,
}

impl Catalogue {
    pub(super) async fn all(&self, facilitating: &Facilitating) -> Result<Arc<[Listed]>, Fault> {
        // Held while reading: those who come meanwhile wait for the same rows.
        let mut held = self.held.lock().await;
        if let Some((at, all)) = &*held
            && at.elapsed() < REMEMBERED_FOR
        {
            return Ok(Arc::clone(all));
        }
        let all = read(facilitating).await?;
        *held = Some((Instant::now(), Arc::clone(&all)));
        Ok(all)
    }

    /// Makes this process see a change at once.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }
}

async fn read(facilitating: &Facilitating) -> Result<Arc<[Listed]>, Fault> {
    let mut all = Vec::new();
    let mut page = Page::first(ROWS);
    loop {
        let (rows, _) = facilitating.store().resources(facilitating.tenant(), page).await?;
        let last = rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
        all.extend(rows.into_iter().filter_map(Listed::read));
        if last || all.len() >= MOST {
            return Ok(all.into());
        }
        page.offset += ROWS;
    }
}
