//! Webhooks of the billing API: sign them, verify them, and receive them.
//!
//! ```
//! use farebox_types::Secret;
//! use farebox_webhook::{Event, EventType, Receiver};
//!
//! # fn app(secret: Secret) -> Result<(), farebox_webhook::BadReceiver> {
//! let receiver = Receiver::builder([secret])
//!     .on(EventType::InvoicePaid, async |event: Event| {
//!         println!("{} is paid", event.id());
//!         Ok::<_, std::io::Error>(())
//!     })
//!     .build()?;
//! // A tower service; in axum: Router::new().route_service("/webhooks/paylera", receiver)
//! # let app: axum::Router = axum::Router::new().route_service("/webhooks/paylera", receiver);
//! # Ok(())
//! # }
//! # app(Secret::new("whsec_1".into())).unwrap();
//! ```
//!
//! An event may come twice. Its handler is not run again once it has succeeded, nor while it runs; when it failed, or when
//! the process ended in the middle, it is. So a handler's own effect must bear being repeated.

mod event;
mod kind;
mod memory;
mod receiver;
mod replay;
mod signature;

pub use event::{BadEvent, Event};
pub use kind::EventType;
pub use memory::Memory;
pub use receiver::{BadReceiver, Receiver, ReceiverBuilder};
pub use replay::{Claim, ReplayStore, StoreError};
pub use signature::{BadSecrets, BadSignature, SIGNATURE, Verifier, sign};
