//! Reservations: units that are held until it is known how many were used.

use std::time::Duration;

use farebox_engine::{
    entitlement::Properties,
    ledger::{Actor, Command, Operation, TransferId, Usage},
};
use farebox_types::{Id, Merchant, Quantity};
use uuid::Uuid;

use super::{
    Ask, Billing, BillingError, Done, Feature, Holdings, Kind, Put, Reservation, ReservationState, Row, Use,
    ask::Decided, usage::legs,
};

/// What is to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// The new reservation.
    pub id: Uuid,
    /// For whom.
    pub customer: Uuid,
    /// Of what.
    pub feature_code: String,
    /// How much.
    pub amount: Quantity,
    /// For how long; a day at most.
    pub lifetime: Duration,
}

impl Billing {
    /// Holds units, if the balance and the overage policy allow it.
    ///
    /// # Errors
    /// [`BillingError::Refused`] if they do not; else as [`Billing::track`].
    pub async fn reserve(
        &self,
        ask: &Ask,
        wanted: &Reserve,
        answer: impl Fn(&Reservation) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let one = Use {
                customer: wanted.customer,
                feature_code: wanted.feature_code.clone(),
                value: wanted.amount,
                key: wanted.id.to_string(),
                back: false,
                properties: Properties::new(),
                occurred_at: None,
            };
            let prepared = self.prepare(ask.tenant, &one, &ask.actor).await?;
            if !self.counting(ask.tenant, &prepared.feature).await?.can_be_held() {
                return Err(BillingError::Invalid(
                    "the feature is counted by a metric that is no plain sum: it cannot be held",
                ));
            }
            let now = prepared.holdings.now;
            let reservation = Reservation {
                id: wanted.id,
                customer: wanted.customer,
                feature: prepared.feature.id,
                feature_code: wanted.feature_code.clone(),
                amount: wanted.amount,
                window_start: prepared.holdings.counted_in(&prepared.streams).start,
                least: prepared.least(),
                from_balance: prepared.from_balance,
                expires_at: now.after(wanted.lifetime),
                state: ReservationState::Held,
                committed: None,
                late_commit: false,
            };
            let operation = held(&prepared.holdings, &prepared.feature, (&reservation, wanted.amount), &ask.actor)?;
            let operation = reservation.least.map_or(operation.clone(), |least| operation.keeping(least));
            let hold = Command::Hold { operation, expires_at: reservation.expires_at };
            let commands = prepared.renewals.into_iter().chain(std::iter::once(hold)).collect();
            let puts = vec![Put::new(&reservation, "reservation_held")?];
            Ok((Decided { puts, commands, answer: answer(&reservation) }, now))
        })
        .await
    }

    /// Uses `amount` of a reservation (all of it, unless said), and gives the rest back. More than was held is taken under
    /// the overage policy. After the reservation has run out the use is recorded all the same, flagged late: it happened.
    ///
    /// # Errors
    /// [`BillingError::Refused`] if more is asked than the policy allows; [`BillingError::Invalid`] if the reservation was
    /// given back. Repeating is harmless.
    pub async fn commit_reservation(
        &self,
        ask: &Ask,
        id: Uuid,
        amount: Option<Quantity>,
        answer: impl Fn(&Reservation) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let (row, holdings, feature) = self.reserved(ask.tenant, id).await?;
            let now = holdings.now;
            match row.value.state {
                ReservationState::Held | ReservationState::Expired => {}
                ReservationState::Committed => return Ok((unchanged(&answer(&row.value)), now)),
                ReservationState::Released => {
                    return Err(BillingError::Invalid("the reservation has been given back"));
                }
            }
            let used = amount.unwrap_or(row.value.amount);
            let late = now >= row.value.expires_at;
            let after = Reservation {
                state: ReservationState::Committed,
                committed: Some(used),
                late_commit: late,
                ..row.value.clone()
            };
            let commands = commit(&holdings, &feature, (&row.value, used, late), &ask.actor)?;
            let puts = vec![Put::update(&row.with(after.clone()), "reservation_committed")?];
            Ok((Decided { puts, commands, answer: answer(&after) }, now))
        })
        .await
    }

    /// Gives a reservation back. Repeating is harmless.
    ///
    /// # Errors
    /// [`BillingError::Invalid`] if it has been used.
    pub async fn release_reservation(
        &self,
        ask: &Ask,
        id: Uuid,
        answer: impl Fn(&Reservation) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let (row, holdings, feature) = self.reserved(ask.tenant, id).await?;
            match row.value.state {
                ReservationState::Held => {}
                ReservationState::Committed => return Err(BillingError::Invalid("the reservation has been used")),
                _ => return Ok((unchanged(&answer(&row.value)), holdings.now)),
            }
            let over = holdings.now >= row.value.expires_at;
            let state = if over { ReservationState::Expired } else { ReservationState::Released };
            let after = Reservation { state, ..row.value.clone() };
            let operation = held(&holdings, &feature, (&row.value, row.value.amount), &ask.actor)?;
            let puts = vec![Put::update(&row.with(after.clone()), "reservation_released")?];
            let commands = vec![Command::Release(operation)];
            Ok((Decided { puts, commands, answer: answer(&after) }, holdings.now))
        })
        .await
    }

    async fn reserved(
        &self,
        tenant: Id<Merchant>,
        id: Uuid,
    ) -> Result<(Row<Reservation>, Holdings, Feature), BillingError> {
        let row = self.get::<Reservation>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Reservation))?;
        let holdings = self.holdings(tenant, row.value.customer).await?;
        let feature = self.get::<Feature>(tenant, row.value.feature).await?;
        Ok((row, holdings, feature.ok_or(BillingError::NotFound(Kind::Feature))?.value))
    }
}

