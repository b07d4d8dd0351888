//! Setting a payer up.

use std::{error::Error, time::Duration};

use farebox_types::Secret;

use crate::{Budget, Payer, Tries, backend::Backend, payer::Rules, wire::Wire};

/// Sets a [`Payer`] up.
#[must_use = "a builder does nothing until it builds"]
pub struct PayerBuilder {
    credits: Option<(String, Secret)>,
    delegation: Option<String>,
    rules: Rules,
    timeout: Duration,
    connect_timeout: Duration,
    max_answer: usize,
}

/// A payer that cannot be set up. The texts hold no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSetup {
    /// No way to pay was given.
    #[error("no credits backend was given")]
    NoBackend,
    /// Not `http(s)://host[:port][/path]`; user names, queries and fragments are refused.
    #[error("the backend's address must read http(s)://host[:port][/path], with no user, query or fragment")]
    Address,
    /// Empty, or with characters that no header can carry.
    #[error("the API key is empty or has characters that a header cannot carry")]
    Key,
    /// A request must be sent at least once.
    #[error("tries.most must be at least 1")]
    NoTries,
    /// The HTTP client is not available.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

impl Default for PayerBuilder {
    fn default() -> Self {
        Self {
            credits: None,
            delegation: None,
            rules: Rules::default(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            max_answer: 16 * 1024 * 1024,
        }
    }
}

impl PayerBuilder {
    /// Pays with credits of the account that `api_key` belongs to, on the backend at `base_url`.
    pub fn credits(mut self, base_url: impl Into<String>, api_key: Secret) -> Self {
        self.credits = Some((base_url.into(), api_key));
        self
    }

    /// Mints tokens under this delegation, so that the backend bounds what they spend.
    pub fn delegation(mut self, id: impl Into<String>) -> Self {
        self.delegation = Some(id.into());
        self
    }

    /// Limits what is paid for.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.rules.budget = budget;
        self
    }

    /// How persistent to be while an outcome is unknown.
    pub const fn tries(mut self, tries: Tries) -> Self {
        self.rules.tries = tries;
        self
    }

    /// Pays with reusable tokens, one for each offer of an origin, instead of a single-use token for each request.
    ///
    /// Cheaper by one call, and weaker: the seller could charge such a token again, so it is sent once for each
    /// request, and an unknown outcome cannot be resumed.
    pub const fn reusable_tokens(mut self) -> Self {
        self.rules.reusable = true;
        self
    }

    /// For one try, answer included; 60 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For a new connection, within the timeout; 5 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The longest answer that is read, in bytes; 16 MiB.
    pub const fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// The payer. Nothing process-wide is touched, and nothing is sent.
    ///
    /// # Errors
    /// [`BadSetup`].
    pub fn build(self) -> Result<Payer, BadSetup> {
        let (base_url, key) = self.credits.ok_or(BadSetup::NoBackend)?;
        if self.rules.tries.most == 0 {
            return Err(BadSetup::NoTries);
        }
        let backend = Backend::new(&base_url, key, self.delegation.as_deref())?;
        let wire = Wire::new(self.timeout, self.connect_timeout, self.max_answer)?;
        Ok(Payer::new(wire, backend, self.rules))
    }
}
