//! A payment as a webhook tells of it: as it was then, without what is only for its payer's browser.

use farebox_engine::payment::{Payment, State, TrailEntry};
use serde_json::Value;

use super::view;

/// The payment as JSON, as it was after entry `seq` of its `trail`; the trail may be left out if that is the last one.
pub(crate) fn told(mut row: Payment, trail: &[TrailEntry], seq: i64) -> String {
    if row.trail.0 != seq {
        rewind(&mut row, trail, seq);
    }
    view::without_secret(&row)
}

/// What came later is taken back, the last first. The trail may have been read after the row: what is not in the row yet is
/// left alone.
fn rewind(row: &mut Payment, trail: &[TrailEntry], seq: i64) {
    let Some(last) = trail.iter().find(|entry| entry.seq == seq) else { return };
    let known = row.trail.0;
    for entry in trail.iter().rev().filter(|entry| entry.seq > seq && entry.seq <= known) {
        take_back(row, entry);
    }
    let before = trail.iter().rev().filter(|entry| entry.seq <= seq);
    row.captured = before.filter_map(|entry| number(entry, "captured_minor")).next().unwrap_or(0);
    let state = State::read(&last.after).unwrap_or(row.state);
    if row.state != state {
        row.details.action = None;
    }
    if state != State::Failed && row.state == State::Failed {
        row.details.refusal = None;
    }
    row.state = state;
    row.updated_at = last.at;
}

fn take_back(row: &mut Payment, entry: &TrailEntry) {
    let amount = number(entry, "amount_minor").unwrap_or(0);
    let disputes = &mut row.details.disputes;
    match entry.kind.as_str() {
        "refund_succeeded" => row.refunded = row.refunded.saturating_sub(amount).max(0),
        "refund_returned" => row.refunded = row.refunded.saturating_add(amount),
        "dispute_won" | "dispute_lost" if entry.before == State::Disputed.as_str() => {
            if let Some(dispute) = disputes.last_mut() {
                dispute.won = None;
            }
        }
        "dispute_opened" | "dispute_won" | "dispute_lost" => _ = disputes.pop(),
        _ => {}
    }
}

fn number(entry: &TrailEntry, name: &str) -> Option<i64> {
    let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    detail[name].as_i64()
}

#[cfg(test)]
mod tests {
    use farebox_engine::payment::{Details, DisputeRow};
    use farebox_types::{Id, Money, Timestamp};

    use super::*;

    fn entry(row: &Payment, seq: i64, kind: &str, (before, after): (&str, &str), detail: &str) -> TrailEntry {
        TrailEntry {
            tenant: row.tenant,
            payment: row.id,
            seq,
            kind: kind.to_owned(),
            actor: "worker".to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            detail: detail.to_owned(),
            at: Timestamp::from_seconds(seq),
            hash: [0; 32],
        }
    }

    /// Paid, refunded in part twice, one refund returned, disputed and won.
    fn lived() -> (Payment, Vec<TrailEntry>) {
        let row = Payment {
            tenant: Id::generate(),
            id: Id::generate(),
            customer_id: "c".to_owned(),
            provider: "sim".to_owned(),
            provider_id: Some("pi_1".to_owned()),
            money: Money { minor: 100, currency: "USD".parse().unwrap() },
            captured: 100,
            refunded: 10,
            refunding: 0,
            state: State::PartiallyRefunded,
            next_check: None,
            trail: (7, [0; 32]),
            details: Details { disputes: vec![DisputeRow { minor: 90, won: Some(true) }], ..Details::default() },
            created_at: Timestamp::from_seconds(1),
            updated_at: Timestamp::from_seconds(7),
        };
        let trail = [
            ("payment_created", ("created", "created"), r#"{"amount_minor":100}"#),
            ("provider_answered", ("created", "succeeded"), r#"{"captured_minor":100}"#),
            ("refund_succeeded", ("succeeded", "partially_refunded"), r#"{"amount_minor":10}"#),
            ("refund_succeeded", ("partially_refunded", "partially_refunded"), r#"{"amount_minor":25}"#),
            ("refund_returned", ("partially_refunded", "partially_refunded"), r#"{"amount_minor":25}"#),
            ("dispute_opened", ("partially_refunded", "disputed"), r#"{"captured_minor":100}"#),
            ("dispute_won", ("disputed", "partially_refunded"), r#"{"captured_minor":100}"#),
            // Written after the row was read.
            ("refund_succeeded", ("partially_refunded", "refunded"), r#"{"amount_minor":90}"#),
        ];
        let entries = (1..).zip(trail).map(|(seq, (kind, states, detail))| entry(&row, seq, kind, states, detail));
        let entries = entries.collect();
        (row, entries)
    }

    #[test]
    fn a_payment_is_shown_as_it_was_after_each_entry_of_its_trail() {
        let (row, trail) = lived();
        for (seq, status, captured, refunded) in [
            (1, "created", 0, 0),
            (2, "succeeded", 100, 0),
            (3, "partially_refunded", 100, 10),
            (4, "partially_refunded", 100, 35),
            (5, "partially_refunded", 100, 10),
            (6, "disputed", 100, 10),
            (7, "partially_refunded", 100, 10),
        ] {
            let shown: Value = serde_json::from_str(&told(row.clone(), &trail, seq)).unwrap();
            let numbers = (shown["captured_minor"].as_i64(), shown["refunded_minor"].as_i64());
            assert_eq!((shown["status"].as_str(), numbers), (Some(status), (Some(captured), Some(refunded))), "{seq}");
            assert_eq!(shown["updated_at"], seq);
        }
    }

    #[test]
    fn a_disputes_end_and_beginning_are_taken_back() {
        let (row, trail) = lived();
        for (seq, disputes) in [(2, vec![]), (6, vec![None]), (7, vec![Some(true)])] {
            let mut row = row.clone();
            rewind(&mut row, &trail, seq);
            assert_eq!(row.details.disputes.iter().map(|dispute| dispute.won).collect::<Vec<_>>(), disputes, "{seq}");
        }
    }
}
