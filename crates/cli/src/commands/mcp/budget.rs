//! What an agent may spend, and what it has spent: a file of lines that is read whole, under a lock, before each payment.
//! Several servers may share it.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// Before a payment is asked for: its amount counts from here on.
    Reserved { operation: String, print: String, currency: String, minor: i64, at_seconds: i64 },
    /// It was made.
    Paid { operation: String, payment_id: String },
    /// Nothing came of it: its amount is free again.
    Released { operation: String },
}

/// Where an operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its amount is reserved now; ask for the payment.
    Reserved,
    /// It was reserved before, at that time, and its outcome is not known here; ask for the payment again.
    Open { at_seconds: i64 },
    /// It was made.
    Paid { payment_id: String },
}

/// Why nothing may be spent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    #[error("this would go over the budget: {left} minor units of {currency} are left")]
    Over { currency: String, left: i64 },
    #[error("this operation name was used for another payment")]
    Other,
    #[error("the budget's journal cannot be used: {0}")]
    Journal(#[from] io::Error),
}

/// What one operation reserved.
#[derive(Debug)]
struct Entry {
    print: String,
    currency: String,
    minor: i64,
    at_seconds: i64,
    payment_id: Option<String>,
}

/// A budget by currency, and its journal.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    journal: PathBuf,
    limits: HashMap<String, i64>,
}

impl Budget {
    /// Limits in minor units, by currency; what has none may not be spent.
    pub(super) fn new(journal: PathBuf, limits: Vec<(String, i64)>) -> Self {
        Self { journal, limits: limits.into_iter().collect() }
    }

    /// Reserves an operation's amount; once, however often it is asked. `print` tells one payment from another.
    pub(super) fn reserve(
        &self,
        operation: &str,
        print: &str,
        currency: &str,
        minor: i64,
        at_seconds: i64,
    ) -> Result<Standing, Denied> {
        let (mut file, entries) = self.open()?;
        if let Some(entry) = entries.get(operation) {
            return match &entry.payment_id {
                _ if entry.print != print => Err(Denied::Other),
                Some(payment_id) => Ok(Standing::Paid { payment_id: payment_id.clone() }),
                None => Ok(Standing::Open { at_seconds: entry.at_seconds }),
            };
        }
        let limit = self.limits.get(currency).copied().unwrap_or(0);
        let mut same = entries.values().filter(|entry| entry.currency == currency);
        let spent = same.try_fold(0_i64, |sum, entry| sum.checked_add(entry.minor));
        let left = limit.saturating_sub(spent.unwrap_or(i64::MAX)).max(0);
        if minor > left {
            return Err(Denied::Over { currency: currency.to_owned(), left });
        }
        let (operation, print, currency) = (operation.to_owned(), print.to_owned(), currency.to_owned());
        append(&mut file, &Line::Reserved { operation, print, currency, minor, at_seconds })?;
        Ok(Standing::Reserved)
    }

    /// Says which payment came of an operation.
    pub(super) fn paid(&self, operation: &str, payment_id: &str) -> Result<(), Denied> {
        let (mut file, _) = self.open()?;
        let (operation, payment_id) = (operation.to_owned(), payment_id.to_owned());
        Ok(append(&mut file, &Line::Paid { operation, payment_id })?)
    }

    /// Says that nothing came of an operation.
    pub(super) fn release(&self, operation: &str) -> Result<(), Denied> {
        let (mut file, _) = self.open()?;
        Ok(append(&mut file, &Line::Released { operation: operation.to_owned() })?)
    }

    /// The journal, locked until it is dropped, and what stands in it. A last line that was cut off never happened.
    fn open(&self) -> io::Result<(File, HashMap<String, Entry>)> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.journal)?;
        file.lock()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at.saturating_add(1));
        if whole < text.len() {
            file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
            file.seek(io::SeekFrom::End(0))?;
        }
        let mut entries = HashMap::new();
        for line in text.get(..whole).unwrap_or_default().split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            take(&mut entries, serde_json::from_slice(line).map_err(io::Error::other)?);
        }
        Ok((file, entries))
    }
}

