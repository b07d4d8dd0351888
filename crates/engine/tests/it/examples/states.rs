use farebox_engine::ledger::{Command, Outcome, Refusal, State};

use crate::{
    auditor::{Database, Decision},
    world::{at, charge, grant, merchant},
};

/// How a charge of 4 credits got where it is; each ends at second 20.
fn history(state: Option<State>) -> Vec<(i64, Command)> {
    let call = charge("call", 4);
    match state {
        None => Vec::new(),
        Some(State::Held) => vec![(2, call.hold(60))],
        Some(State::Posted) => vec![(2, call.hold(60)), (3, call.post())],
        Some(State::Released) => vec![(2, call.hold(60)), (3, call.release())],
        Some(State::Expired) => vec![(2, call.hold(10)), (10, charge("other", 1).post())],
    }
}

fn word(answer: &Decision) -> &'static str {
    match answer {
        Ok(Outcome::Held { replayed: false, .. }) => "held",
        Ok(Outcome::Posted { replayed: false, .. }) => "posted",
        Ok(Outcome::Released { replayed: false, .. }) => "released",
        Ok(_) => "again",
        Err(Refusal::Finished { state }) => state.as_str(),
        Err(Refusal::ExceedsHold { .. }) => "too much",
        Err(Refusal::Conflict) => "conflict",
        Err(other) => panic!("{other}"),
    }
}

/// Every command on every state, and where the transfer stands afterwards.
#[test]
fn each_command_does_to_each_state_what_the_table_says() {
    const HELD: Option<State> = Some(State::Held);
    const POSTED: Option<State> = Some(State::Posted);
    const RELEASED: Option<State> = Some(State::Released);
    const EXPIRED: Option<State> = Some(State::Expired);
    let (hold, post, release) = (charge("call", 4).hold(60), charge("call", 4).post(), charge("call", 4).release());
    let (less, more) = (charge("call", 3).post(), charge("call", 5).post());
    let table = [
        (None, &hold, "held", HELD),
        (None, &post, "posted", POSTED),
        (None, &release, "again", None),
        (HELD, &hold, "again", HELD),
        (HELD, &post, "posted", POSTED),
        (HELD, &less, "posted", POSTED),
        (HELD, &more, "too much", HELD),
        (HELD, &release, "released", RELEASED),
        (POSTED, &hold, "posted", POSTED),
        (POSTED, &post, "again", POSTED),
        (POSTED, &less, "conflict", POSTED),
        (POSTED, &more, "conflict", POSTED),
        (POSTED, &release, "posted", POSTED),
        (RELEASED, &hold, "released", RELEASED),
        (RELEASED, &post, "released", RELEASED),
        (RELEASED, &less, "released", RELEASED),
        (RELEASED, &more, "released", RELEASED),
        (RELEASED, &release, "again", RELEASED),
        (EXPIRED, &hold, "expired", EXPIRED),
        (EXPIRED, &post, "posted", POSTED),
        (EXPIRED, &less, "posted", POSTED),
        (EXPIRED, &more, "too much", EXPIRED),
        (EXPIRED, &release, "again", EXPIRED),
    ];
    for (state, command, answer, next) in table {
        let mut db = Database::default();
        db.run(at(1), grant("lot", 10)).unwrap();
        for (second, command) in history(state) {
            db.run(at(second), command).unwrap();
        }
        let stands =
            |db: &Database| db.transfers.get(&(merchant(1), charge("call", 4).operation().id())).map(|row| row.state);
        assert_eq!(stands(&db), state);
        let before = db.clone();
        let said = db.run(at(20), command);
        assert_eq!((word(&said), stands(&db)), (answer, next), "{state:?}: {command:?}");
        assert_eq!(db == before, state == next, "{state:?}: {command:?}");
    }
}
