//! An event as it is posted: the same bytes each time.

use farebox_api::Time;
use farebox_store::WebhookEvent;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'a str,
    r#type: &'a str,
    api_version: &'a str,
    created_at: Time,
    sequence: i64,
    data: &'a RawValue,
}

/// What the wire calls an event.
pub(crate) fn event_id(id: Uuid) -> String {
    format!("evt_{}", id.simple())
}

/// The body; `None` if what is stored is no JSON.
pub(super) fn body(event: &WebhookEvent) -> Option<Vec<u8>> {
    let data: &RawValue = serde_json::from_str(&event.data).ok()?;
    let envelope = Envelope {
        id: &event_id(event.id),
        r#type: &event.kind,
        api_version: &event.api_version,
        created_at: event.created_at.into(),
        sequence: event.sequence,
        data,
    };
    serde_json::to_vec(&envelope).ok()
}

#[cfg(test)]
mod tests {
    use farebox_types::Timestamp;

    use super::*;

    #[test]
    fn the_body_has_the_members_that_receivers_read() {
        let event = WebhookEvent {
            id: Uuid::from_u128(7),
            kind: "payment.succeeded".to_owned(),
            sequence: 3,
            api_version: "2026-05-01".to_owned(),
            data: r#"{"object":{"amount":1.50}}"#.to_owned(),
            created_at: Timestamp::from_seconds(1_800_000_000),
        };
        let body = String::from_utf8(body(&event).unwrap()).unwrap();
        assert_eq!(
            body,
            r#"{"id":"evt_00000000000000000000000000000007","type":"payment.succeeded","api_version":"2026-05-01","created_at":"2027-01-15T08:00:00Z","sequence":3,"data":{"object":{"amount":1.50}}}"#
        );
        assert_eq!(super::body(&WebhookEvent { data: "{".to_owned(), ..event }), None);
    }
}
