//! Claims and answers of one process.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use farebox_x402::{Amount, Fault, Receipt};
use sha2::{Digest, Sha256};

use super::{
    AnswerStore, Claim, Claimed, Kept, Ticket,
    packed::{pack, unpack},
};

/// Answers kept in memory: bounded, gone with the process. What is spent stays spent for its facilitator.
#[derive(Debug)]
pub struct MemoryAnswers {
    book: Mutex<Book>,
}

/// Every gate of the process: a payment pays once, whichever route it pays for.
static SHARED: LazyLock<Arc<MemoryAnswers>> = LazyLock::new(|| Arc::new(MemoryAnswers::new(64 * 1024 * 1024)));

/// Payments that are remembered; the oldest are forgotten first, and left to their facilitator.
const MOST: usize = 65_536;

#[derive(Debug)]
struct Book {
    entries: HashMap<[u8; 32], Entry>,
    /// Payments by the digest of their request id.
    charges: HashMap<[u8; 32], [u8; 32]>,
    /// Those whose money is known to be taken, in the order in which it was. The others are never forgotten.
    order: VecDeque<Ticket>,
    /// The same, of those whose answer is there.
    answers: VecDeque<Ticket>,
    runs: u64,
    bytes: usize,
    most_bytes: usize,
}

struct Entry {
    run: u64,
    proof: [u8; 32],
    request: [u8; 32],
    replay: Duration,
    remember: Duration,
    kept: Option<Packed>,
    /// Until then somebody has it in hand, running its handler or asking for its money.
    busy_until: Instant,
}

/// What is kept, in few pieces: many payments are remembered, and most are never asked about again.
struct Packed {
    at: Instant,
    request_id: Box<str>,
    amount: Amount,
    answer: Option<Box<[u8]>>,
    /// As JSON.
    receipt: Option<Box<[u8]>>,
}

impl MemoryAnswers {
    /// Keeps answers of at most `most_bytes` together; receipts are kept beside.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        let book = Book {
            entries: HashMap::new(),
            charges: HashMap::new(),
            order: VecDeque::new(),
            answers: VecDeque::new(),
            runs: 0,
            bytes: 0,
            most_bytes,
        };
        Self { book: Mutex::new(book) }
    }

    /// The one of the process: 64 MiB.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn claim(&mut self, claim: &Claim, now: Instant) -> Claimed {
        self.forget(now);
        let Some(entry) = self.entries.get_mut(&claim.key) else { return Claimed::Mine(self.begin(claim, now)) };
        let busy = now < entry.busy_until;
        let Some(kept) = &entry.kept else {
            return if busy { Claimed::Busy } else { Claimed::Mine(self.begin(claim, now)) };
        };
        if entry.request != claim.request {
            return Claimed::Other;
        }
        if busy && kept.receipt.is_none() {
            return Claimed::Busy;
        }
        let replayed = now < kept.at + entry.replay && entry.proof == claim.proof && kept.answer.is_some();
        // While its money is open it is nobody's, however long ago it was kept.
        match (replayed, &kept.receipt) {
            (true, _) | (false, None) if entry.proof == claim.proof => {
                entry.busy_until = now + claim.lease;
                Claimed::Kept(Ticket { key: claim.key, run: entry.run }, Box::new(kept.unpacked()))
            }
            _ => Claimed::Spent,
        }
    }

    fn begin(&mut self, claim: &Claim, now: Instant) -> Ticket {
        self.runs += 1;
        let Claim { key, proof, request, lease, replay, remember } = *claim;
        let busy_until = now + lease;
        let entry = Entry { run: self.runs, proof, request, replay, remember, kept: None, busy_until };
        self.entries.insert(key, entry);
        Ticket { key, run: self.runs }
    }

    fn keep(&mut self, ticket: Ticket, kept: Packed) -> bool {
        let (open, answered) = (kept.receipt.is_none(), kept.answer.is_some());
        if open && self.entries.len() > 2 * MOST {
            return false;
        }
        let Some(entry) = self.entries.get_mut(&ticket.key).filter(|entry| entry.run == ticket.run) else {
            return false;
        };
        self.bytes += kept.size();
        self.charges.insert(named(&kept.request_id), ticket.key);
        let before = entry.kept.replace(kept);
        self.bytes -= before.as_ref().map_or(0, Packed::size);
        if answered {
            self.answers.push_back(ticket);
        }
        if !open && before.is_none_or(|before| before.receipt.is_none()) {
            self.order.push_back(ticket);
        }
        true
    }

    fn put_down(&mut self, ticket: Ticket) {
        if let Some(entry) = self.entries.get_mut(&ticket.key).filter(|entry| entry.run == ticket.run) {
            entry.busy_until = Instant::now();
        }
    }

    fn close(&mut self, ticket: Ticket, receipt: Box<[u8]>, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&ticket.key).filter(|entry| entry.run == ticket.run) else {
            return false;
        };
        let replay = entry.replay;
        let Some(kept) = entry.kept.as_mut().filter(|kept| kept.receipt.is_none()) else { return false };
        kept.receipt = Some(receipt);
        // Who had to wait so long for the outcome has yet to come for the answer.
        if now >= kept.at + replay {
            kept.at = now;
        }
        self.order.push_back(ticket);
        true
    }

    fn remove(&mut self, ticket: Ticket) {
        if self.entries.get(&ticket.key).is_none_or(|entry| entry.run != ticket.run) {
            return;
        }
        if let Some(kept) = self.entries.remove(&ticket.key).and_then(|entry| entry.kept) {
            self.bytes -= kept.size();
            self.charges.remove(&named(&kept.request_id));
        }
    }

    /// Forgets what is over, and the oldest where there is too much of it: first its answer, then that it is spent.
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front().copied() {
            let entry = self.entries.get(&oldest.key).filter(|entry| entry.run == oldest.run);
            let kept = entry.and_then(|entry| Some((entry.kept.as_ref()?.at, entry.remember)));
            if kept.is_some_and(|(at, remember)| now < at + remember) && self.order.len() <= MOST {
                break;
            }
            self.order.pop_front();
            self.remove(oldest);
            if self.answers.front() == Some(&oldest) {
                self.answers.pop_front();
            }
        }
        while self.bytes > self.most_bytes {
            let Some(oldest) = self.answers.pop_front() else { break };
            let entry = self.entries.get_mut(&oldest.key).filter(|entry| entry.run == oldest.run);
            if let Some(kept) = entry.and_then(|entry| entry.kept.as_mut()) {
                self.bytes -= kept.size();
                kept.answer = None;
            }
        }
    }
}

