//! At start-up: can this rail do what this route needs?

use std::fmt;

use farebox_types::Mode;

/// When the money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Reserve, run the handler, take the money if it succeeded.
    HoldRunSettle,
    /// Take the money, then run the handler.
    SettleFirst,
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HoldRunSettle => "hold, handler, settle",
            Self::SettleFirst => "settle, handler",
        })
    }
}

/// How often one authorization may be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authorizations {
    /// Once.
    Single,
    /// Up to a limit.
    Reusable,
    /// The authorization itself says.
    Either,
}

/// What a rail can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// When it can take money.
    pub timing: &'static [Timing],
    /// How often one authorization may be charged.
    pub single_or_reusable: Authorizations,
    /// It can take less than was reserved.
    pub variable_amount: bool,
    /// It can give money back.
    pub refund: bool,
    /// It can give a part back.
    pub partial_refund: bool,
    /// It can be asked how a charge ended. A rail without this cannot be used.
    pub lookup: bool,
    /// It moves no money: for development.
    pub test_only: bool,
}

/// What a route asks of its rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The world the route is in.
    pub mode: Mode,
    /// When the money is to be taken.
    pub timing: Timing,
    /// The amount is known only afterwards.
    pub variable_amount: bool,
}

/// How a route charges, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutionPlan {
    /// When the money is taken.
    pub timing: Timing,
    /// How often one authorization may be charged.
    pub authorizations: Authorizations,
}

/// A route that needs what its rail cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotWork {
    /// A test rail would give live goods away.
    #[error("the test rail moves no money, so it works in test mode only")]
    TestRailInLiveMode,
    /// The money cannot be taken at that time.
    #[error("the rail cannot charge as `{0}`")]
    Timing(Timing),
    /// The amount must be known beforehand.
    #[error("the rail cannot charge an amount that is known only afterwards")]
    VariableAmount,
    /// An unknown outcome would stay unknown for ever.
    #[error("the rail cannot be asked how a charge ended")]
    Lookup,
}

/// Checks what a route needs against what its rail can do.
///
/// # Errors
/// [`CannotWork`], naming the first thing that is missing.
pub fn plan(needs: Needs, rail: Capabilities) -> Result<ExecutionPlan, CannotWork> {
    if rail.test_only && needs.mode != Mode::Test {
        return Err(CannotWork::TestRailInLiveMode);
    }
    if !rail.lookup {
        return Err(CannotWork::Lookup);
    }
    if !rail.timing.contains(&needs.timing) {
        return Err(CannotWork::Timing(needs.timing));
    }
    if needs.variable_amount && !rail.variable_amount {
        return Err(CannotWork::VariableAmount);
    }
    Ok(ExecutionPlan { timing: needs.timing, authorizations: rail.single_or_reusable })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAIL: Capabilities = Capabilities {
        timing: &[Timing::HoldRunSettle],
        single_or_reusable: Authorizations::Either,
        variable_amount: false,
        refund: false,
        partial_refund: false,
        lookup: true,
        test_only: false,
    };
    const NEEDS: Needs = Needs { mode: Mode::Live, timing: Timing::HoldRunSettle, variable_amount: false };

    #[test]
    fn a_route_that_asks_for_what_its_rail_can_do_gets_a_plan() {
        let expected = ExecutionPlan { timing: Timing::HoldRunSettle, authorizations: Authorizations::Either };
        assert_eq!(plan(NEEDS, RAIL), Ok(expected));
    }

    #[test]
    fn each_thing_a_rail_cannot_do_is_refused_by_name() {
        let first = Needs { timing: Timing::SettleFirst, ..NEEDS };
        assert_eq!(plan(first, RAIL), Err(CannotWork::Timing(Timing::SettleFirst)));
        assert_eq!(plan(Needs { variable_amount: true, ..NEEDS }, RAIL), Err(CannotWork::VariableAmount));
        assert_eq!(plan(NEEDS, Capabilities { lookup: false, ..RAIL }), Err(CannotWork::Lookup));
    }

    #[test]
    fn a_test_rail_works_in_test_mode_only() {
        let test_rail = Capabilities { test_only: true, ..RAIL };
        assert_eq!(plan(NEEDS, test_rail), Err(CannotWork::TestRailInLiveMode));
        assert!(plan(Needs { mode: Mode::Test, ..NEEDS }, test_rail).is_ok());
    }
}
