//! `/checkout/{name}`: where a customer pays for what begins then. Whoever has the link may pay.

mod act;
mod due;
mod form;
mod name;
mod script;
mod standing;

pub(super) use self::{
    act::{act, page},
    due::{due, methods},
    name::name,
};
