//! Time limits of connections, on one coarse clock.
//!
//! A timer registered for each request costs more than everything the request is limited for. Here
//! a limit is a number that is stored; a few times a second the worker looks through the numbers
//! and wakes whose time is up.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use slab::Slab;

/// How often the worker looks; limits end up to two of these late, and never early.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// The limits of every connection of one worker.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    /// Ticks since the start.
    now: Cell<u64>,
    slots: RefCell<Slab<Slot>>,
}

#[derive(Debug)]
struct Slot {
    /// The tick at which the time is up; `u64::MAX` if it is not limited.
    deadline: u64,
    waker: Option<Waker>,
}

/// The limit of one connection; there is one at a time.
#[derive(Debug)]
pub(crate) struct Watch {
    watchdog: Rc<Watchdog>,
    slot: usize,
}

/// The time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired;

impl Watchdog {
    /// A watch without a limit.
    pub(crate) fn register(self: &Rc<Self>) -> Watch {
        let slot = self.slots.borrow_mut().insert(Slot { deadline: u64::MAX, waker: None });
        Watch { watchdog: Rc::clone(self), slot }
    }

    /// To be called every [`TICK`].
    pub(crate) fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        for (_, slot) in &*self.slots.borrow() {
            if slot.deadline <= now
                && let Some(waker) = &slot.waker
            {
                waker.wake_by_ref();
            }
        }
    }

    /// Wakes every connection, to look at what has changed for all of them.
    pub(crate) fn wake_all(&self) {
        for (_, slot) in &*self.slots.borrow() {
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }
}

impl Watch {
    /// From now on, so much time is left.
    pub(crate) fn arm(&self, limit: Duration) {
        // Part of the current tick is over already, so one more is waited for.
        let ticks = u64::try_from(limit.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX);
        let deadline = self.watchdog.now.get().saturating_add(ticks).saturating_add(1);
        self.watchdog.slots.borrow_mut()[self.slot].deadline = deadline;
    }

    /// Runs `future` until the time is up, as it is armed now or by the future itself.
    pub(crate) async fn run<F: Future>(&self, future: F) -> Result<F::Output, Expired> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let mut slots = self.watchdog.slots.borrow_mut();
            let slot = &mut slots[self.slot];
            if slot.deadline <= self.watchdog.now.get() {
                return Poll::Ready(Err(Expired));
            }
            if !slot.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                slot.waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchdog.slots.borrow_mut().remove(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, rc::Rc};

    use futures_util::{FutureExt, future::ready};

    use super::{Expired, TICK, Watchdog};

    #[test]
    fn time_is_up_when_it_is_over_and_not_before() {
        let watchdog = Rc::new(Watchdog::default());
        let watch = watchdog.register();
        watch.arm(TICK * 2);
        let mut run = Box::pin(watch.run(pending::<()>()));
        for _ in 0..2 {
            watchdog.tick();
            assert_eq!((&mut run).now_or_never(), None);
        }
        watchdog.tick();
        assert_eq!((&mut run).now_or_never(), Some(Err(Expired)));
    }

    #[test]
    fn a_watch_without_a_limit_can_be_armed_on_the_way() {
        let watchdog = Rc::new(Watchdog::default());
        let watch = watchdog.register();
        let mut run = Box::pin(watch.run(pending::<()>()));
        for _ in 0..1000 {
            watchdog.tick();
        }
        assert_eq!((&mut run).now_or_never(), None);
        watch.arm(TICK);
        watchdog.tick();
        assert_eq!((&mut run).now_or_never(), None);
        watchdog.tick();
        assert_eq!((&mut run).now_or_never(), Some(Err(Expired)));
        assert_eq!(watch.run(ready(7)).now_or_never(), Some(Ok(7)), "what is done is done");
        drop(run);
        drop(watch);
        assert!(watchdog.slots.borrow().is_empty());
    }
}