impl Packed {
    fn new(kept: &Kept, at: Instant) -> Self {
        let Kept { request_id, amount, answer, receipt } = kept;
        let answer = answer.as_ref().and_then(pack).map(Vec::into_boxed_slice);
        Self { at, request_id: (&**request_id).into(), amount: *amount, answer, receipt: receipt.as_ref().map(written) }
    }

    fn unpacked(&self) -> Kept {
        let (request_id, amount) = (self.request_id.clone().into_string(), self.amount);
        Kept { request_id, amount, answer: self.answer.as_deref().and_then(unpack), receipt: self.receipt() }
    }

    fn receipt(&self) -> Option<Receipt> {
        self.receipt.as_deref().and_then(|json| serde_json::from_slice(json).ok())
    }

    fn size(&self) -> usize {
        self.answer.as_ref().map_or(0, |answer| answer.len())
    }
}

fn written(receipt: &Receipt) -> Box<[u8]> {
    serde_json::to_vec(receipt).unwrap_or_default().into()
}

fn named(request_id: &str) -> [u8; 32] {
    Sha256::digest(request_id).into()
}

#[async_trait]
impl AnswerStore for MemoryAnswers {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, Fault> {
        Ok(self.book().claim(claim, Instant::now()))
    }

    async fn keep(&self, ticket: Ticket, kept: &Kept) -> Result<bool, Fault> {
        let kept = Packed::new(kept, Instant::now());
        Ok(self.book().keep(ticket, kept))
    }

    async fn put_down(&self, ticket: Ticket) -> Result<(), Fault> {
        self.book().put_down(ticket);
        Ok(())
    }

    async fn close(&self, ticket: Ticket, receipt: &Receipt) -> Result<bool, Fault> {
        let receipt = written(receipt);
        Ok(self.book().close(ticket, receipt, Instant::now()))
    }

    async fn let_go(&self, ticket: Ticket) -> Result<(), Fault> {
        self.book().remove(ticket);
        Ok(())
    }

