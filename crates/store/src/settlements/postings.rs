//! What steps post to the ledger, beside their own rows.

use farebox_engine::ledger::{Book, Command, Outcome};
use farebox_types::{Id, Merchant};

use super::SlotStep;
use crate::Fault;

/// The merchant of all steps.
pub(crate) fn one_tenant(steps: &[SlotStep]) -> Result<Id<Merchant>, Fault> {
    let mut tenants = steps.iter().map(|step| step.tenant);
    let first = tenants.next().ok_or_else(|| Fault::never("no steps"))?;
    if tenants.any(|tenant| tenant != first) {
        return Err(Fault::never("steps of several merchants"));
    }
    Ok(first)
}

/// Their postings, in order.
pub(crate) fn postings(steps: &[SlotStep]) -> Vec<Command> {
    steps.iter().flat_map(|step| &step.conclusions).filter_map(|one| one.command.clone()).collect()
}

/// Posts them. A settled payment cannot be refused: the money has moved.
pub(crate) fn apply_postings(book: &mut Book, commands: &[Command]) -> Result<(), Fault> {
    for command in commands {
        match book.apply(command) {
            Ok(Outcome::Posted { .. }) => {}
            other => return Err(Fault::never(format!("a settled payment could not be posted: {other:?}"))),
        }
    }
    Ok(())
}
