//! Names of this crate's spans and events.

/// One HTTP request.
pub(crate) const REQUEST: &str = "farebox.http.request";
/// Minting an access token.
pub(crate) const PERMISSION: &str = "farebox.credits.permission";
/// Checking a payment, and reserving it when asked.
pub(crate) const VERIFY: &str = "farebox.credits.verify";
/// Making a payment final.
pub(crate) const SETTLE: &str = "farebox.credits.settle";
/// Giving a hold back.
pub(crate) const RELEASE: &str = "farebox.credits.release";
/// Registering a plan.
pub(crate) const PLAN_REGISTER: &str = "farebox.credits.plan.register";
/// Ordering a plan.
pub(crate) const PLAN_ORDER: &str = "farebox.credits.plan.order";
/// Granting credits.
pub(crate) const PLAN_MINT: &str = "farebox.credits.plan.mint";
/// Destroying one's own credits.
pub(crate) const PLAN_BURN: &str = "farebox.credits.plan.burn";
/// Registering or changing an agent.
pub(crate) const AGENT_WRITE: &str = "farebox.credits.agent.write";
/// Creating a delegation.
pub(crate) const DELEGATION_CREATE: &str = "farebox.credits.delegation.create";
/// Ending due holds.
pub(crate) const SWEEP: &str = "farebox.worker.sweep";
/// Publishing the outbox.
pub(crate) const PUBLISH: &str = "farebox.worker.publish";
