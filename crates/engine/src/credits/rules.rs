//! A plan's rules.

use std::time::Duration;

use farebox_types::{Quantity, Timestamp};

/// What limits a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A number of credits, burned by use.
    Credits,
    /// A span of time (or for ever), used as often as one likes.
    Time,
}

impl Access {
    /// `credits` or `time`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::Time => "time",
        }
    }
}

/// The rules of one plan; checked when made, so that a stored plan can always be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRules {
    access: Access,
    fixed: bool,
    granted: Quantity,
    min: Quantity,
    max: Quantity,
    lifetime: Option<Duration>,
    trial: bool,
}

/// Rules that contradict themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// An order must grant something.
    #[error("amount must be above 0")]
    GrantsNothing,
    /// The range is upside down.
    #[error("minAmount must not be above maxAmount")]
    EmptyRange,
    /// A plan of credits must burn some.
    #[error("maxAmount must be above 0")]
    BurnsNothing,
    /// Longer than a thousand years.
    #[error("durationSecs must be at most 31557600000")]
    TooLong,
}

const MAX_LIFETIME: Duration = Duration::from_secs(31_557_600_000);

/// What an order of the plan grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantTerms {
    /// How many credits.
    pub amount: Quantity,
    /// When they expire.
    pub expires_at: Option<Timestamp>,
}

/// What one use costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// That many credits, above zero.
    Credits(Quantity),
    /// Nothing, but the payer must hold the plan.
    Unmetered,
}

impl PlanRules {
    /// Rules from their parts. `lifetime` is how long an order's credits live; `None` = for ever.
    ///
    /// # Errors
    /// [`BadRules`] if the parts contradict each other.
    pub fn new(
        access: Access,
        fixed: bool,
        granted: Quantity,
        (min, max): (Quantity, Quantity),
        lifetime: Option<Duration>,
        trial: bool,
    ) -> Result<Self, BadRules> {
        if granted.is_zero() {
            return Err(BadRules::GrantsNothing);
        }
        if min > max {
            return Err(BadRules::EmptyRange);
        }
        if max.is_zero() && access == Access::Credits {
            return Err(BadRules::BurnsNothing);
        }
        if lifetime.is_some_and(|lifetime| lifetime > MAX_LIFETIME) {
            return Err(BadRules::TooLong);
        }
        let lifetime = lifetime.filter(|lifetime| !lifetime.is_zero());
        Ok(Self { access, fixed, granted, min, max, lifetime, trial })
    }

    /// What one use costs when the route asks for `requested`: a fixed plan always takes its own amount, a ranged one
    /// takes the request clamped into its range, a time plan takes nothing.
    #[must_use]
    pub fn cost(&self, requested: Quantity) -> Cost {
        if self.access == Access::Time {
            return Cost::Unmetered;
        }
        let amount = if self.fixed { self.max } else { requested.clamp(self.min, self.max) };
        if amount.is_zero() { Cost::Unmetered } else { Cost::Credits(amount) }
    }

    /// What an order at `now` grants.
    #[must_use]
    pub fn grant(&self, now: Timestamp) -> GrantTerms {
        GrantTerms { amount: self.granted, expires_at: self.lifetime.map(|lifetime| now.after(lifetime)) }
    }

    /// What limits the plan.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether every use takes the plan's own amount.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// What an order grants.
    #[must_use]
    pub const fn granted(&self) -> Quantity {
        self.granted
    }

    /// The least and the most one use takes.
    #[must_use]
    pub const fn range(&self) -> (Quantity, Quantity) {
        (self.min, self.max)
    }

    /// How long an order's credits live.
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Whether a payer may order it once only.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.trial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(units: u64) -> Quantity {
        Quantity::from_units(units).unwrap()
    }

    fn rules(access: Access, fixed: bool, min: u64, max: u64) -> PlanRules {
        PlanRules::new(access, fixed, credits(100), (credits(min), credits(max)), None, false).unwrap()
    }

    #[test]
    fn a_fixed_plan_takes_its_own_amount_whatever_is_asked() {
        assert_eq!(rules(Access::Credits, true, 2, 2).cost(credits(50)), Cost::Credits(credits(2)));
    }

    #[test]
    fn a_ranged_plan_clamps_what_is_asked() {
        let plan = rules(Access::Credits, false, 2, 10);
        let costs: Vec<Cost> = [1, 5, 50].map(|asked| plan.cost(credits(asked))).into();
        assert_eq!(costs, [2, 5, 10].map(|cost| Cost::Credits(credits(cost))));
    }

    #[test]
    fn a_time_plan_takes_nothing() {
        assert_eq!(rules(Access::Time, false, 1, 1).cost(credits(7)), Cost::Unmetered);
    }

    #[test]
    fn an_order_expires_after_the_plans_lifetime() {
        let lifetime = Some(Duration::from_secs(60));
        let plan = PlanRules::new(Access::Time, false, credits(1), (credits(1), credits(1)), lifetime, false).unwrap();
        let terms = plan.grant(Timestamp::from_seconds(100));
        assert_eq!(terms.expires_at, Some(Timestamp::from_seconds(160)));
    }

    #[test]
    fn a_zero_lifetime_means_for_ever() {
        let lifetime = Some(Duration::ZERO);
        let plan = PlanRules::new(Access::Time, false, credits(1), (credits(1), credits(1)), lifetime, false).unwrap();
        assert_eq!(plan.grant(Timestamp::from_seconds(100)).expires_at, None);
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused() {
        let make = |granted, min, max| {
            let range = (credits(min), credits(max));
            PlanRules::new(Access::Credits, false, credits(granted), range, None, false)
        };
        assert_eq!(make(0, 1, 1), Err(BadRules::GrantsNothing));
        assert_eq!(make(1, 2, 1), Err(BadRules::EmptyRange));
        assert_eq!(make(1, 0, 0), Err(BadRules::BurnsNothing));
    }
}
