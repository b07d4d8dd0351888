//! The members that each route knows. What a browser says about customers is dropped; what no route knows is refused.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Object;
use crate::problem::{BadField, Refusal};

/// Only `identify` says whose request it is.
const CALLERS: [&str; 4] = ["customer_id", "customer_email", "customer_name", "subscription_id"];

/// One member that a route knows.
pub(crate) type Member = (&'static str, Kind);

/// What stands in a member. `null` stands for a member that is not there, and goes on as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    /// A whole number of days.
    Whole,
    /// An amount, with the digits that it came with.
    Quantity,
    /// `[{"id": …, "quantity": …}]`.
    AddOns,
}

pub(crate) const ATTACH: &[Member] = &[
    ("plan_id", Kind::Text),
    ("payment_provider", Kind::Text),
    ("product_id", Kind::Text),
    ("success_url", Kind::Text),
    ("cancel_url", Kind::Text),
    ("return_url", Kind::Text),
    ("trial_period_days", Kind::Whole),
    ("add_ons", Kind::AddOns),
];
pub(crate) const CHECK: &[Member] = &[("feature_code", Kind::Text), ("required_usage", Kind::Quantity)];
pub(crate) const TRACK: &[Member] =
    &[("feature_code", Kind::Text), ("value", Kind::Quantity), ("dedup_key", Kind::Text)];
pub(crate) const BILLING_PORTAL: &[Member] = &[("return_url", Kind::Text)];
pub(crate) const UPGRADE: &[Member] =
    &[("new_plan_id", Kind::Text), ("proration_behavior", Kind::Text), ("billing_cycle_anchor", Kind::Text)];
pub(crate) const CANCEL: &[Member] = &[("at_period_end", Kind::Flag), ("reason", Kind::Text), ("feedback", Kind::Text)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddOn<'a> {
    #[serde(borrow, rename = "id")]
    _id: Cow<'a, str>,
    #[serde(default, rename = "quantity")]
    _quantity: Option<u32>,
}

