//! The one question: may this customer use this feature now?

use farebox_types::{Quantity, Timestamp};
use uuid::Uuid;

use super::{Cycle, FeatureKind, Given, Overage, Source, SourceKind, Terms, put_together};
use crate::ledger::Account;

/// The feature that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureFacts<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its code.
    pub code: &'a str,
    /// For people.
    pub name: &'a str,
    /// What kind of value it has.
    pub kind: FeatureKind,
    /// What is counted, for people.
    pub unit: Option<&'a str>,
}

/// A metered balance as it stands, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// What is left; below zero after overage.
    pub available: i64,
    /// What reservations hold.
    pub held: i64,
    /// What was used in the window.
    pub usage: i64,
    /// What plans, overrides and carried balances still give.
    pub from_plans: i64,
    /// What credits still give.
    pub from_credits: i64,
}

impl Balance {
    /// Reads it from the customer's balance and the window's meter; an account that was never used stands at nothing.
    #[must_use]
    pub fn of(account: Option<&Account>, meter: Option<&Account>, now: Timestamp) -> Self {
        let usage = meter.map_or(0, |meter| meter.posted.saturating_neg());
        let Some(account) = account else { return Self { usage, ..Self::default() } };
        let open = || account.lots.iter().filter(|lot| lot.expires_at.is_none_or(|at| at > now));
        let sum = |credits: bool| open().filter(|lot| (lot.priority >= 0) == credits).map(|lot| lot.remaining).sum();
        Self {
            available: account.available(now),
            held: account.held,
            usage,
            from_plans: sum(false),
            from_credits: sum(true),
        }
    }
}

/// Everything a check looks at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The feature.
    pub feature: FeatureFacts<'a>,
    /// What gives of it: of entitled subscriptions, and overrides in force.
    pub sources: &'a [Source],
    /// Whether the customer has a subscription that gives of it, but that is not entitled now.
    pub inactive: bool,
    /// Its balance, if it is counted.
    pub balance: Balance,
    /// How much is wanted; zero asks whether there is anything at all.
    pub required: Quantity,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing gives the feature, or it is off.
    NoGrant,
    /// Not as much as is wanted.
    InsufficientBalance,
    /// A subscription would give it, but is paused, ended or unpaid.
    SubscriptionInactive,
}

impl Reason {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoGrant => "no_grant",
            Self::InsufficientBalance => "insufficient_balance",
            Self::SubscriptionInactive => "subscription_inactive",
        }
    }
}

/// The answer: every field of the wire's, amounts that may be below zero in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether.
    pub allowed: bool,
    /// Why not.
    pub reason: Option<Reason>,
    /// The feature.
    pub feature_id: Uuid,
    /// Its code.
    pub feature_code: String,
    /// For people.
    pub feature_name: String,
    /// What kind of value it has.
    pub value_type: FeatureKind,
    /// What is counted.
    pub unit: Option<String>,
    /// What is left, signed; `None` unless there is a balance.
    pub balance: Option<i64>,
    /// What plans include in a window.
    pub included_usage: Option<Quantity>,
    /// What was used in this window.
    pub usage: Option<i64>,
    /// What reservations hold.
    pub held: Option<i64>,
    /// Whether there is no limit.
    pub unlimited: bool,
    /// How often the balance begins anew.
    pub interval: Option<Cycle>,
    /// When the window began.
    pub cycle_start_at: Option<Timestamp>,
    /// When the next one begins.
    pub next_reset_at: Option<Timestamp>,
    /// What would be consumed first.
    pub source: Option<SourceKind>,
    /// What is given.
    pub value: Option<Given>,
}

/// Answers. Reads only; asked twice it says the same.
#[must_use]
pub fn check(question: &Question<'_>) -> Answer {
    let given = given(question);
    let refused = given.as_ref().map_or_else(|| Some(nothing(question)), |given| refusal(given, question));
    let mut answer = blank(&question.feature, refused);
    answer.source = source(question, given.as_ref());
    match &given {
        Some(Given::Metered(included, _)) => {
            answer.balance = Some(question.balance.available);
            answer.held = Some(question.balance.held);
            count(&mut answer, question, *included);
        }
        Some(Given::Unlimited) => {
            answer.unlimited = true;
            count(&mut answer, question, Quantity::ZERO);
            answer.included_usage = None;
        }
        _ => {}
    }
    answer.value = given;
    answer
}