/// Nothing but the answer, kept under the ask's name.
fn unchanged(answer: &str) -> Decided {
    Decided { answer: answer.to_owned(), ..Decided::default() }
}

/// The operation of a reservation for `amount` of it: the same legs each time, so that hold, post and release agree.
fn held(
    holdings: &Holdings,
    feature: &Feature,
    (row, amount): (&Reservation, Quantity),
    actor: &Actor,
) -> Result<Operation, BillingError> {
    let legs = legs(holdings, feature, (row.window_start, row.from_balance), amount)?;
    let id = TransferId::derive(holdings.tenant, "reservation", &row.id.to_string());
    let operation =
        Operation::new(id, legs, actor.clone()).map_err(|_| BillingError::Invalid("nothing is reserved"))?;
    Ok(holdings.clock().map_or(operation.clone(), |clock| operation.at(clock)))
}

/// Posts what was held, up to what was used, and what was used beyond it; or releases, if nothing was used.
fn commit(
    holdings: &Holdings,
    feature: &Feature,
    (row, used, late): (&Reservation, Quantity, bool),
    actor: &Actor,
) -> Result<Vec<Command>, BillingError> {
    if used.is_zero() {
        return Ok(vec![Command::Release(held(holdings, feature, (row, row.amount), actor)?)]);
    }
    let usage = Usage {
        customer: row.customer,
        feature: row.feature,
        occurred_at: holdings.now,
        window_start: row.window_start,
        late,
        telling: None,
    };
    let within = held(holdings, feature, (row, used.min(row.amount)), actor)?;
    let mut commands = vec![Command::Post(within.telling(usage.clone()))];
    if let Some(beyond) = used.checked_sub(row.amount).filter(|beyond| !beyond.is_zero()) {
        let legs = legs(holdings, feature, (row.window_start, row.from_balance), beyond)?;
        let id = TransferId::derive(holdings.tenant, "reservation", &format!("{}/beyond", row.id));
        let operation = Operation::new(id, legs, actor.clone());
        let operation = operation.map_err(|_| BillingError::Invalid("nothing is reserved"))?.telling(usage);
        let operation = holdings.clock().map_or(operation.clone(), |clock| operation.at(clock));
        // What happened late is recorded, never refused.
        let least = row.least.filter(|_| !late);
        commands.push(Command::Post(least.map_or(operation.clone(), |least| operation.keeping(least))));
    }
    Ok(commands)
}
