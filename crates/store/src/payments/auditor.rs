//! Compares payments with their refunds, their trails and what they must have posted.

use std::collections::HashMap;

use farebox_engine::payment::{
    Payment, Posting, Refund, RefundState, TrailEntry, link, postings, refund_postings, terms,
};
use farebox_types::{Id, Merchant, Payment as PaymentKind};
use uuid::Uuid;

type Key = (Id<Merchant>, Id<PaymentKind>);

/// Fed every payment, then every refund, then every trail entry in order of payment and number.
#[derive(Debug, Default)]
pub(crate) struct PaymentAuditor {
    payments: HashMap<Key, Sums>,
    differences: Vec<(Uuid, String)>,
}

#[derive(Debug)]
struct Sums {
    row: Payment,
    refunded: i64,
    refunding: i64,
    trail: (i64, [u8; 32]),
    state: String,
}

impl PaymentAuditor {
    /// What `row` must have posted.
    pub(crate) fn payment(&mut self, row: Payment) -> Vec<Posting> {
        let posted = postings(&row);
        if row.captured > row.money.minor {
            self.differ(row.id.uuid(), format!("took {} of {}", row.captured, row.money.minor));
        }
        if row.state.was_paid() != (row.captured > 0) {
            self.differ(row.id.uuid(), format!("is {}, yet {} was taken", row.state.as_str(), row.captured));
        }
        self.payments.insert(
            (row.tenant, row.id),
            Sums { row, refunded: 0, refunding: 0, trail: (0, [0; 32]), state: String::new() },
        );
        posted
    }

    /// What `row` must have posted.
    pub(crate) fn refund(&mut self, row: &Refund) -> Vec<Posting> {
        let Some(sums) = self.payments.get_mut(&(row.tenant, row.payment)) else {
            self.differ(row.payment.uuid(), format!("has no row, yet a refund {}", row.id));
            return Vec::new();
        };
        match row.state {
            RefundState::Pending => sums.refunding += row.minor,
            RefundState::Succeeded => sums.refunded += row.minor,
            RefundState::Failed => {}
        }
        refund_postings(&sums.row, row)
    }

    pub(crate) fn trail(&mut self, entry: &TrailEntry) {
        let Some(sums) = self.payments.get_mut(&(entry.tenant, entry.payment)) else {
            return self.differ(entry.payment.uuid(), "has no row, yet a trail".to_owned());
        };
        let (seq, previous) = sums.trail;
        sums.trail = (entry.seq, entry.hash);
        sums.state.clone_from(&entry.after);
        // Rows from before there were terms say nothing of them.
        let changed = entry.seq == 1 && entry.detail != "{}" && entry.detail != terms(&sums.row);
        if entry.seq != seq + 1 || link(&previous, entry) != entry.hash {
            self.differ(entry.payment.uuid(), format!("entry {} of its trail does not have its hash", entry.seq));
        }
        if changed {
            self.differ(entry.payment.uuid(), "is not what was agreed when it was made".to_owned());
        }
    }

    pub(crate) fn finish(mut self) -> (u64, Vec<(Uuid, String)>) {
        for ((_, id), sums) in &self.payments {
            let said = (sums.row.refunded, sums.row.refunding);
            if said != (sums.refunded, sums.refunding) {
                let what = format!(
                    "says {said:?} refunded and under way, its refunds say {:?}",
                    (sums.refunded, sums.refunding)
                );
                self.differences.push((id.uuid(), what));
            }
            if sums.row.state.as_str() != sums.state {
                let what = format!("is {}, its trail ends {}", sums.row.state.as_str(), sums.state);
                self.differences.push((id.uuid(), what));
            }
            if sums.row.trail != sums.trail {
                self.differences.push((id.uuid(), "does not end with its trail's last entry".to_owned()));
            }
        }
        (u64::try_from(self.payments.len()).unwrap_or(u64::MAX), self.differences)
    }

    fn differ(&mut self, id: Uuid, what: String) {
        self.differences.push((id, what));
    }
}
