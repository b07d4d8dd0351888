//! What a verb answers.

use farebox_store::Fault;
use serde::Serialize;

use crate::refusal::impossible;

/// A status and its body; what is stored for a replay is both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::billing) struct Reply {
    pub(in crate::billing) status: u16,
    /// JSON, or nothing.
    pub(in crate::billing) body: String,
    pub(in crate::billing) replayed: bool,
}

impl Reply {
    /// 200.
    pub(in crate::billing) fn ok<T: Serialize>(value: &T) -> Result<Self, Fault> {
        Self::with(200, value)
    }

    pub(in crate::billing) fn with<T: Serialize>(status: u16, value: &T) -> Result<Self, Fault> {
        let body =
            serde_json::to_string(value).map_err(|error| impossible(format!("an answer has no JSON: {error}")))?;
        Ok(Self { status, body, replayed: false })
    }

    /// 204.
    pub(in crate::billing) const fn nothing() -> Self {
        Self { status: 204, body: String::new(), replayed: false }
    }

    /// As it is stored.
    pub(in crate::billing) fn stored(&self) -> String {
        format!("{} {}", self.status, self.body)
    }

    /// Reads what [`Self::stored`] wrote.
    pub(in crate::billing) fn recalled(text: &str, replayed: bool) -> Result<Self, Fault> {
        let read = || {
            let (status, body) = text.split_once(' ')?;
            Some(Self { status: status.parse().ok()?, body: body.to_owned(), replayed })
        };
        read().ok_or_else(|| impossible("a recorded answer cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_answer_reads_back() {
        let reply = Reply { status: 201, body: "{\"a\": 1}".to_owned(), replayed: false };
        assert_eq!(Reply::recalled(&reply.stored(), false).unwrap(), reply);
        assert_eq!(Reply::recalled(&Reply::nothing().stored(), true).unwrap().status, 204);
        assert!(Reply::recalled("", true).is_err() && Reply::recalled("{}", true).is_err());
    }
}
