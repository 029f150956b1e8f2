//! The time-outs of one connection on one timer.
//!
//! A request has a time for its head, one for its body and one for its answer, and nearly always none of them comes. To
//! register and to take back each of them costs the runtime a lock, and mostly a system call that wakes its own driver. So a
//! connection keeps one timer running: a deadline that lies behind the moment for which it is set costs nothing, because the
//! connection's task will be woken before it and asks again. Each deadline is kept to the instant.
//!
//! It refuses to wake anybody else: a deadline that another task waits for gets a timer of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::rt::{Sleep as HyperSleep, Timer as HyperTimer};
use tokio::time::{Instant, Sleep};

/// The timer of one connection. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Option<Set>>>);

/// The timer, once somebody waited.
struct Set {
    sleep: Pin<Box<Sleep>>,
    until: Instant,
    waker: Waker,
}

/// The time-out came before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elapsed;

impl ConnectionTimer {
    /// Something that is ready at `at`, and not before.
    pub(super) fn deadline(&self, at: Instant) -> Deadline {
        Deadline {
            timer: self.clone(),
            at,
            own: None,
        }
    }

    /// What `work` gives within the time.
    pub(super) async fn timeout<F: Future>(&self, within: Duration, work: F) -> Result<F::Output, Elapsed> {
        let mut deadline = self.deadline(Instant::now() + within);
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            Pin::new(&mut deadline).poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }

    /// Sees to it that the task of `cx` is woken at `deadline` or before; `false` where this timer wakes another task.
    fn wakes_by(&self, deadline: Instant, now: Instant, cx: &mut Context<'_>) -> bool {
        // Each change leaves it whole.
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *set {
            Some(set) if !set.waker.will_wake(cx.waker()) => false,
            Some(set) if now < set.until && set.until <= deadline => true,
            Some(set) => {
                set.until = deadline;
                set.sleep.as_mut().reset(deadline);
                wake_if_ready(set.sleep.as_mut(), cx);
                true
            }
            None => {
                let mut sleep = Box::pin(tokio::time::sleep_until(deadline));
                wake_if_ready(sleep.as_mut(), cx);
                *set = Some(Set {
                    sleep,
                    until: deadline,
                    waker: cx.waker().clone(),
                });
                true
            }
        }
    }
}

/// Registers the waker; a timer that has run out meanwhile wakes at once.
fn wake_if_ready(sleep: Pin<&mut Sleep>, cx: &mut Context<'_>) {
    if sleep.poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
}

/// A moment that can be waited for and moved.
pub(super) struct Deadline {
    timer: ConnectionTimer,
    at: Instant,
    /// For a task that is not the connection's.
    own: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Moves it.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = at;
        if let Some(own) = &mut self.own {
            own.as_mut().reset(at);
        }
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(own) = &mut self.own {
            return own.as_mut().poll(cx);
        }
        let now = Instant::now();
        if now >= self.at {
            return Poll::Ready(());
        }
        if self.timer.wakes_by(self.at, now, cx) {
            return Poll::Pending;
        }
        let at = self.at;
        let own = self.own.insert(Box::pin(tokio::time::sleep_until(at)));
        own.as_mut().poll(cx)
    }
}

impl HyperSleep for Deadline {}

impl HyperTimer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.deadline(Instant::now() + duration))
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.deadline(Instant::from_std(deadline)))
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn HyperSleep>>, deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<Deadline>() {
            Some(own) => own.get_mut().set(Instant::from_std(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Long enough to tell two deadlines apart, short enough to wait for.
    const STEP: Duration = Duration::from_millis(20);

    /// Registers a deadline with the task of the caller, and does not wait.
    async fn wait_a_moment(deadline: &mut Deadline) -> Poll<()> {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *deadline).poll(cx))).await
    }

    #[tokio::test]
    async fn deadlines_of_one_task_are_kept_in_any_order_and_none_comes_early() {
        let timer = ConnectionTimer::default();
        let begun = Instant::now();
        let mut far = timer.deadline(begun + STEP * 3);
        let near = timer.deadline(begun + STEP);
        // The far one first, so that the timer has to be set back, and again when it has run out.
        assert!(wait_a_moment(&mut far).await.is_pending());
        near.await;
        assert!(begun.elapsed() >= STEP);
        far.await;
        assert!(begun.elapsed() >= STEP * 3);
        timer.deadline(begun + STEP * 4).await;
        assert!(begun.elapsed() >= STEP * 4);
    }

    #[tokio::test]
    async fn a_deadline_that_moved_on_is_waited_for_where_it_is_now() {
        let timer = ConnectionTimer::default();
        let begun = Instant::now();
        let mut deadline = timer.deadline(begun + STEP);
        assert!(wait_a_moment(&mut deadline).await.is_pending());
        deadline.set(begun + STEP * 2);
        deadline.await;
        assert!(begun.elapsed() >= STEP * 2);
    }

    #[tokio::test]
    async fn another_task_has_its_own_timer_and_takes_nobodys_wake() {
        let timer = ConnectionTimer::default();
        let begun = Instant::now();
        let mut ours = timer.deadline(begun + STEP * 2);
        assert!(wait_a_moment(&mut ours).await.is_pending());
        let mut theirs = timer.deadline(begun + STEP);
        let other = tokio::spawn(async move {
            assert!(wait_a_moment(&mut theirs).await.is_pending());
            assert!(theirs.own.is_some(), "it would have to wake two tasks");
            theirs.await;
            begun.elapsed()
        });
        assert!(other.await.unwrap() >= STEP);
        ours.await;
        assert!(begun.elapsed() >= STEP * 2);
    }

    #[tokio::test]
    async fn an_answer_in_time_is_given_and_a_late_one_is_not() {
        let timer = ConnectionTimer::default();
        assert_eq!(timer.timeout(STEP, async { 7 }).await, Ok(7));
        assert_eq!(
            timer.timeout(STEP, std::future::pending::<()>()).await,
            Err(Elapsed)
        );
    }

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_busy_connection_sets_its_timer_once_for_a_thousand_deadlines() {
        let timer = ConnectionTimer::default();
        let woken = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let begun = Instant::now();
        for n in 0..1_000 {
            let at = begun + STEP * 1_000 + Duration::from_millis(n);
            assert!(Pin::new(&mut timer.deadline(at)).poll(&mut cx).is_pending());
        }
        let until = timer.0.lock().unwrap().as_ref().map(|set| set.until);
        assert_eq!(
            until,
            Some(begun + STEP * 1_000),
            "set for the first and left there"
        );
        // An earlier one sets it back, and all of them end with one wake.
        assert!(
            Pin::new(&mut timer.deadline(begun + STEP))
                .poll(&mut cx)
                .is_pending()
        );
        tokio::time::sleep_until(begun + STEP * 3).await;
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
}
