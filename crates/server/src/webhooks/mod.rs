//! Webhooks of card providers: verify, write down once, answer. The worker applies them.

mod receive;

pub(crate) use receive::receive;
