//! Reads that arrive while others are under way are asked together: one look for all that wait, without waiting for more.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{Fault, Retry};

/// Looks at once. Two keep the database busy while answers are read; more would only make the looks smaller.
const LOOKS: usize = 2;
/// Questions of one look.
const MOST: usize = 256;

type Looking<A> = Pin<Box<dyn Future<Output = Result<Vec<A>, Fault>> + Send>>;
/// Answers many questions at once, in order.
type Look<Q, A> = dyn Fn(Arc<Vec<Q>>) -> Looking<A> + Send + Sync;
type Asked<Q, A> = (Q, oneshot::Sender<Result<A, Fault>>);

/// Where questions of one kind wait for the next look. Cloning is cheap; clones share the queue.
pub(super) struct Gather<Q, A> {
    queue: Arc<Mutex<Queue<Q, A>>>,
    look: Arc<Look<Q, A>>,
}

struct Queue<Q, A> {
    waiting: Vec<Asked<Q, A>>,
    looks: usize,
}

impl<Q: Send + Sync + Clone + 'static, A: Send + 'static> Gather<Q, A> {
    pub(super) fn new(look: impl Fn(Arc<Vec<Q>>) -> Looking<A> + Send + Sync + 'static) -> Self {
        Self { queue: Arc::new(Mutex::new(Queue { waiting: Vec::new(), looks: 0 })), look: Arc::new(look) }
    }

    /// The answer to one question, from a look that began after it was asked.
    ///
    /// # Errors
    /// The look's own; what is wrong with one question's answer is no other's fault.
    pub(super) async fn ask(&self, question: Q) -> Result<A, Fault> {
        let (reply, answer) = oneshot::channel();
        let begins = {
            let mut queue = lock(&self.queue);
            queue.waiting.push((question, reply));
            let begins = queue.looks < LOOKS;
            queue.looks += usize::from(begins);
            begins
        };
        if begins {
            // Of its own: whoever asked first may go away, and others wait for the same look.
            let turn = Turn { queue: Arc::clone(&self.queue), over: false };
            tokio::spawn(turn.look(Arc::clone(&self.look)));
        }
        answer.await.map_err(|_| Fault::closed())?
    }
}

impl<Q, A> Clone for Gather<Q, A> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), look: Arc::clone(&self.look) }
    }
}

/// The right to look, given back however it ends.
struct Turn<Q, A> {
    queue: Arc<Mutex<Queue<Q, A>>>,
    over: bool,
}

impl<Q: Send + Sync + Clone + 'static, A: Send + 'static> Turn<Q, A> {
    async fn look(mut self, look: Arc<Look<Q, A>>) {
        while let Some(asked) = self.next() {
            let (questions, replies): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            for (reply, answer) in replies.into_iter().zip(answers(&look, questions).await) {
                // Who has gone away needs no answer.
                let _ = reply.send(answer);
            }
        }
    }

    /// What waits. Without anything the turn is over, in the same moment: who comes after that begins one.
    fn next(&mut self) -> Option<Vec<Asked<Q, A>>> {
        let mut queue = lock(&self.queue);
        let most = queue.waiting.len().min(MOST);
        if most == 0 {
            self.over = true;
            queue.looks -= 1;
            return None;
        }
        Some(queue.waiting.drain(..most).collect())
    }
}

impl<Q, A> Drop for Turn<Q, A> {
    fn drop(&mut self) {
        if !self.over {
            lock(&self.queue).looks -= 1;
        }
    }
}

/// If a look fails for what is in it, each question is asked alone, so that a poison one fails alone.
async fn answers<Q: Clone, A>(look: &Arc<Look<Q, A>>, questions: Vec<Q>) -> Vec<Result<A, Fault>> {
    let questions = Arc::new(questions);
    match look(Arc::clone(&questions)).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(fault) if questions.len() == 1 || fault.retry != Retry::Never => {
            questions.iter().map(|_| Err(fault.clone())).collect()
        }
        Err(_) => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions.iter() {
                let alone = look(Arc::new(vec![question.clone()])).await;
                let only = |answers: Vec<A>| answers.into_iter().next();
                answers
                    .push(alone.and_then(|one| only(one).ok_or_else(|| Fault::never("a look of one has no answer"))));
            }
            answers
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
