//! The simulated provider itself: what would stand on another continent. It has a state of its own, which lives in memory or
//! in a file, and knows nothing of Farebox; `farebox sim-provider` runs it as a process.

mod book;
mod deliver;
mod journal;
mod methods;
mod page;
mod server;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use farebox_types::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use self::{
    book::{Book, disputed, returned},
    deliver::Endpoint,
    journal::{Journal, Line},
};
use super::types::{Answer, Ask, SimDispute, SimError, SimPage, SimPayment, SimRefund};

pub(crate) use methods::Failing;
pub use methods::{Method, methods};
pub use page::PayPage;
pub use server::serve;

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_secs(2);
/// Payments on one page of a list.
const PAGE: usize = 100;

/// The simulated provider.
pub struct Remote {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    endpoint: RwLock<Option<Endpoint>>,
    /// Where payers reach the hosted page, without the payment's id.
    page: RwLock<String>,
    woken: Notify,
}

struct Inner {
    book: Book,
    journal: Journal,
}

impl Remote {
    /// A provider that forgets everything with its process.
    #[must_use]
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self::with(clock, Inner { book: Book::default(), journal: Journal::default() })
    }

    /// A provider that remembers in `file`, across kill -9. One process per file.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else; `WouldBlock` if another process has it.
    pub fn open(file: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut book = Book::default();
        let journal = Journal::open(file, |line| book.take(line))?;
        Ok(Self::with(clock, Inner { book, journal }))
    }

    /// What the provider that remembers in `file` has done so far; nothing that happens here is remembered there.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn peek(file: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut book = Book::default();
        let journal = Journal::peek(file, |line| book.take(line))?;
        Ok(Self::with(clock, Inner { book, journal }))
    }

    fn with(clock: Arc<dyn Clock>, inner: Inner) -> Self {
        let page = RwLock::new("/sim/pay".to_owned());
        Self { clock, inner: Mutex::new(inner), endpoint: RwLock::new(None), page, woken: Notify::new() }
    }

    /// Says under which address payers reach the hosted page: `http://host:port/sim/pay`.
    pub fn serve_pages_at(&self, url: &str) {
        let url = url.trim_end_matches('/').to_owned();
        *self.page.write().unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Carries out a write, once per key; what goes wrong goes wrong as its method says.
    pub(crate) async fn call(&self, key: &str, ask: &Ask) -> Result<Answer, Failing> {
        let (answer, slow) = self.decide(key, ask)?;
        if slow {
            tokio::time::sleep(SLOW).await;
        }
        Ok(answer)
    }

    fn decide(&self, key: &str, ask: &Ask) -> Result<(Answer, bool), Failing> {
        let now = self.clock.now();
        let print = print_of(ask);
        let mut inner = self.locked(now);
        let (op, script) = inner.book.script_of(ask);
        if let Some((answered, answer)) = inner.book.answered(key) {
            let other = || SimError::new("idempotency_error", "this key was used for another request");
            let answer = if *answered == print { answer.clone() } else { Answer::Error(other()) };
            return Ok((answer, false));
        }
        let trouble = script.and_then(|script| script.trouble).filter(|trouble| trouble.op == op);
        let trouble = trouble.filter(|_| !inner.book.is_troubled(key));
        let troubled = trouble.map(|_| Line::Troubled { key: key.to_owned() });
        if let Some(before) = trouble.filter(|trouble| !trouble.after) {
            inner.keep(troubled.into_iter().collect())?;
            return Err(before.failing);
        }
        let page = self.page.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (answer, mut lines) = inner.book.decide(ask, &page, now);
        lines.extend(troubled);
        lines.push(Line::Answered { key: key.to_owned(), print, answer: answer.clone() });
        self.keep(&mut inner, lines)?;
        match trouble {
            Some(after) => Err(after.failing),
            None => Ok((answer, script.is_some_and(|script| script.slow))),
        }
    }

    /// A payment by its id or the caller's, as it stands now.
    #[must_use]
    pub fn payment(&self, id: &str) -> Option<SimPayment> {
        self.locked(self.clock.now()).book.find(id).cloned()
    }

    /// Every payment that carries the caller's id, oldest first: more than one means a second charge.
    #[must_use]
    pub fn payments_of(&self, our_id: &str) -> Vec<SimPayment> {
        let inner = self.locked(self.clock.now());
        inner.book.payments.values().filter(|payment| payment.our_id == our_id).cloned().collect()
    }

    /// A refund of `payment` by the caller's id.
    #[must_use]
    pub fn refund(&self, payment: &str, our_refund: &str) -> Option<SimRefund> {
        let inner = self.locked(self.clock.now());
        let payment = inner.book.find(payment)?.id.clone();
        let mut refunds = inner.book.refunds.values();
        refunds.find(|refund| refund.payment == payment && refund.our_refund == our_refund).cloned()
    }

    /// Payments made at or after `since`, oldest first, from behind the payment `after`.
    #[must_use]
    pub fn list(&self, since: i64, after: Option<&str>) -> SimPage {
        let inner = self.locked(self.clock.now());
        let payments = inner.book.payments.values().filter(|payment| payment.created >= since);
        let mut rest = payments.filter(|payment| after.is_none_or(|after| payment.id.as_str() > after));
        let data: Vec<SimPayment> = rest.by_ref().take(PAGE).cloned().collect();
        let next = rest.next().and(data.last()).map(|last| last.id.clone());
        SimPage { data, next }
    }

    /// The payer's word on the hosted page.
    ///
    /// # Errors
    /// There is no such payment, or nothing to decide on it.
    pub fn payer_answers(&self, id: &str, approves: bool) -> Result<SimPayment, SimError> {
        let now = self.clock.now();
        let mut inner = self.locked(now);
        let lines = inner.book.answer_of_payer(id, approves, now)?;
        self.kept(inner.book.find(id).map(|payment| payment.id.clone()), &mut inner, lines)
    }

    /// Opens or ends a dispute of all of a paid payment.
    ///
    /// # Errors
    /// There is no such payment, or it is not paid.
    pub fn dispute(&self, id: &str, status: SimDispute) -> Result<SimPayment, SimError> {
        self.dispute_of(id, status, None)
    }

    /// Opens or ends a dispute of so many minor units of a paid payment.
    ///
    /// # Errors
    /// There is no such payment, or it is not paid.
    pub fn dispute_of(&self, id: &str, status: SimDispute, minor: Option<i64>) -> Result<SimPayment, SimError> {
        let now = self.clock.now();
        let mut inner = self.locked(now);
        let paid = inner.book.find(id).filter(|payment| payment.captured_minor > 0).cloned();
        let paid = paid.ok_or_else(|| SimError::new("not_found", "there is no such paid payment"))?;
        let (id, minor) = (paid.id.clone(), minor.unwrap_or(paid.captured_minor).clamp(0, paid.captured_minor));
        self.kept(Some(id), &mut inner, disputed(paid, status, minor, now))
    }

    /// The payer's bank sends a refund's money back.
    ///
    /// # Errors
    /// There is no such refund, or it came back before.
    pub fn refund_comes_back(&self, payment: &str, our_refund: &str) -> Result<SimPayment, SimError> {
        let refund = self.refund(payment, our_refund).filter(|refund| !refund.failed);
        let refund = refund.ok_or_else(|| SimError::new("not_found", "there is no such refund"))?;
        let now = self.clock.now();
        let mut inner = self.locked(now);
        let paid = inner.book.find(payment).cloned();
        let paid = paid.ok_or_else(|| SimError::new("not_found", "there is no such payment"))?;
        self.kept(Some(paid.id.clone()), &mut inner, returned(paid, refund, now))
    }

    fn kept(&self, id: Option<String>, inner: &mut Inner, lines: Vec<Line>) -> Result<SimPayment, SimError> {
        let gone = || SimError::new("not_found", "there is no such payment");
        self.keep(inner, lines).map_err(|_| SimError::new("internal", "nothing can be written"))?;
        id.and_then(|id| inner.book.find(&id).cloned()).ok_or_else(gone)
    }

    /// Writes changes down, takes them in, and wakes whoever delivers.
    fn keep(&self, inner: &mut Inner, mut lines: Vec<Line>) -> Result<(), Failing> {
        if self.endpoint.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            lines.retain(|line| !matches!(line, Line::Event { .. }));
        }
        inner.keep(lines)?;
        self.woken.notify_one();
        Ok(())
    }

    /// The state, with everything in it that was due by now.
    fn locked(&self, now: Timestamp) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let late = inner.book.decide_late(now);
        if !late.is_empty() && self.keep(&mut inner, late).is_err() {
            tracing::warn!("the simulated provider cannot write its journal");
        }
        inner
    }
}

impl Inner {
    fn keep(&mut self, lines: Vec<Line>) -> Result<(), Failing> {
        self.journal.write(&lines).map_err(|error| {
            tracing::warn!("the simulated provider cannot write its journal: {error}");
            Failing::Status
        })?;
        lines.into_iter().for_each(|line| self.book.take(line));
        Ok(())
    }
}

/// What tells one request from another under the same key.
fn print_of(ask: &Ask) -> String {
    hex::encode(Sha256::digest(serde_json::to_vec(ask).unwrap_or_default()))
}