/// What sources give; credits of the customer's own give a metered feature that no plan does.
fn given(question: &Question<'_>) -> Option<Given> {
    let owns = question.feature.kind == FeatureKind::Metered && question.balance.from_credits > 0;
    put_together(question.sources).or_else(|| owns.then_some(Given::Metered(Quantity::ZERO, Overage::Deny)))
}

const fn nothing(question: &Question<'_>) -> Reason {
    if question.inactive { Reason::SubscriptionInactive } else { Reason::NoGrant }
}

fn refusal(given: &Given, question: &Question<'_>) -> Option<Reason> {
    let (allowed, reason) = match given {
        Given::Boolean(on) => (*on, Reason::NoGrant),
        Given::Numeric(limit) => (question.required <= *limit, Reason::InsufficientBalance),
        Given::Text(_) | Given::Unlimited => (true, Reason::NoGrant),
        Given::Metered(_, overage) => (suffices(question, *overage), Reason::InsufficientBalance),
    };
    (!allowed).then_some(reason)
}

/// Asked for nothing, there must be something: a gate in a page says no to a balance that is used up.
fn suffices(question: &Question<'_>, overage: Overage) -> bool {
    let Some(least) = overage.least() else { return true };
    let left = question.balance.available.saturating_sub(question.required.micros());
    if question.required.is_zero() { left > least } else { left >= least }
}

fn blank(feature: &FeatureFacts<'_>, reason: Option<Reason>) -> Answer {
    Answer {
        allowed: reason.is_none(),
        reason,
        feature_id: feature.id,
        feature_code: feature.code.to_owned(),
        feature_name: feature.name.to_owned(),
        value_type: feature.kind,
        unit: feature.unit.map(str::to_owned),
        balance: None,
        included_usage: None,
        usage: None,
        held: None,
        unlimited: false,
        interval: None,
        cycle_start_at: None,
        next_reset_at: None,
        source: None,
        value: None,
    }
}

/// The window that is shown is the one that ends first: it is consumed first.
fn count(answer: &mut Answer, question: &Question<'_>, included: Quantity) {
    answer.included_usage = Some(included);
    answer.usage = Some(question.balance.usage);
    let ends = |source: &&Source| source.window.end.map_or(i64::MAX, Timestamp::micros);
    let Some(first) = question.sources.iter().min_by_key(ends) else { return };
    if let Terms::Metered(allowance) = &first.terms {
        answer.interval = Some(allowance.cycle);
    }
    answer.cycle_start_at = Some(first.window.start);
    answer.next_reset_at = first.window.end;
}

