//! What breaks on the way to a chain.

/// A chain could not be asked, or its answer is no answer. For the log; decides nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// No node answered.
    #[error("no node of {chain} answers: {what}")]
    Unreachable {
        /// The chain's CAIP-2 name.
        chain: String,
        /// The last node's failure, without its address.
        what: String,
    },
    /// A node answered with an error.
    #[error("a node refused {method}: {code} {message}")]
    Refused {
        /// What was called.
        method: &'static str,
        /// JSON-RPC code.
        code: i64,
        /// Its text, cut.
        message: String,
    },
    /// A node's answer has another shape.
    #[error("a node's answer to {method} cannot be read: {what}")]
    Unreadable {
        /// What was called.
        method: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A transaction cannot be built from this payment.
    #[error("no transaction can be made: {0}")]
    Unbuildable(String),
}
