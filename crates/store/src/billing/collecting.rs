//! Payments and the billing rows that depend on them: one write.

use farebox_engine::{
    ledger::Command,
    payment::{Answer, Changes, Command as PaymentCommand},
};

use super::{BillingWrite, Committed};

/// Payment commands, rows and ledger commands, all or nothing.
#[derive(Debug, Clone)]
pub struct Collecting {
    /// Decided in order, before the rows are written.
    pub payments: Vec<PaymentCommand>,
    /// Written only if the first payment command leaves its payment paid.
    pub only_if_paid: bool,
    /// The rows, the ledger commands beside the payments' own, and the write's name.
    pub rows: BillingWrite,
}

/// What became of it. Only [`Collected::Fresh`] wrote anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// Written, with the payments' answers in order.
    Fresh(Vec<Answer>),
    /// The payment is not paid: these would have been the answers.
    Otherwise(Vec<Answer>),
    /// The rows cannot be written, or were before.
    Not(Committed),
}

impl Collecting {
    /// Whether the rows may be written after these answers.
    pub(crate) fn fits(&self, answers: &[Answer]) -> bool {
        let done = |answer: &Answer| matches!(answer, Answer::Done { payment, .. } if !self.only_if_paid || payment.state.was_paid());
        answers.first().is_some_and(done)
    }

    /// Everything that the ledger is to do.
    pub(crate) fn commands(&self, paid: &Changes) -> Vec<Command> {
        self.rows.commands.iter().chain(&paid.postings).cloned().collect()
    }
}
