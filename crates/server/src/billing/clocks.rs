//! Test clocks: a merchant's own time, in test mode.

use farebox_api::{AdvanceTestClock, NewTestClock, ProblemCode, TestClock as View, TestClockStatus};
use farebox_store::{
    Fault,
    billing::{Put, TestClock},
};
use farebox_types::Mode;
use uuid::Uuid;

use super::{
    desk::{Desk, recalled},
    edge::{Call, Denial, Reply},
};

/// `POST /v1/test-clocks`: one for each merchant; from now on all of its time is the clock's.
pub(super) async fn create(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: NewTestClock = call.body()?;
    in_test_mode(call)?;
    let clock = TestClock { id: Uuid::now_v7(), frozen_at: body.frozen_time.timestamp(), advancing_to: None };
    desk.write(call, vec![Put::new(&clock, "test_clock_created")?], &shown(201, &clock)?).await
}

/// `POST /v1/test-clocks/{id}/advance`: through everything that falls between.
pub(super) async fn advance(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: AdvanceTestClock = call.body()?;
    in_test_mode(call)?;
    let asked = (call.id("id", "test clock")?, body.frozen_time.timestamp());
    let answer = |clock: &TestClock| shown(200, clock).map(|reply| reply.stored()).unwrap_or_default();
    recalled(&desk.billing.advance_clock(&call.ask(), asked, answer).await?)
}

fn in_test_mode(call: &Call) -> Result<(), Denial> {
    match call.mode {
        Mode::Test => Ok(()),
        Mode::Live => {
            Err(Denial::new(ProblemCode::TestModeOnly, "test clocks are for test mode: live time is not moved"))
        }
    }
}

fn shown(status: u16, clock: &TestClock) -> Result<Reply, Fault> {
    let state = if clock.advancing_to.is_some() { TestClockStatus::Advancing } else { TestClockStatus::Ready };
    Reply::with(status, &View { id: clock.id, frozen_time: clock.frozen_at.into(), status: state })
}
