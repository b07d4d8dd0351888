//! Webhooks to merchants: what is told, to whom, how often, and what receivers that misbehave lead to.

mod events;
mod journey;
mod management;
mod receivers;
mod street;
