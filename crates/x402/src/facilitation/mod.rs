//! The facilitator's HTTP API: what stands in the bodies of `/verify`, `/settle` and `/supported`, for both sides.
//!
//! [`Request::read`] takes every dialect that clients speak and the mixture of versions that some middlewares send;
//! what comes out is one shape. The caller bounds the size, the reader bounds the depth.

mod answer;
mod canonical;
mod question;
mod request;
mod supported;

/// Settle's word for a payment that pays for something else: it was brought for that before, and pays for nothing besides.
/// Final, whoever brought it and whatever became of it there.
pub const PAYS_FOR_SOMETHING_ELSE: &str = "payment_used_elsewhere";

pub use self::{
    answer::{SettleResponse, VerifyResponse},
    question::Question,
    request::Request,
    supported::{Kind, Supported},
};
pub use crate::member::BadRequest;
pub(crate) use canonical::canonical;
