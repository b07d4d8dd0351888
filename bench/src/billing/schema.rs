//! The shop of the common design, and the rows of one use.

use uuid::Uuid;

use super::subject::CUSTOMERS;

pub(super) const PLENTY: i64 = 1_000_000_000_000_000;
/// Millionths of one unit.
const UNIT: i64 = 1_000_000;

pub(super) struct Shop {
    pub(super) tenant: Uuid,
    pub(super) feature: Uuid,
    pub(super) customers: Vec<Uuid>,
}

pub(super) struct Used {
    pub(super) customer: Uuid,
    pub(super) feature: String,
    pub(super) value: i64,
    pub(super) key: Uuid,
}

impl Used {
    pub(super) const fn micros(&self) -> i64 {
        self.value * UNIT
    }

    /// The two transfers of a use: out of the balance, and onto the meter.
    pub(super) fn transfers(&self) -> [Uuid; 2] {
        [self.key, Uuid::from_u128(self.key.as_u128() ^ 1)]
    }

    pub(super) fn entries(&self) -> String {
        format!(
            r#"[{{"action":"posted","actor":"bench","subject":"{}","account":"{}","amount":"{}","operation":"{}"}}]"#,
            self.feature,
            self.customer,
            self.micros(),
            self.key
        )
    }
}

impl Shop {
    pub(super) fn new() -> Self {
        let customers = (0..CUSTOMERS).map(|_| Uuid::now_v7()).collect();
        Self { tenant: Uuid::now_v7(), feature: Uuid::now_v7(), customers }
    }

    /// What is sent to every customer's document: about what ours weighs.
    pub(super) fn document(customer: Uuid) -> String {
        format!(r#"{{"id":"{customer}","email":"{customer}@bench.test","name":null,"metadata":{{}},"currency":"USD"}}"#)
    }
}

/// A customer's balance.
pub(super) const fn balance_of(customer: Uuid) -> Uuid {
    customer
}

/// A customer's meter.
pub(super) const fn meter_of(customer: Uuid) -> Uuid {
    Uuid::from_u128(customer.as_u128() ^ 2)
}
