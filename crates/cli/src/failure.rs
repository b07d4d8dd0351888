//! Errors that say what to do.

use std::fmt;

/// An error with the next step for whoever reads it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    help: String,
}

/// An error that says `what` is wrong and, as `help`, what to do.
pub(crate) fn failure(what: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
    Failure { what: what.into(), help: help.into() }.into()
}

impl Failure {
    pub(crate) fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