fn take(entries: &mut HashMap<String, Entry>, line: Line) {
    match line {
        Line::Reserved { operation, print, currency, minor, at_seconds } => {
            entries.insert(operation, Entry { print, currency, minor, at_seconds, payment_id: None });
        }
        Line::Paid { operation, payment_id } => {
            if let Some(entry) = entries.get_mut(&operation) {
                entry.payment_id = Some(payment_id);
            }
        }
        Line::Released { operation } => {
            entries.remove(&operation);
        }
    }
}

/// On the disk before anything is done about it.
fn append(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc, thread};

    use super::*;

    struct World {
        folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("budget.jsonl")
        }

        /// A hundred dollars.
        fn budget(&self) -> Budget {
            Budget::new(self.file(), vec![("USD".to_owned(), 10_000)])
        }
    }

    fn spend(budget: &Budget, operation: &str, minor: i64) -> Result<Standing, Denied> {
        budget.reserve(operation, &format!("{minor}"), "USD", minor, 7)
    }

    #[test]
    fn a_budget_is_spent_once_and_no_further() {
        let world = World::new();
        assert_eq!(spend(&world.budget(), "a", 6_000).unwrap(), Standing::Reserved);
        assert!(matches!(spend(&world.budget(), "b", 4_001), Err(Denied::Over { left: 4_000, .. })));
        assert_eq!(spend(&world.budget(), "c", 4_000).unwrap(), Standing::Reserved);
        assert!(matches!(spend(&world.budget(), "d", 1), Err(Denied::Over { left: 0, .. })));
        let other = world.budget().reserve("e", "1", "EUR", 1, 7);
        assert!(matches!(other, Err(Denied::Over { left: 0, .. })), "no limit is no money");
    }

    #[test]
    fn an_operation_counts_once_however_it_ends() {
        let world = World::new();
        let budget = world.budget();
        spend(&budget, "a", 6_000).unwrap();
        assert_eq!(spend(&budget, "a", 6_000).unwrap(), Standing::Open { at_seconds: 7 });
        assert!(matches!(spend(&budget, "a", 5_000), Err(Denied::Other)));
        budget.paid("a", "pay_1").unwrap();
        assert_eq!(spend(&budget, "a", 6_000).unwrap(), Standing::Paid { payment_id: "pay_1".to_owned() });
        spend(&budget, "b", 4_000).unwrap();
        budget.release("b").unwrap();
        assert_eq!(spend(&budget, "c", 4_000).unwrap(), Standing::Reserved);
    }

    #[test]
    fn many_servers_on_one_journal_spend_one_budget() {
        let world = World::new();
        let budget = Arc::new(world.budget());
        let all: Vec<_> = (0..50)
            .map(|n| {
                let budget = Arc::clone(&budget);
                thread::spawn(move || spend(&budget, &format!("op-{n}"), 300).is_ok())
            })
            .collect();
        let granted = all.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>();
        assert_eq!(granted, 33);
    }

    #[test]
    fn a_torn_line_never_happened_and_a_foreign_file_is_refused() {
        let world = World::new();
        spend(&world.budget(), "a", 6_000).unwrap();
        let whole = fs::read(world.file()).unwrap();
        fs::write(world.file(), [&whole[..], b"{\"reserved\":{\"oper"].concat()).unwrap();
        assert_eq!(spend(&world.budget(), "b", 4_000).unwrap(), Standing::Reserved);
        assert!(matches!(spend(&world.budget(), "c", 1), Err(Denied::Over { left: 0, .. })));
        fs::write(world.file(), "shopping list\n").unwrap();
        assert!(matches!(spend(&world.budget(), "d", 1), Err(Denied::Journal(_))));
    }
}
