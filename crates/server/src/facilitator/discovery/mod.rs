//! The catalogue of what can be paid for: one table, read by x402 at `/discovery/resources` and by t402 under `/v1`.
//!
//! Whoever settles here may list what it sells; a listing is its owner's word, never checked, and nothing is paid by it.

mod catalogue;
mod filter;
mod list;
mod listing;
mod view;
mod write;

pub(super) use self::{
    catalogue::Catalogue,
    list::{get, list_t402, list_x402},
    write::{delete, register, update},
};
