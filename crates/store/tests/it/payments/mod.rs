//! Payments in the store: rows, trail, postings, audit and outbox in one commit, and what `verify` makes of them.

mod calls;
mod damage;
mod raced;
mod till;
mod written;
