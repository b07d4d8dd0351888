//! `farebox serve` and `farebox sim-provider` as processes of their own, and whatever goes wrong between them: one charge or
//! none, and everybody agrees which.

mod checkout;
mod embedded;
mod faults;
mod killed;
mod raced;
mod street;
mod told;
mod wire;
