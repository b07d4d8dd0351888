//! What time it is, for each merchant.

use std::collections::BTreeMap;

use farebox_types::{Id, Merchant, Timestamp};

use super::Command;

/// The machine's time, and that of merchants whose commands carry their own (a test clock).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocks {
    now: Timestamp,
    own: BTreeMap<Id<Merchant>, Timestamp>,
}

impl Clocks {
    /// The times of a batch: of a merchant's commands that carry a time, the last one's.
    #[must_use]
    pub fn of<'a>(now: Timestamp, commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let own = commands.into_iter().filter_map(|command| Some((command.tenant(), command.clock()?)));
        Self { now, own: own.collect() }
    }

    /// What time it is for a merchant.
    #[must_use]
    pub fn at(&self, tenant: Id<Merchant>) -> Timestamp {
        self.own.get(&tenant).copied().unwrap_or(self.now)
    }
}

impl From<Timestamp> for Clocks {
    fn from(now: Timestamp) -> Self {
        Self { now, own: BTreeMap::new() }
    }
}
