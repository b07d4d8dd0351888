//! The binary, run as a user runs it.

mod commands;
mod journey;
mod kill_9;
mod world;
