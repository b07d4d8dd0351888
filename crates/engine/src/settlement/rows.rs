//! What storage keeps about a settlement.

use std::{fmt, str::FromStr};

use farebox_types::{Address, AtomicAmount, Id, Merchant, Timestamp};

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadHash;

            fn from_str(text: &str) -> Result<Self, BadHash> {
                let hex = text.strip_prefix("0x").filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or(BadHash)?;
                let mut bytes = [0; 32];
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| BadHash)?;
                }
                Ok(Self(bytes))
            }
        }
    };
}

hash! {
    /// The economic proof of one payment: a hash over chain, token, payer and nonce, whatever header it came in.
    PaymentKey
}
hash! {
    /// A transaction's hash.
    TxHash
}

/// A string that is not `0x` and 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 0x and 64 hex digits")]
pub struct BadHash;

/// What was authorized, and what is to be taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The chain's number, as in `eip155:84532`.
    pub chain: u64,
    /// `exact` or `upto`.
    pub scheme: String,
    /// The token.
    pub asset: Address,
    /// Who pays.
    pub payer: Address,
    /// Who is paid.
    pub pay_to: Address,
    /// What is to be taken; zero is recorded as spent without a transaction.
    pub amount: AtomicAmount,
    /// From then on the chain refuses the authorization.
    pub valid_until: Timestamp,
}

/// One nonce of one signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId {
    /// The chain's number.
    pub chain: u64,
    /// Who sends.
    pub signer: Address,
    /// The transaction nonce; never given back once it is written.
    pub nonce: u64,
}

/// How a settlement ended, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody knows yet: the chain has to be asked.
    Unknown,
    /// The money has moved. `transaction` is empty for a zero charge.
    Settled {
        /// The transaction that moved it: ours, or another's that used the same authorization.
        transaction: Option<TxHash>,
        /// Its block.
        block: u64,
    },
    /// No money moved, and none can move any more.
    Failed {
        /// The code a caller is told.
        reason: String,
    },
}

/// One payment's settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The facilitator's merchant.
    pub tenant: Id<Merchant>,
    /// Which payment; unique for the merchant.
    pub key: PaymentKey,
    /// What it is about.
    pub terms: Terms,
    /// The payer's evidence as JSON, for building the transaction anew; empty once the outcome is known.
    pub evidence: String,
    /// The nonce it rides in; `None` for a zero charge.
    pub slot: Option<SlotId>,
    /// The one thing of our own that it pays for, fixed with the intent; `None`: whatever its bringer has it for.
    pub pays_for: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// When the intent was written.
    pub created_at: Timestamp,
}

/// What a transaction in a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It settles the slot's payments.
    Settle,
    /// It only uses the nonce up.
    Cancel,
}

impl Purpose {
    /// The word storage keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Cancel => "cancel",
        }
    }
}

/// One signed transaction of a slot, durable before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its hash.
    pub hash: TxHash,
    /// The signed bytes, sent as they are each time; empty once the slot is over.
    pub raw: Vec<u8>,
    /// Wei per gas at most.
    pub max_fee: u128,
    /// Wei per gas for the block's maker.
    pub priority_fee: u128,
    /// What for.
    pub purpose: Purpose,
    /// When it was signed.
    pub at: Timestamp,
}

/// A nonce in use, with everything that rides on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The facilitator's merchant.
    pub tenant: Id<Merchant>,
    /// Which nonce.
    pub id: SlotId,
    /// Its transactions, oldest first.
    pub attempts: Vec<Attempt>,
    /// Its payments.
    pub settlements: Vec<Settlement>,
    /// When it was taken.
    pub created_at: Timestamp,
}

/// A new slot with its first attempt and the payments in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The first transaction; `None` only for zero charges, which have no slot.
    pub attempt: Option<Attempt>,
    /// The payments; each one's `slot` agrees with the others'.
    pub settlements: Vec<Settlement>,
}
