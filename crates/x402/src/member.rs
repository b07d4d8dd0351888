//! Reading JSON member by member, so that what is wrong can be named by its place.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, value::RawValue};

/// A message that cannot be read: which member, and what is wrong with it. Quotes nothing; safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {problem}")]
pub struct BadRequest {
    /// `paymentRequirements.amount`; `body` for the whole.
    pub member: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl BadRequest {
    pub(crate) fn whole(problem: &'static str) -> Self {
        Self { member: "body".to_owned(), problem }
    }

    /// The protocol's word for it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        let last = self.member.rsplit('.').next().unwrap_or_default();
        match last {
            "x402Version" | "t402Version" => "invalid_x402_version",
            "network" => "invalid_network",
            "scheme" => "invalid_scheme",
            _ if self.member.starts_with("paymentRequirements") => "invalid_payment_requirements",
            _ => "invalid_payload",
        }
    }
}

/// Refuses nesting beyond [`crate::header::MAX_DEPTH`] and what is not an object, before anything is parsed.
pub(crate) fn check_depth(json: &[u8]) -> Result<(), BadRequest> {
    match crate::header::is_shallow_object(json) {
        true => Ok(()),
        false => Err(BadRequest::whole("not a JSON object, or nested too deep")),
    }
}

/// One member of an object, present or not.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    raw: Option<&'a RawValue>,
    object: &'a str,
    name: &'a str,
}

impl<'a> Member<'a> {
    pub(crate) const fn new(raw: Option<&'a RawValue>, object: &'a str, name: &'a str) -> Self {
        Self { raw, object, name }
    }

    pub(crate) const fn is_present(&self) -> bool {
        self.raw.is_some()
    }

    pub(crate) fn bad(&self, problem: &'static str) -> BadRequest {
        let point = if self.object.is_empty() { "" } else { "." };
        BadRequest { member: format!("{}{point}{}", self.object, self.name), problem }
    }

    pub(crate) fn needed(&self) -> Result<&'a RawValue, BadRequest> {
        self.raw.ok_or_else(|| self.bad("is missing"))
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, problem: &'static str) -> Result<Option<T>, BadRequest> {
        self.raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| self.bad(problem))).transpose()
    }

    /// Text of at most so many bytes.
    pub(crate) fn text(&self, most: usize) -> Result<Option<String>, BadRequest> {
        let text: Option<String> = self.get("is not text")?;
        match text {
            Some(text) if text.len() > most => Err(self.bad("is too long")),
            text => Ok(text),
        }
    }

    pub(crate) fn needed_text(&self, most: usize) -> Result<String, BadRequest> {
        match self.text(most)? {
            Some(text) if text.is_empty() => Err(self.bad("is empty")),
            Some(text) => Ok(text),
            None => Err(self.bad("is missing")),
        }
    }

    pub(crate) fn map(&self) -> Result<Map<String, Value>, BadRequest> {
        Ok(self.get("is not an object")?.unwrap_or_default())
    }

    /// An object, as it is written.
    pub(crate) fn needed_object(&self) -> Result<&'a RawValue, BadRequest> {
        let raw = self.needed()?;
        if raw.get().starts_with('{') { Ok(raw) } else { Err(self.bad("is not an object")) }
    }
}

/// Reads an object's members into a shape of raw values.
pub(crate) fn shape<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue, object: &str) -> Result<T, BadRequest> {
    serde_json::from_str(raw.get()).map_err(|_| BadRequest {
        member: if object.is_empty() { "body".to_owned() } else { object.to_owned() },
        problem: "is not an object, or names a member twice",
    })
}
