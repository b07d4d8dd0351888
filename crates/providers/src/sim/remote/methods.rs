//! What each method id makes happen.

use serde::Serialize;

/// A line of `GET /v1/sim/methods`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Method {
    /// What to send as the payment method.
    pub id: String,
    /// What happens then.
    pub does: String,
}

/// A kind of write that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Confirm,
    Capture,
    Cancel,
    Refund,
}

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// No answer, ever.
    Hang,
    /// Status 500.
    Status,
    /// The connection breaks.
    Reset,
}

/// Something that goes wrong the first time a key is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) op: Op,
    pub(super) failing: Failing,
    /// Whether the write takes effect all the same.
    pub(super) after: bool,
}

/// What the card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    Approves,
    Declines(&'static str),
    /// The payer is asked first.
    Asks {
        then: Verdict,
    },
    /// Decided later.
    Thinks {
        then: Verdict,
    },
}

/// How a late decision falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Decline,
}

/// What happens to the webhooks of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hooks {
    Prompt,
    Twice,
    Late,
    Reversed,
    Lost,
}

/// What one method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) card: Card,
    pub(super) trouble: Option<Trouble>,
    pub(super) hooks: Hooks,
    /// The answer takes a while.
    pub(super) slow: bool,
    /// Disputed as soon as it is paid.
    pub(super) disputed: bool,
    /// Refunds are refused.
    pub(super) keeps: bool,
}

impl Script {
    const fn of(card: Card) -> Self {
        Self { card, trouble: None, hooks: Hooks::Prompt, slow: false, disputed: false, keeps: false }
    }
}

const PLAIN: Script = Script::of(Card::Approves);

/// Fixed ids, with what they do, in the order people look for them.
const CARDS: [(&str, Script, &str); 27] = [
    ("pm_sim_ok", PLAIN, "is approved"),
    ("pm_card_visa", PLAIN, "is approved"),
    ("4242424242424242", PLAIN, "is approved"),
    ("pm_sim_declined", Script::of(Card::Declines("generic_decline")), "is declined"),
    ("4000000000000002", Script::of(Card::Declines("generic_decline")), "is declined"),
    ("pm_sim_insufficient_funds", Script::of(Card::Declines("insufficient_funds")), "is declined: insufficient_funds"),
    ("4000000000009995", Script::of(Card::Declines("insufficient_funds")), "is declined: insufficient_funds"),
    ("pm_sim_expired_card", Script::of(Card::Declines("expired_card")), "is declined: expired_card"),
    ("4000000000000069", Script::of(Card::Declines("expired_card")), "is declined: expired_card"),
    ("pm_sim_incorrect_cvc", Script::of(Card::Declines("incorrect_cvc")), "is declined: incorrect_cvc"),
    ("pm_sim_lost_card", Script::of(Card::Declines("lost_card")), "is declined: lost_card"),
    ("pm_sim_stolen_card", Script::of(Card::Declines("stolen_card")), "is declined: stolen_card"),
    ("pm_sim_processing_error", Script::of(Card::Declines("processing_error")), "is declined: processing_error"),
    (
        "pm_sim_3ds",
        Script::of(Card::Asks { then: Verdict::Approve }),
        "asks the payer on the hosted page (3-D Secure), then is approved",
    ),
    (
        "4000002500003155",
        Script::of(Card::Asks { then: Verdict::Approve }),
        "asks the payer on the hosted page (3-D Secure), then is approved",
    ),
    (
        "pm_sim_3ds_declined",
        Script::of(Card::Asks { then: Verdict::Decline }),
        "asks the payer (3-D Secure), then is declined",
    ),
    (
        "pm_sim_processing",
        Script::of(Card::Thinks { then: Verdict::Approve }),
        "stays in processing for 2 s, then is approved",
    ),
    (
        "pm_sim_processing_declined",
        Script::of(Card::Thinks { then: Verdict::Decline }),
        "stays in processing for 2 s, then is declined",
    ),
    ("pm_sim_slow", Script { slow: true, ..PLAIN }, "is approved; the answer takes 2 s"),
    ("pm_sim_disputed", Script { disputed: true, ..PLAIN }, "is approved, and disputed at once"),
    ("pm_sim_refund_refused", Script { keeps: true, ..PLAIN }, "is approved; refunds are refused"),
    ("pm_sim_webhook_duplicate", Script { hooks: Hooks::Twice, ..PLAIN }, "is approved; each webhook comes twice"),
    ("pm_sim_webhook_late", Script { hooks: Hooks::Late, ..PLAIN }, "is approved; webhooks come 5 s late"),
    (
        "pm_sim_webhook_out_of_order",
        Script { hooks: Hooks::Reversed, ..PLAIN },
        "is approved; processing's webhook comes after success's",
    ),
    ("pm_sim_webhook_lost", Script { hooks: Hooks::Lost, ..PLAIN }, "is approved; no webhook comes"),
    (
        "pm_sim_3ds_webhook_lost",
        Script { hooks: Hooks::Lost, ..Script::of(Card::Asks { then: Verdict::Approve }) },
        "asks the payer; no webhook tells the outcome",
    ),
    (
        "pm_sim_processing_webhook_lost",
        Script { hooks: Hooks::Lost, ..Script::of(Card::Thinks { then: Verdict::Approve }) },
        "is approved after 2 s; no webhook tells",
    ),
];

