//! The journal's lines: JSON, one event each.

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_types::Timestamp;
use farebox_x402::header;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{
    JournalError,
    book::Book,
    entry::{Entry, Outcome, Purpose, Standing, restored},
};
use crate::{Request, fare::Fare};

/// The format written here.
pub(crate) const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line.
    Journal { format: u32 },
    /// Before it is sent.
    Authorized(Box<Authorized>),
    /// After it was.
    Outcome {
        id: String,
        outcome: Word,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transaction: Option<String>,
    },
    /// Of a day's authorizations that are no longer listed.
    Spent { day: i64, fare: Fared },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Authorized {
    id: String,
    purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Requested>,
    header: String,
    value: String,
    fare: Fared,
    payer: String,
    signed_at: i64,
    valid_until: i64,
    /// Whether the day's `spent` lines have counted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    counted: bool,
}

#[derive(Serialize, Deserialize)]
struct Requested {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Fared {
    scheme: String,
    network: String,
    asset: String,
    pay_to: String,
    amount: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    Unknown,
    Refused,
    Unspent,
    Unsent,
    Answered,
    Lost,
}

impl Line {
    pub(crate) fn authorized(entry: &Entry) -> Self {
        Self::Authorized(Box::new(Authorized {
            id: entry.id.clone(),
            purpose: hex::encode(entry.purpose.0),
            request: entry.request.as_ref().map(requested),
            header: entry.header.0.as_str().to_owned(),
            value: entry.header.1.to_str().unwrap_or_default().to_owned(),
            fare: fared(&entry.fare),
            payer: entry.payer.clone(),
            signed_at: entry.signed_at.seconds(),
            valid_until: entry.valid_until.seconds(),
            counted: false,
        }))
    }

    pub(crate) fn outcome(id: &str, outcome: &Outcome) -> Self {
        let (outcome, transaction) = match outcome {
            Outcome::Open(Standing::Written | Standing::Unknown) => (Word::Unknown, None),
            Outcome::Open(Standing::Refused) => (Word::Refused, None),
            Outcome::Open(Standing::Unspent) => (Word::Unspent, None),
            Outcome::Unsent => (Word::Unsent, None),
            Outcome::Answered { transaction } => (Word::Answered, transaction.clone()),
            Outcome::Lost => (Word::Lost, None),
        };
        Self::Outcome { id: id.to_owned(), outcome, transaction }
    }

    /// The whole book in lines.
    pub(crate) fn all(book: &Book) -> Vec<Self> {
        let mut lines = vec![Self::Journal { format: FORMAT }];
        lines.extend(book.sums().map(|sum| Self::Spent { day: book.day(), fare: fared(sum) }));
        for entry in book.open() {
            let mut line = Self::authorized(entry);
            if let Self::Authorized(authorized) = &mut line {
                authorized.counted = true;
            }
            lines.push(line);
            if entry.standing != Standing::Written {
                lines.push(Self::outcome(&entry.id, &Outcome::Open(entry.standing)));
            }
        }
        lines
    }

    /// Tells the book.
    pub(crate) fn replay(self, book: &mut Book) -> Result<(), JournalError> {
        match self {
            Self::Journal { format: FORMAT } => Ok(()),
            Self::Journal { format } => Err(JournalError::Format(format)),
            Self::Authorized(line) => {
                let counted = line.counted;
                match entry(*line) {
                    Some(entry) => book.recall(entry, counted),
                    None => Err(JournalError::Unreadable),
                }
            }
            Self::Outcome { id, outcome, .. } => {
                let outcome = match outcome {
                    Word::Unknown => Outcome::Open(Standing::Unknown),
                    Word::Refused => Outcome::Open(Standing::Refused),
                    Word::Unspent => Outcome::Open(Standing::Unspent),
                    Word::Unsent => Outcome::Unsent,
                    Word::Answered => Outcome::Answered { transaction: None },
                    Word::Lost => Outcome::Lost,
                };
                book.conclude(&id, &outcome);
                Ok(())
            }
            Self::Spent { day, fare } => book.recall_sum(day, &unfared(fare).ok_or(JournalError::Unreadable)?),
        }
    }
}

fn requested(request: &Request) -> Requested {
    let text =
        |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    Requested {
        method: request.method.as_str().to_owned(),
        url: request.url.as_str().to_owned(),
        headers: request.headers.iter().filter_map(text).collect(),
        body: STANDARD.encode(&request.body),
    }
}

fn unrequested(line: Requested) -> Option<Request> {
    let mut request = restored(&line.method, &line.url)?;
    for (name, value) in line.headers {
        request.headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    request.body = STANDARD.decode(line.body).ok()?.into();
    Some(request)
}

fn fared(fare: &Fare) -> Fared {
    let Fare { scheme, network, asset, pay_to, amount } = fare.clone();
    Fared { scheme, network, asset, pay_to, amount: amount.to_string() }
}

fn unfared(line: Fared) -> Option<Fare> {
    let Fared { scheme, network, asset, pay_to, amount } = line;
    Some(Fare { scheme, network, asset, pay_to, amount: amount.parse().ok()? })
}

fn entry(line: Authorized) -> Option<Entry> {
    let mut purpose = [0; 32];
    hex::decode_to_slice(&line.purpose, &mut purpose).ok()?;
    let mut value = HeaderValue::try_from(line.value).ok()?;
    value.set_sensitive(true);
    Some(Entry {
        id: line.id,
        purpose: Purpose(purpose),
        request: match line.request {
            Some(request) => Some(unrequested(request)?),
            None => None,
        },
        header: (payment_header(&line.header)?, value),
        fare: unfared(line.fare)?,
        payer: line.payer,
        signed_at: Timestamp::from_seconds(line.signed_at),
        valid_until: Timestamp::from_seconds(line.valid_until),
        standing: Standing::Written,
    })
}

/// One of the two headers that carry payments.
fn payment_header(name: &str) -> Option<HeaderName> {
    [header::PAYMENT_SIGNATURE, header::X_PAYMENT].into_iter().find(|known| *known == name).map(HeaderName::from_static)
}
