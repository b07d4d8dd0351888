//! One-off payments on a card rail: states, what may be asked, what a provider's word changes, what is posted.
//!
//! A batch of commands is decided in memory: load what [`Needs`] names, build a [`Book`], [`Book::apply`] each command in
//! turn, write [`Changes`]. Nothing here waits, reads a clock or draws a number.

mod ask;
mod batch;
mod book;
mod command;
mod observe;
mod posting;
mod rows;
mod state;
mod trail;

pub use ask::{Ask, Denied};
pub use batch::{Changes, Loaded, Needs, RequestKey};
pub use book::{Book, REMEMBERED};
pub use command::{Answer, Command, EventKey, ProviderEvent, Render};
pub use observe::{ABANDONED, Disputed, Seen, Stage, WITHIN, Word};
pub use posting::{Posting, postings, refund_postings};
pub use rows::{
    Action, Call, Collects, Details, DisputeRow, Payment, Refund, RefundState, Refused, Request, TrailEntry, is_known,
};
pub use state::{Event, PaidBack, State};
pub use trail::{link, terms};
