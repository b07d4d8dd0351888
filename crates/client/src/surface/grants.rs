//! Reservations, credits, overrides.

use farebox_api::{
    Amount, Code, Commit, Credit, GrantValue, NewCredit, NewOverride, NewReservation, Nothing, Overage, Override,
    Reservation, Time, UsageCycle,
};
use uuid::Uuid;

use crate::{
    call::Call,
    client::Client,
    operation::{COMMIT, CREATE_CREDIT, PUT_OVERRIDE, RELEASE, RESERVE},
    watch::About,
};

/// Amounts that are held until their use is known.
#[derive(Debug, Clone, Copy)]
pub struct Reservations<'a>(pub(super) &'a Client);

/// What customers are given beside their plans.
#[derive(Debug, Clone, Copy)]
pub struct Credits<'a>(pub(super) &'a Client);

/// What customers have in their plans' place.
#[derive(Debug, Clone, Copy)]
pub struct Overrides<'a>(pub(super) &'a Client);

fn about(customer: Uuid, feature: &Code) -> About {
    About { customer: Some(customer), feature: Some(feature.clone()), ..About::default() }
}

impl Reservations<'_> {
    /// Holds an amount for `ttl_seconds`, 1 to 86 400.
    pub fn create(
        self,
        customer_id: Uuid,
        feature_code: Code,
        amount: Amount,
        ttl_seconds: u32,
    ) -> Call<NewReservation, Reservation> {
        let about = about(customer_id, &feature_code);
        let body = NewReservation { customer_id, feature_code, amount, ttl_seconds };
        Call::new(self.0, &RESERVE, RESERVE.path(&[]), body).about(about)
    }

    /// Uses what is held; too late, it is recorded all the same. Repeating it is harmless.
    pub fn commit(self, id: Uuid) -> Call<Commit, Reservation> {
        Call::new(self.0, &COMMIT, COMMIT.path(&[&id]), Commit::default())
    }

    /// Gives back what is held. Repeating it is harmless.
    pub fn release(self, id: Uuid) -> Call<Nothing, Reservation> {
        Call::new(self.0, &RELEASE, RELEASE.path(&[&id]), Nothing {})
    }
}

impl Call<Commit, Reservation> {
    /// What was used in the end; all of it unless said.
    pub const fn amount(mut self, amount: Amount) -> Self {
        self.body.amount = Some(amount);
        self
    }
}

impl Credits<'_> {
    /// Gives a customer credits.
    pub fn create(self, customer_id: Uuid, feature_code: Code, amount: Amount) -> Call<NewCredit, Credit> {
        let about = about(customer_id, &feature_code);
        let body = NewCredit { customer_id, feature_code, amount, expires_at: None, priority: None };
        Call::new(self.0, &CREATE_CREDIT, CREATE_CREDIT.path(&[]), body).about(about)
    }
}

impl Call<NewCredit, Credit> {
    /// When what is left of them ends.
    pub const fn expires_at(mut self, at: Time) -> Self {
        self.body.expires_at = Some(at);
        self
    }

    /// Lower is used earlier, after what plans give; 0 unless said.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.body.priority = Some(priority);
        self
    }
}

impl Overrides<'_> {
    /// Gives a customer something else of a feature than the plan does.
    pub fn put(self, customer_id: Uuid, feature_code: Code) -> Call<NewOverride, Override> {
        let about = about(customer_id, &feature_code);
        let body = NewOverride {
            customer_id,
            feature_code,
            value: None,
            included_usage: None,
            usage_cycle: None,
            overage: None,
            expires_at: None,
        };
        Call::new(self.0, &PUT_OVERRIDE, PUT_OVERRIDE.path(&[]), body).about(about)
    }
}

impl Call<NewOverride, Override> {
    /// Of a boolean, numeric or text feature.
    pub fn value(mut self, value: GrantValue) -> Self {
        self.body.value = Some(value);
        self
    }

    /// Of a metered feature: so much each window.
    pub const fn included_usage(mut self, amount: Amount) -> Self {
        self.body.included_usage = Some(amount);
        self
    }

    /// Of a metered feature: how long a window is.
    pub const fn usage_cycle(mut self, cycle: UsageCycle) -> Self {
        self.body.usage_cycle = Some(cycle);
        self
    }

    /// Of a metered feature: when it is used up.
    pub const fn overage(mut self, overage: Overage) -> Self {
        self.body.overage = Some(overage);
        self
    }

    /// When the plan's holds again.
    pub const fn expires_at(mut self, at: Time) -> Self {
        self.body.expires_at = Some(at);
        self
    }
}
