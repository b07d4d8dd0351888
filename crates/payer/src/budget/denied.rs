//! Why one way to pay is not taken.

use std::fmt;

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// For one payment.
    PerPayment,
    /// To one address within a day.
    PerPayee,
    /// To anybody within a day.
    PerDay,
}

impl Rule {
    const fn words(self) -> &'static str {
        match self {
            Self::PerPayment => "allowed for one payment",
            Self::PerPayee => "left for this payee today",
            Self::PerDay => "left for today",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerPayment => "for one payment",
            Self::PerPayee => "for one payee",
            Self::PerDay => "for one day",
        })
    }
}

/// Why one way to pay in an offer is not taken: the rule, and by how much.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// This payer does not know the scheme.
    Scheme(String),
    /// This payer was not given what the scheme needs: a wallet, or a credits backend.
    NoMeans(&'static str),
    /// What the offer says cannot be paid by anybody.
    Malformed(&'static str),
    /// The plan is not in the budget.
    Plan(String),
    /// The number of payments is used up.
    Payments {
        /// How many there were.
        most: u64,
    },
    /// The network is not in the budget.
    Network(String),
    /// The token is not in the budget, or not known.
    Asset {
        /// CAIP-2.
        network: String,
        /// As the seller wrote it.
        asset: String,
    },
    /// The payee is not in the budget.
    Payee(String),
    /// What the token is worth is not known, and no limit in its units was set.
    NoLimit {
        /// Which limit there is in dollars.
        rule: Rule,
        /// The token.
        asset: String,
    },
    /// More than a limit leaves.
    Over {
        /// Which limit.
        rule: Rule,
        /// What the seller asks.
        asked: String,
        /// What may be spent.
        left: String,
        /// The difference.
        over: String,
    },
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => write!(f, "the scheme `{}` is not known", short(scheme)),
            Self::NoMeans(what) => write!(f, "no {what} was given"),
            Self::Malformed(what) => f.write_str(what),
            Self::Plan(plan) => write!(f, "plan {} is not in the budget", short(plan)),
            Self::Payments { most } => write!(f, "the budget's {most} payments are used up"),
            Self::Network(network) => write!(f, "network {} is not in the budget", short(network)),
            Self::Asset { network, asset } => {
                write!(f, "token {} on {} is neither known nor in the budget", short(asset), short(network))
            }
            Self::Payee(payee) => write!(f, "payee {} is not in the budget", short(payee)),
            Self::NoLimit { rule, asset } => {
                write!(f, "there is no limit {rule} in units of token {}, whose worth is not known", short(asset))
            }
            Self::Over { rule, asked, left, over } => {
                write!(f, "{asked} is {over} over the {left} {}", rule.words())
            }
        }
    }
}

/// A seller's text, in at most 80 printable characters.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
