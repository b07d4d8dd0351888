//! A payment as a webhook tells of it: as it was then, without what is only for its payer's browser.

use farebox_engine::payment::{Payment, State, TrailEntry};
use serde_json::Value;

use super::view;

/// The payment as JSON, as it was after entry `seq` of its `trail`; the trail may be left out if that is the last one.
pub(crate) fn told(mut row: Payment, trail: &[TrailEntry], seq: i64) -> String {
    if row.trail.0 != seq {
        rewind(&mut row, trail, seq);
    }
    if let Some(action) = &mut row.details.action {
        action.client_secret = None;
    }
    view::payment(&row)
}

/// What came later is taken back.
fn rewind(row: &mut Payment, trail: &[TrailEntry], seq: i64) {
    let before = |entry: &&TrailEntry| entry.seq <= seq;
    let Some(last) = trail.iter().find(|entry| entry.seq == seq) else { return };
    let state = State::read(&last.after).unwrap_or(row.state);
    let number = |entry: &TrailEntry, name: &str| {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        detail[name].as_i64()
    };
    let later = trail.iter().filter(|entry| entry.seq > seq && entry.kind == "refund_succeeded");
    let refunded_later: i64 = later.filter_map(|entry| number(entry, "amount_minor")).sum();
    row.refunded = row.refunded.saturating_sub(refunded_later).max(0);
    row.captured = trail.iter().filter(before).rev().find_map(|entry| number(entry, "captured_minor")).unwrap_or(0);
    if row.state != state {
        row.details.action = None;
    }
    if state != State::Failed && row.state == State::Failed {
        row.details.refusal = None;
    }
    row.state = state;
    row.updated_at = last.at;
}