const OPS: [(Op, &str, &str); 5] = [
    (Op::Create, "", "the payment"),
    (Op::Confirm, "confirm_", "a confirm"),
    (Op::Capture, "capture_", "a capture"),
    (Op::Cancel, "cancel_", "a cancel"),
    (Op::Refund, "refund_", "a refund"),
];

const FAILINGS: [(Failing, &str, &str); 3] = [
    (Failing::Hang, "timeout", "is never answered"),
    (Failing::Status, "500", "is answered 500"),
    (Failing::Reset, "reset", "ends in a broken connection"),
];

const TIMES: [(bool, &str, &str); 2] = [(false, "before", "without effect"), (true, "after", "after it took effect")];

/// What `method` does; `None` if there is no such method.
pub(super) fn script(method: &str) -> Option<Script> {
    if let Some((_, script, _)) = CARDS.iter().find(|(id, ..)| *id == method) {
        return Some(*script);
    }
    // The name that tutorials send.
    if method.strip_prefix("pm_test_").is_some_and(|rest| !rest.is_empty() && rest.len() <= 64) {
        return Some(PLAIN);
    }
    let (trouble, ..) = troubles().find(|(_, id, _)| id == method)?;
    // What is to be confirmed must wait for it.
    let card = if trouble.op == Op::Confirm { Card::Asks { then: Verdict::Approve } } else { Card::Approves };
    Some(Script { trouble: Some(trouble), ..Script::of(card) })
}

fn troubles() -> impl Iterator<Item = (Trouble, String, String)> {
    OPS.into_iter().flat_map(|(op, word, what)| {
        FAILINGS.into_iter().flat_map(move |(failing, name, ends)| {
            TIMES.into_iter().map(move |(after, when, effect)| {
                let id = format!("pm_sim_{word}{name}_{when}");
                (Trouble { op, failing, after }, id, format!("{what} {ends}, {effect}, the first time"))
            })
        })
    })
}

/// Every method, with what it does.
#[must_use]
pub fn methods() -> Vec<Method> {
    let cards = CARDS.iter().map(|(id, _, does)| Method { id: (*id).to_owned(), does: (*does).to_owned() });
    let seed = Method { id: "pm_test_*".to_owned(), does: "is approved".to_owned() };
    cards.chain([seed]).chain(troubles().map(|(_, id, does)| Method { id, does })).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_method_is_listed_once_and_does_something() {
        let listed = methods();
        let ids: HashSet<_> = listed.iter().map(|method| method.id.clone()).collect();
        assert_eq!(ids.len(), listed.len());
        assert_eq!(listed.len(), 27 + 1 + 30);
        for method in listed.iter().filter(|method| !method.id.ends_with('*')) {
            assert!(script(&method.id).is_some(), "{}", method.id);
        }
    }

    #[test]
    fn an_unknown_method_is_none() {
        for method in ["", "pm_sim_", "pm_sim_okay", "pm_test_", "4242", "pm_sim_timeout", "pm_sim_refund_after"] {
            assert!(script(method).is_none(), "{method}");
        }
    }
}
