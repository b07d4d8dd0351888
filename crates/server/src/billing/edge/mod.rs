//! The edge of `/v1`: requests in, answers and problems out.

mod body;
mod call;
mod denial;
mod reply;
mod serve;

pub(super) use call::{Call, Page};
pub(super) use denial::Denial;
pub(super) use reply::Reply;
pub(super) use serve::{around, no_route, panicked, run, wrong_method};