fn source(question: &Question<'_>, given: Option<&Given>) -> Option<SourceKind> {
    let overridden = question.sources.iter().any(|source| source.kind == SourceKind::Override);
    let granted = if overridden { SourceKind::Override } else { SourceKind::PlanGrant };
    match given? {
        Given::Metered(..) if question.balance.from_plans == 0 && question.balance.from_credits > 0 => {
            Some(SourceKind::CreditGrant)
        }
        _ => Some(granted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entitlement::{Allowance, Rollover, WindowSpan};

    const FEATURE: FeatureFacts<'_> =
        FeatureFacts { id: Uuid::nil(), code: "calls", name: "Calls", kind: FeatureKind::Metered, unit: Some("call") };

    fn units(units: i64) -> Quantity {
        Quantity::from_micros(units * 1_000_000).unwrap()
    }

    fn source(kind: SourceKind, terms: Terms, end: i64) -> Source {
        let window = WindowSpan { start: Timestamp::from_seconds(0), end: Some(Timestamp::from_seconds(end)) };
        Source { kind, key: String::new(), terms, quantity: 1, added: false, window }
    }

    fn metered(included: i64, overage: Overage) -> Terms {
        let (cycle, rollover) = (Cycle::CalendarMonth, Rollover::default());
        Terms::Metered(Allowance { included: units(included), cycle, rollover, overage, credit: None })
    }

    fn plan(terms: Terms) -> Source {
        source(SourceKind::PlanGrant, terms, 10)
    }

    fn ask(sources: &[Source], available: i64, required: i64) -> Answer {
        let available = available * 1_000_000;
        let balance = Balance { available, from_plans: available.max(0), ..Balance::default() };
        check(&Question { feature: FEATURE, sources, inactive: false, balance, required: units(required) })
    }

    #[test]
    fn asked_for_nothing_an_exhausted_balance_says_no_unless_overage_goes_on() {
        for (overage, left, allowed) in [
            (Overage::Deny, 1, true),
            (Overage::Deny, 0, false),
            (Overage::Allow, -100, true),
            (Overage::Cap(units(5)), -4, true),
            (Overage::Cap(units(5)), -5, false),
        ] {
            assert_eq!(ask(&[plan(metered(10, overage))], left, 0).allowed, allowed, "{overage:?} {left}");
        }
    }

    #[test]
    fn what_is_required_may_use_the_balance_up_and_the_cap_with_it() {
        for (overage, required, allowed) in [
            (Overage::Deny, 3, true),
            (Overage::Deny, 4, false),
            (Overage::Cap(units(5)), 8, true),
            (Overage::Cap(units(5)), 9, false),
            (Overage::Allow, 1_000, true),
        ] {
            assert_eq!(ask(&[plan(metered(10, overage))], 3, required).allowed, allowed, "{overage:?} {required}");
        }
    }

    #[test]
    fn several_plans_give_their_sum_and_the_window_that_ends_first_is_shown() {
        let sources = [plan(metered(10, Overage::Deny)), source(SourceKind::PlanGrant, metered(5, Overage::Allow), 7)];
        let answer = ask(&sources, 15, 0);
        assert_eq!(answer.value, Some(Given::Metered(units(15), Overage::Allow)));
        assert_eq!(answer.next_reset_at, Some(Timestamp::from_seconds(7)));
    }

    #[test]
    fn the_highest_limit_holds_and_add_ons_come_on_top() {
        let limit = |value, quantity, added| Source { quantity, added, ..plan(Terms::Numeric(units(value))) };
        let given = |sources: &[Source]| put_together(sources);
        assert_eq!(given(&[limit(5, 1, false), limit(3, 1, false)]), Some(Given::Numeric(units(5))));
        assert_eq!(given(&[limit(2, 3, true), limit(5, 1, false), limit(1, 1, true)]), Some(Given::Numeric(units(12))));
        assert_eq!(given(&[limit(2, 3, true)]), Some(Given::Numeric(units(6))));
    }

    #[test]
    fn an_override_leaves_nothing_of_what_plans_give() {
        let sources = [plan(metered(10, Overage::Allow)), source(SourceKind::Override, metered(2, Overage::Deny), 9)];
        let answer = ask(&sources, 0, 1);
        assert_eq!((answer.allowed, answer.reason), (false, Some(Reason::InsufficientBalance)));
        assert_eq!((answer.source, answer.included_usage), (Some(SourceKind::Override), Some(units(2))));
    }

    #[test]
    fn credits_alone_give_a_balance() {
        let balance = Balance { available: 5, from_credits: 5, ..Balance::default() };
        let question = Question { feature: FEATURE, sources: &[], inactive: true, balance, required: Quantity::ZERO };
        let answer = check(&question);
        assert_eq!((answer.allowed, answer.source), (true, Some(SourceKind::CreditGrant)));
        let none = check(&Question { balance: Balance::default(), ..question });
        assert_eq!((none.allowed, none.reason, none.value), (false, Some(Reason::SubscriptionInactive), None));
    }

    #[test]
    fn without_a_limit_everything_is_allowed_and_there_is_no_balance() {
        let answer = ask(&[plan(Terms::Unlimited), plan(metered(1, Overage::Deny))], -7, 1_000_000);
        assert_eq!((answer.allowed, answer.unlimited, answer.balance), (true, true, None));
    }
}