    async fn receipt(&self, request_id: &str) -> Result<Option<Option<Receipt>>, Fault> {
        let book = self.book();
        let entry = book.charges.get(&named(request_id)).and_then(|key| book.entries.get(key));
        Ok(entry.and_then(|entry| entry.kept.as_ref()).map(Packed::receipt))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("run", &self.run).field("kept", &self.kept.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::answers::Answer;

    const MINUTE: Duration = Duration::from_secs(60);

    fn claim(key: u8) -> Claim {
        Claim { key: [key; 32], proof: [1; 32], request: [2; 32], lease: MINUTE, replay: MINUTE, remember: 5 * MINUTE }
    }

    fn kept(bytes: usize) -> Packed {
        let body = Bytes::from(vec![0; bytes]);
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body, trailers: None };
        let amount = Amount::Atomic(1.into());
        Packed::new(&Kept { request_id: "r".to_owned(), amount, answer: Some(answer), receipt: None }, Instant::now())
    }

    fn mine(book: &mut Book, claim: &Claim) -> Ticket {
        match book.claim(claim, Instant::now()) {
            Claimed::Mine(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn book(answers: &MemoryAnswers) -> MutexGuard<'_, Book> {
        answers.book()
    }

    #[test]
    fn a_payment_in_hand_is_busy_until_it_is_let_go() {
        let answers = MemoryAnswers::new(1_000);
        let mut book = book(&answers);
        let ticket = mine(&mut book, &claim(1));
        assert!(matches!(book.claim(&claim(1), Instant::now()), Claimed::Busy));
        mine(&mut book, &claim(2));
        book.remove(ticket);
        let again = mine(&mut book, &claim(1));
        book.remove(ticket);
        assert!(matches!(book.claim(&claim(1), Instant::now()), Claimed::Busy), "an old ticket changes nothing");
        assert!(!book.keep(ticket, kept(1)));
        assert!(book.keep(again, kept(1)));
    }

    #[test]
    fn an_answer_is_given_again_to_who_has_the_same_proof_and_request() {
        let answers = MemoryAnswers::new(1_000);
        let mut book = book(&answers);
        let ticket = mine(&mut book, &claim(1));
        assert!(book.keep(ticket, kept(10)));
        assert!(matches!(book.claim(&claim(1), Instant::now()), Claimed::Busy), "its money is being asked for");
        book.put_down(ticket);
        let open = book.claim(&claim(1), Instant::now());
        assert!(matches!(open, Claimed::Kept(_, kept) if kept.receipt.is_none()));
        assert!(matches!(book.claim(&claim(1), Instant::now()), Claimed::Busy), "one asks at a time");
        book.close(ticket, written(&Receipt::default()), Instant::now());
        let closed = book.claim(&claim(1), Instant::now());
        assert!(matches!(closed, Claimed::Kept(_, kept) if kept.receipt.is_some() && kept.answer.is_some()));
        let other = Claim { request: [9; 32], ..claim(1) };
        assert!(matches!(book.claim(&other, Instant::now()), Claimed::Other));
        let forged = Claim { proof: [9; 32], ..claim(1) };
        assert!(matches!(book.claim(&forged, Instant::now()), Claimed::Spent));
    }

    #[test]
    fn an_answer_is_forgotten_before_that_its_payment_is_spent() {
        let answers = MemoryAnswers::new(1_000);
        let mut book = book(&answers);
        let ticket = mine(&mut book, &claim(1));
        book.keep(ticket, kept(10));
        book.close(ticket, written(&Receipt::default()), Instant::now());
        let later = Instant::now() + 2 * MINUTE;
        assert!(matches!(book.claim(&claim(1), later), Claimed::Spent));
        assert!(matches!(book.claim(&claim(1), later + 4 * MINUTE), Claimed::Mine(_)));
        assert_eq!((book.bytes, book.charges.len()), (0, 0));
    }

    #[test]
    fn a_payment_whose_money_is_open_is_never_forgotten_and_its_answer_waits_for_who_asks_late() {
        let answers = MemoryAnswers::new(1_000);
        let mut book = book(&answers);
        let ticket = mine(&mut book, &claim(1));
        book.keep(ticket, kept(10));
        book.put_down(ticket);
        let late = Instant::now() + 100 * MINUTE;
        let other = Claim { request: [9; 32], ..claim(1) };
        assert!(matches!(book.claim(&other, late), Claimed::Other), "it pays for no other request");
        assert!(matches!(book.claim(&claim(1), late), Claimed::Kept(_, kept) if kept.receipt.is_none()));
        assert!(book.close(ticket, written(&Receipt::default()), late));
        assert!(matches!(book.claim(&claim(1), late + MINUTE / 2), Claimed::Kept(_, kept) if kept.receipt.is_some()));
        assert!(matches!(book.claim(&claim(1), late + 10 * MINUTE), Claimed::Mine(_)));
    }

    #[test]
    fn memory_is_bounded_in_bytes_and_in_payments() {
        let answers = MemoryAnswers::new(100);
        let mut book = book(&answers);
        for key in 0..3 {
            let ticket = mine(&mut book, &claim(key));
            book.keep(ticket, kept(60));
            book.close(ticket, written(&Receipt::default()), Instant::now());
        }
        assert!(matches!(book.claim(&claim(0), Instant::now()), Claimed::Spent), "the oldest answer goes first");
        assert!(matches!(book.claim(&claim(2), Instant::now()), Claimed::Kept(..)));
        assert!(book.bytes <= 100);
        for number in 0..=u32::try_from(MOST).unwrap() {
            let mut key = [7; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            let ticket = mine(&mut book, &Claim { key, ..claim(9) });
            book.keep(ticket, kept(0));
            book.close(ticket, written(&Receipt::default()), Instant::now());
        }
        book.forget(Instant::now());
        assert!(book.entries.len() <= MOST);
    }
}
