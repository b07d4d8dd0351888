//! A verified delivery.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::kind::EventType;

const LONGEST_ID: usize = 255;

/// Something that happened. Every member stays as it was sent, those of unknown events too.
#[derive(Clone, Debug)]
pub struct Event {
    envelope: Envelope,
    raw: Bytes,
}

#[derive(Clone, Debug, Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: EventType,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    sequence: Option<u64>,
    data: Data,
}

#[derive(Clone, Debug, Deserialize)]
struct Data {
    object: Box<RawValue>,
    #[serde(default)]
    previous: Option<Box<RawValue>>,
}

/// A body that is no event.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// Not JSON, or without `id`, `type` and `data.object`.
    #[error("the body is not an event")]
    Json(#[from] serde_json::Error),
    /// The id is empty, longer than 255 characters, or not visible ASCII.
    #[error("the event's id cannot be used")]
    Id,
}

impl Event {
    /// Reads a body. Who sent it is another question: verify it first.
    ///
    /// # Errors
    /// [`BadEvent`] for what is none.
    pub fn read(body: Bytes) -> Result<Self, BadEvent> {
        let envelope: Envelope = serde_json::from_slice(&body)?;
        let id = envelope.id.as_bytes();
        let good = (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
        if good { Ok(Self { envelope, raw: body }) } else { Err(BadEvent::Id) }
    }

    /// The same for every delivery of this event.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.envelope.id
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> &EventType {
        &self.envelope.kind
    }

    /// The API's version that the object is written in.
    #[must_use]
    pub fn api_version(&self) -> Option<&str> {
        self.envelope.api_version.as_deref()
    }

    /// When it happened: RFC 3339, UTC.
    #[must_use]
    pub fn created_at(&self) -> Option<&str> {
        self.envelope.created_at.as_deref()
    }

    /// Its place among the merchant's events: a lower one that comes later is older news.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        self.envelope.sequence
    }

    /// What it is about, as it was then: an `Invoice` for `invoice.paid`.
    ///
    /// # Errors
    /// If it is not such a `T`.
    pub fn object<T: for<'a> Deserialize<'a>>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.envelope.data.object.get())
    }

    /// Those of its members that were different before, for changes.
    ///
    /// # Errors
    /// If they are not such a `T`.
    pub fn previous<T: for<'a> Deserialize<'a>>(&self) -> Result<Option<T>, serde_json::Error> {
        self.envelope.data.previous.as_ref().map(|previous| serde_json::from_str(previous.get())).transpose()
    }

    /// The body as it came.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_later_version_loses_nothing() {
        let body = r#"{"id":"evt_1","type":"moon.landed","extra":[1],"data":{"object":{"n":1.50},"previous":{"n":1}}}"#;
        let event = Event::read(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!((event.id(), event.kind().as_str()), ("evt_1", "moon.landed"));
        assert_eq!(event.object::<Box<RawValue>>().unwrap().get(), r#"{"n":1.50}"#);
        assert_eq!(event.previous::<serde_json::Value>().unwrap().unwrap()["n"], 1);
        assert_eq!(&event.raw()[..], body.as_bytes());
        assert_eq!((event.api_version(), event.created_at(), event.sequence()), (None, None, None));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let long = format!(r#"{{"id":"{}","type":"a.b","data":{{"object":{{}}}}}}"#, "x".repeat(256));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"id":"","type":"a.b","data":{"object":{}}}"#,
            r#"{"id":"a b","type":"a.b","data":{"object":{}}}"#,
            r#"{"id":"a","type":"a.b","data":{}}"#,
            r#"{"id":1,"type":"a.b","data":{"object":{}}}"#,
            r#"{"id":"a","id":"b","type":"a.b","data":{"object":{}}}"#,
            &long,
        ] {
            assert!(Event::read(Bytes::copy_from_slice(body.as_bytes())).is_err(), "{body}");
        }
    }
}
