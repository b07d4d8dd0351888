//! What a browser may say, and in which form.

mod body;
mod fields;
mod key;
mod object;
mod query;
mod segment;

pub(crate) use body::{check_media_type, read};
pub(crate) use fields::{ATTACH, BILLING_PORTAL, CANCEL, CHECK, Fields, Member, TRACK, UPGRADE};
pub(crate) use key::{fresh_key, inbound_key};
pub(crate) use query::{INVOICES, PLANS, Query, check_body};
pub(crate) use segment::{is_segment, segment};
