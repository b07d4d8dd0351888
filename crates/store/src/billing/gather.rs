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

/// If a look fails for what is in it, each question is asked alone, so that a poison one fails alone. If it may succeed
/// another time it is tried once more: the connection may have been lost while nobody used it.
async fn answers<Q: Clone, A>(look: &Arc<Look<Q, A>>, questions: Vec<Q>) -> Vec<Result<A, Fault>> {
    let questions = Arc::new(questions);
    let mut looked = look(Arc::clone(&questions)).await;
    if looked.as_ref().is_err_and(|fault| fault.retry != Retry::Never) {
        looked = look(Arc::clone(&questions)).await;
    }
    match looked {
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

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::sync::Semaphore;

    use super::*;

    /// Looks that wait for the test's leave, and write down what they were asked.
    #[derive(Default)]
    struct Watched {
        looks: Mutex<Vec<Vec<u32>>>,
        lost: AtomicUsize,
    }

    const POISON: u32 = 666;

    fn gather(watched: &Arc<Watched>, leave: &Arc<Semaphore>) -> Gather<u32, u32> {
        let (watched, leave) = (Arc::clone(watched), Arc::clone(leave));
        Gather::new(move |asked: Arc<Vec<u32>>| {
            let (watched, leave) = (Arc::clone(&watched), Arc::clone(&leave));
            Box::pin(async move {
                lock(&watched.looks).push(asked.to_vec());
                leave.acquire().await.unwrap().forget();
                if watched.lost.load(Ordering::SeqCst) > 0 {
                    watched.lost.fetch_sub(1, Ordering::SeqCst);
                    return Err(Fault { what: "cut".into(), retry: Retry::After(Duration::ZERO) });
                }
                if asked.contains(&POISON) {
                    return Err(Fault::never("a row that cannot be read"));
                }
                Ok(asked.iter().map(|question| question * 2).collect())
            })
        })
    }

    async fn until(watched: &Watched, looks: usize) {
        while lock(&watched.looks).len() < looks {
            tokio::task::yield_now().await;
        }
    }

    fn asks(gather: &Gather<u32, u32>, question: u32) -> tokio::task::JoinHandle<Result<u32, Fault>> {
        let gather = gather.clone();
        tokio::spawn(async move { gather.ask(question).await })
    }

    #[tokio::test]
    async fn what_waits_for_a_look_is_asked_together_and_each_gets_its_own_answer() {
        let (watched, leave) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let gather = gather(&watched, &leave);
        let mut first = vec![asks(&gather, 1)];
        until(&watched, 1).await;
        first.push(asks(&gather, 2));
        until(&watched, 2).await;
        let waiting: Vec<_> = (3..10).map(|question| asks(&gather, question)).collect();
        tokio::task::yield_now().await;
        leave.add_permits(10);
        for (asked, question) in first.into_iter().chain(waiting).zip(1..) {
            assert_eq!(asked.await.unwrap().unwrap(), question * 2);
        }
        assert_eq!(*lock(&watched.looks), [vec![1], vec![2], (3..10).collect()]);
    }

    #[tokio::test]
    async fn who_goes_away_takes_nobody_elses_answer_along() {
        let (watched, leave) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let gather = gather(&watched, &leave);
        let (gone, stays) = (asks(&gather, 1), asks(&gather, 2));
        until(&watched, 1).await;
        gone.abort();
        leave.add_permits(10);
        assert_eq!(stays.await.unwrap().unwrap(), 4);
        assert_eq!(gather.ask(3).await.unwrap(), 6, "and later ones are still looked for");
    }

    #[tokio::test]
    async fn a_question_that_breaks_its_look_fails_alone() {
        let (watched, leave) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let gather = gather(&watched, &leave);
        let asked: Vec<_> = [1, 2, 3, POISON, 4].map(|question| asks(&gather, question)).into();
        until(&watched, 1).await;
        leave.add_permits(20);
        let mut answers = Vec::new();
        for one in asked {
            answers.push(one.await.unwrap().ok());
        }
        assert_eq!(answers, [Some(2), Some(4), Some(6), None, Some(8)]);
    }

    #[tokio::test]
    async fn a_look_whose_connection_was_lost_is_tried_once_more() {
        let (watched, leave) = (Arc::<Watched>::default(), Arc::new(Semaphore::new(10)));
        let gather = gather(&watched, &leave);
        watched.lost.store(1, Ordering::SeqCst);
        assert_eq!(gather.ask(1).await.unwrap(), 2);
        watched.lost.store(2, Ordering::SeqCst);
        assert!(gather.ask(1).await.is_err());
    }
}