/// A body of known members, nothing of the caller in it.
pub(crate) struct Fields<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Fields<'a> {
    pub(crate) fn read(body: &'a [u8], known: &[Member]) -> Result<Self, Refusal> {
        let object = Object::read(body).ok_or(Refusal::BadJson)?;
        let mut fields = Vec::with_capacity(object.0.len());
        for (name, value) in object.0 {
            if CALLERS.contains(&name.as_ref()) {
                continue;
            }
            let Some((known, kind)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(BadField::new(&name, "unknown_field", "this route does not know it").into());
            };
            kind.check(value).map_err(|(code, detail)| BadField::new(known, code, detail))?;
            fields.push((*known, value.get()));
        }
        Ok(Self(fields))
    }

    /// The value of a text member, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, raw) = self.0.iter().find(|(known, _)| *known == name)?;
        serde_json::from_str::<Option<Text<'a>>>(raw).ok()?.map(|Text(text)| text)
    }

    /// One JSON object: what the relay adds, then the members as they came.
    pub(crate) fn with(&self, added: &[(&str, &str)]) -> Vec<u8> {
        let mut body = String::from("{");
        let added = added.iter().map(|(name, value)| (*name, Cow::Owned(quoted(value))));
        let own = self.0.iter().map(|(name, raw)| (*name, Cow::Borrowed(*raw)));
        for (at, (name, raw)) in added.chain(own).enumerate() {
            if at > 0 {
                body.push(',');
            }
            // The names are ours: they hold nothing that JSON would escape.
            body.extend(["\"", name, "\":", &raw]);
        }
        body.push('}');
        body.into_bytes()
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A text as JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Kind {
    /// What is wrong with the value, as code and words.
    fn check(self, value: &RawValue) -> Result<(), (&'static str, &'static str)> {
        let raw = value.get();
        if raw == "null" {
            return Ok(());
        }
        match self {
            Self::Text => of::<Text<'_>>(raw, "must be a text"),
            Self::Flag => of::<bool>(raw, "must be true or false"),
            Self::Whole => of::<u32>(raw, "must be a whole number, 0 or more"),
            Self::AddOns => of::<Vec<AddOn<'_>>>(raw, "must be a list of add-ons, each with id and quantity"),
            Self::Quantity => quantity(raw),
        }
    }
}

fn of<'a, T: Deserialize<'a>>(raw: &'a str, otherwise: &'static str) -> Result<(), (&'static str, &'static str)> {
    serde_json::from_str::<T>(raw).map(|_| ()).map_err(|_| ("invalid_type", otherwise))
}

/// A JSON number that takes nothing away from anybody. How exact it may be, upstream decides.
fn quantity(raw: &str) -> Result<(), (&'static str, &'static str)> {
    match raw.bytes().next() {
        Some(b'0'..=b'9') => Ok(()),
        Some(b'-') => Err(("negative", "must not be negative")),
        _ => Err(("invalid_type", "must be a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(body: &str, known: &[Member]) -> Result<String, String> {
        let fields = Fields::read(body.as_bytes(), known).map_err(|refusal| match refusal {
            Refusal::BadField(field) => format!("{} {}", field.pointer, field.code),
            other => other.code().to_owned(),
        })?;
        Ok(String::from_utf8(fields.with(&[("customer_id", "c\"1")])).unwrap())
    }

    #[test]
    fn what_the_browser_says_about_customers_is_dropped_at_any_place() {
        let body = r#"{"customer_id":"evil","feature_code":"api","customer_email":{"a":[1]},"customer_name":null,"value":1.50,"subscription_id":"s"}"#;
        let expected = r#"{"customer_id":"c\"1","feature_code":"api","value":1.50}"#;
        assert_eq!(forwarded(body, TRACK), Ok(expected.to_owned()));
        let escaped = r#"{"\u0063ustomer_id":"evil","feature_code":"api"}"#;
        assert_eq!(forwarded(escaped, CHECK), Ok(r#"{"customer_id":"c\"1","feature_code":"api"}"#.to_owned()));
    }

    #[test]
    fn numbers_go_on_with_their_own_digits() {
        for number in ["0", "1", "0.000001", "12345678901234567890.123456", "1e3"] {
            let body = format!(r#"{{"value":{number}}}"#);
            assert_eq!(forwarded(&body, TRACK), Ok(format!(r#"{{"customer_id":"c\"1","value":{number}}}"#)));
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_where_it_stands() {
        for (body, known, finding) in [
            (r#"{"value":-1}"#, TRACK, "/value negative"),
            (r#"{"value":-0.000001}"#, TRACK, "/value negative"),
            (r#"{"value":"1"}"#, TRACK, "/value invalid_type"),
            (r#"{"required_usage":-1}"#, CHECK, "/required_usage negative"),
            (r#"{"feature_code":["api"]}"#, CHECK, "/feature_code invalid_type"),
            (r#"{"feature_code":"\ud800"}"#, CHECK, "/feature_code invalid_type"),
            (r#"{"at_period_end":"yes"}"#, CANCEL, "/at_period_end invalid_type"),
            (r#"{"trial_period_days":1.5}"#, ATTACH, "/trial_period_days invalid_type"),
            (r#"{"add_ons":[{"id":"a","price":0}]}"#, ATTACH, "/add_ons invalid_type"),
            (r#"{"add_ons":[[[[[[]]]]]]}"#, ATTACH, "/add_ons invalid_type"),
            (r#"{"occurred_at":"2020-01-01T00:00:00Z"}"#, TRACK, "/occurred_at unknown_field"),
            (r#"{"tenant_id":"t"}"#, CHECK, "/tenant_id unknown_field"),
        ] {
            assert_eq!(forwarded(body, known), Err(finding.to_owned()), "{body}");
        }
    }

    #[test]
    fn add_ons_and_null_go_on_as_they_are() {
        let body = r#"{"plan_id":"p","add_ons":[{"id":"a","quantity":2},{"id":"b"}],"return_url":null}"#;
        let expected =
            r#"{"customer_id":"c\"1","plan_id":"p","add_ons":[{"id":"a","quantity":2},{"id":"b"}],"return_url":null}"#;
        assert_eq!(forwarded(body, ATTACH), Ok(expected.to_owned()));
    }

    #[test]
    fn a_text_is_read_without_its_escapes() {
        let fields = Fields::read(br#"{"dedup_key":"a\u002db","feature_code":null}"#, TRACK).unwrap();
        assert_eq!(fields.text("dedup_key").as_deref(), Some("a-b"));
        assert_eq!(fields.text("feature_code"), None);
        assert_eq!(fields.text("value"), None);
    }
}
