//! What a management token may do.

use std::{fmt, str::FromStr};

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything that its merchant may: `*`.
    All,
    /// Have payments verified: `facilitator:verify`.
    Verify,
    /// Have payments settled, and list what they pay for: `facilitator:settle`.
    Settle,
    /// Read the facilitator's catalogue: `facilitator:read`.
    Read,
    /// Read what is billed: `billing:read`.
    BillingRead,
    /// Write it too: `billing:write`.
    BillingWrite,
    /// And what is sold, tokens, the audit trail, test clocks: `billing:admin`.
    BillingAdmin,
    /// Read payments: `payments:read`.
    PaymentsRead,
    /// Make, capture, cancel and refund payments: `payments:write`.
    PaymentsWrite,
}

/// A text that names no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is one of facilitator:verify, facilitator:settle, facilitator:read, billing:read, billing:write, \
     billing:admin, payments:read, payments:write, *"
)]
pub struct BadScope;

impl Scope {
    const EACH: [Self; 9] = [
        Self::All,
        Self::Verify,
        Self::Settle,
        Self::Read,
        Self::BillingRead,
        Self::BillingWrite,
        Self::BillingAdmin,
        Self::PaymentsRead,
        Self::PaymentsWrite,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::Verify => "facilitator:verify",
            Self::Settle => "facilitator:settle",
            Self::Read => "facilitator:read",
            Self::BillingRead => "billing:read",
            Self::BillingWrite => "billing:write",
            Self::BillingAdmin => "billing:admin",
            Self::PaymentsRead => "payments:read",
            Self::PaymentsWrite => "payments:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::EACH.into_iter().find(|scope| scope.as_str() == text).ok_or(BadScope)
    }
}

/// A token's permissions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These, and no others.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().collect())
    }

    /// Everything that the token's merchant may.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Scope::All])
    }

    /// Reads a stored row. Tokens made before there were scopes have none written, and keep what they could; words of a
    /// newer version permit nothing here.
    #[must_use]
    pub fn read(row: &str) -> Self {
        if row.trim().is_empty() {
            return Self::all();
        }
        Self(row.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
    }

    /// Whether this is permitted. Who may write what is billed may read it, and who runs it may do both.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        let wider: &[Scope] = match scope {
            Scope::BillingRead => &[Scope::BillingWrite, Scope::BillingAdmin],
            Scope::BillingWrite => &[Scope::BillingAdmin],
            _ => &[],
        };
        self.0.iter().any(|held| *held == Scope::All || *held == scope || wider.contains(held))
    }

    /// Whether all of these are permitted.
    #[must_use]
    pub fn allow_all(&self, scopes: &Self) -> bool {
        scopes.0.iter().all(|scope| self.allow(*scope))
    }
}

/// Between spaces, as stored.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let scopes = Scopes::new([Scope::Verify, Scope::Read]);
        assert_eq!(scopes.to_string(), "facilitator:verify facilitator:read");
        assert_eq!(Scopes::read(&scopes.to_string()), scopes);
        assert!(scopes.allow(Scope::Verify) && !scopes.allow(Scope::Settle) && !scopes.allow(Scope::All));
    }

    #[test]
    fn a_token_from_before_scopes_may_everything_and_unknown_words_permit_nothing() {
        assert!(Scopes::read("").allow(Scope::All) && Scopes::read("*").allow(Scope::Settle));
        let newer = Scopes::read("facilitator:everything");
        assert!(Scope::EACH.into_iter().all(|scope| !newer.allow(scope)));
    }

    #[test]
    fn the_wider_billing_scopes_hold_the_narrower_ones() {
        let of = |scope| Scopes::new([scope]);
        assert!(of(Scope::BillingAdmin).allow(Scope::BillingRead) && of(Scope::BillingWrite).allow(Scope::BillingRead));
        assert!(
            !of(Scope::BillingWrite).allow(Scope::BillingAdmin) && !of(Scope::BillingRead).allow(Scope::BillingWrite)
        );
        assert!(!of(Scope::Read).allow(Scope::BillingRead) && !of(Scope::BillingAdmin).allow(Scope::All));
    }

    #[test]
    fn only_the_named_permissions_parse() {
        for scope in Scope::EACH {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        for text in ["", "verify", "facilitator:", "Facilitator:verify", "**"] {
            assert_eq!(text.parse::<Scope>(), Err(BadScope), "{text}");
        }
    }
}
