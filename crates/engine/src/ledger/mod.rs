//! One ledger: accounts, transfers between them, and the lots that credits came in.
//!
//! A batch of commands is decided in memory: load what [`Needs`] names, build a [`Book`], [`Book::apply`] each command in
//! turn, write [`Changes`]. Nothing here waits, reads a clock or draws a number.

mod account;
mod apply;
mod book;
mod clocks;
mod command;
mod digest;
mod lot;
mod outcome;
mod renewal;
mod tally;
mod transfer;
mod usage;

pub use account::{Account, AccountId, AccountKind, AccountSpec, BadUnit, Unit};
pub use book::{Book, Changes, Entry, Needs};
pub use clocks::Clocks;
pub use command::{Actor, BadLeg, Command, Grant, Leg, Operation, Requirement};
pub use lot::{Lot, LotTerms, MAX_GRANTED, MAX_OPEN_LOTS, Slice};
pub use outcome::{Outcome, Refusal};
pub use renewal::{Carry, Renewal, Window};
pub use tally::{Tally, Unwinding, Way};
pub use transfer::{BadState, State, Transfer, TransferId};
pub use usage::{Left, Telling, Usage, UsageEvent};
