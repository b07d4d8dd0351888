//! What a person sees who opens a paid route in a browser: a 402 whose body is a page instead of JSON.
//!
//! One document, nothing else: styles, scripts and pictures are inside it, and its policy lets nothing in from outside.
//! The page cannot pay by itself. It says what is sold and how a client pays, and tells nobody to send money by hand,
//! because a plain transfer does not pay for a request.

mod asking;
mod brand;
mod colour;
mod facts;
mod page;
mod policy;
mod qr;
mod showing;
mod snippets;
mod text;
mod view;
mod ways;
mod window;

use asking::wants_page;
pub use brand::BadPaywall;
pub use facts::{Means, PaywallFacts, WayToPay};
pub use page::{OwnPage, Paywall};
pub(crate) use showing::{Visitor, shown};
