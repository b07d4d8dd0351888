//! The binary, run as a user runs it.

mod commands;
mod hostile;
mod journey;
mod kill_9;
mod parallel;
mod stack;
mod world;
