//! Names of the spans of the server: one per verb, and the worker's steps.

/// One HTTP request.
pub const REQUEST: &str = "farebox.http.request";
/// Minting an access token.
pub const PERMISSION: &str = "farebox.credits.permission";
/// Checking a payment, and reserving it when asked.
pub const VERIFY: &str = "farebox.credits.verify";
/// Making a payment final.
pub const SETTLE: &str = "farebox.credits.settle";
/// Giving a hold back.
pub const RELEASE: &str = "farebox.credits.release";
/// Registering a plan.
pub const PLAN_REGISTER: &str = "farebox.credits.plan.register";
/// Ordering a plan.
pub const PLAN_ORDER: &str = "farebox.credits.plan.order";
/// Granting credits.
pub const PLAN_MINT: &str = "farebox.credits.plan.mint";
/// Destroying one's own credits.
pub const PLAN_BURN: &str = "farebox.credits.plan.burn";
/// Registering or changing an agent.
pub const AGENT_WRITE: &str = "farebox.credits.agent.write";
/// Creating a delegation.
pub const DELEGATION_CREATE: &str = "farebox.credits.delegation.create";
/// Ending due holds.
pub const SWEEP: &str = "farebox.worker.sweep";
/// Doing what is due in billing.
pub const DUE: &str = "farebox.worker.due";
/// Granting paid orders.
pub const ORDERS: &str = "farebox.worker.orders";
/// Publishing the outbox.
pub const PUBLISH: &str = "farebox.worker.publish";
/// One attempt to deliver an event to a merchant's endpoint.
pub const DELIVER: &str = "farebox.worker.deliver";
/// The field on them that says which merchant.
pub const MERCHANT: &str = "farebox.merchant";
