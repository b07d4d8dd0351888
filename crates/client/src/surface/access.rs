//! Tokens, the audit trail, test clocks.

use farebox_api::{AdvanceTestClock, ApiToken, AuditEvent, NewApiToken, NewTestClock, NewToken, TestClock, Time};
use uuid::Uuid;

use crate::{
    call::Call,
    client::Client,
    listing::Listing,
    operation::{ADVANCE_TEST_CLOCK, CREATE_TEST_CLOCK, CREATE_TOKEN, LIST_AUDIT_EVENTS, LIST_TOKENS, REVOKE_TOKEN},
};

/// Tokens.
#[derive(Debug, Clone, Copy)]
pub struct ApiTokens<'a>(pub(super) &'a Client);

/// Who did what.
#[derive(Debug, Clone, Copy)]
pub struct AuditEvents<'a>(pub(super) &'a Client);

/// The merchant's time, in test mode.
#[derive(Debug, Clone, Copy)]
pub struct TestClocks<'a>(pub(super) &'a Client);

impl ApiTokens<'_> {
    /// Creates a token, which the answer shows this once: a repetition under the same key has `token: None`.
    pub fn create(self, name: impl Into<String>) -> Call<NewToken, NewApiToken> {
        let body = NewToken { name: name.into(), scopes: Vec::new(), expires_at: None };
        Call::new(self.0, &CREATE_TOKEN, CREATE_TOKEN.path(&[]), body)
    }

    /// Lists tokens, without their secrets.
    pub fn list(self) -> Listing<ApiToken> {
        Listing::new(self.0, &LIST_TOKENS, LIST_TOKENS.path(&[]))
    }

    /// Takes a token back.
    pub fn revoke(self, id: Uuid) -> Call<(), ()> {
        Call::new(self.0, &REVOKE_TOKEN, REVOKE_TOKEN.path(&[&id]), ())
    }
}

impl Call<NewToken, NewApiToken> {
    /// One more thing that it may do; everything that the asking token may, unless said.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.body.scopes.push(scope.into());
        self
    }

    /// When it ends by itself.
    pub const fn expires_at(mut self, at: Time) -> Self {
        self.body.expires_at = Some(at);
        self
    }
}

impl AuditEvents<'_> {
    /// Lists the audit trail.
    pub fn list(self) -> Listing<AuditEvent> {
        Listing::new(self.0, &LIST_AUDIT_EVENTS, LIST_AUDIT_EVENTS.path(&[]))
    }
}

impl TestClocks<'_> {
    /// Makes the merchant's time stand still.
    pub fn create(self, frozen_time: Time) -> Call<NewTestClock, TestClock> {
        Call::new(self.0, &CREATE_TEST_CLOCK, CREATE_TEST_CLOCK.path(&[]), NewTestClock { frozen_time })
    }

    /// Moves it forward, through everything that falls between.
    pub fn advance(self, id: Uuid, frozen_time: Time) -> Call<AdvanceTestClock, TestClock> {
        Call::new(self.0, &ADVANCE_TEST_CLOCK, ADVANCE_TEST_CLOCK.path(&[&id]), AdvanceTestClock { frozen_time })
    }
}
