//! How billing takes money: one way for everything that is due.

mod attempt;
mod settle;

pub(crate) use self::{
    attempt::{Wanted, another_method, attempt, come_back, confirm},
    settle::settle,
};
