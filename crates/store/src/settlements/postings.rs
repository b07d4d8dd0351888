//! What steps post to the ledger, beside their own rows.

use farebox_engine::ledger::{Book, Changes, Command, Outcome};

use super::SlotStep;
use crate::Fault;

/// Their postings, in order.
pub(crate) fn postings(steps: &[SlotStep]) -> Vec<Command> {
    steps.iter().flat_map(|step| &step.conclusions).filter_map(|one| one.command.clone()).collect()
}

/// Posts them. A settled payment cannot be refused: the money has moved, between accounts on the chain.
pub(crate) fn post(mut book: Book, commands: &[Command]) -> Result<Changes, Fault> {
    for command in commands {
        match book.apply(command) {
            Ok(Outcome::Posted { .. }) => {}
            other => return Err(Fault::never(format!("a settled payment could not be posted: {other:?}"))),
        }
    }
    let changes = book.into_changes();
    if changes.accounts.is_empty() {
        Ok(changes)
    } else {
        Err(Fault::never("a settled payment was to be posted to an account with a floor"))
    }
}
