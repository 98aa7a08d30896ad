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
    /// No deadline is later than this.
    bound: u64,
    /// Nothing is lost if it ends now.
    idle: bool,
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
        let slot = Slot { deadline: u64::MAX, bound: u64::MAX, idle: false, waker: None };
        let slot = self.slots.borrow_mut().insert(slot);
        Watch { watchdog: Rc::clone(self), slot }
    }

    /// The tick at which so much time is over.
    fn after(&self, time: Duration) -> u64 {
        // Part of the current tick is over already, so one more is waited for.
        let ticks = u64::try_from(time.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX);
        self.now.get().saturating_add(ticks).saturating_add(1)
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

    /// Ends the connections that have been idle the longest, one in `share` and at least one, and
    /// tells how many there were.
    pub(crate) fn end_idle(&self, share: usize) -> usize {
        let mut slots = self.slots.borrow_mut();
        let mut idle: Vec<_> =
            slots.iter().filter(|(_, slot)| slot.idle).map(|(at, slot)| (slot.deadline, at)).collect();
        let count = idle.len().div_ceil(share);
        if count > 0 {
            idle.select_nth_unstable(count - 1);
        }
        for (_, at) in &idle[..count] {
            let slot = &mut slots[*at];
            slot.deadline = 0;
            slot.idle = false;
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
        count
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
    /// From now on, so much time is left, as far as the bound allows.
    pub(crate) fn arm(&self, limit: Duration) {
        let deadline = self.watchdog.after(limit);
        let slot = &mut self.watchdog.slots.borrow_mut()[self.slot];
        slot.deadline = deadline.min(slot.bound);
    }

    /// Whatever it is or will be armed with, the time is up after `limit`; `None` takes the bound away.
    pub(crate) fn bound(&self, limit: Option<Duration>) {
        let bound = limit.map_or(u64::MAX, |limit| self.watchdog.after(limit));
        let slot = &mut self.watchdog.slots.borrow_mut()[self.slot];
        slot.bound = bound;
        slot.deadline = slot.deadline.min(bound);
    }

    /// Whether there is a bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.watchdog.slots.borrow()[self.slot].bound != u64::MAX
    }

    /// How much time is left until the bound.
    pub(crate) fn left(&self) -> Duration {
        let left = self.watchdog.slots.borrow()[self.slot].bound.saturating_sub(self.watchdog.now.get());
        TICK.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// Whether the bound has been reached.
    pub(crate) fn is_over(&self) -> bool {
        self.watchdog.slots.borrow()[self.slot].bound <= self.watchdog.now.get()
    }

    /// Whether [`Watchdog::end_idle`] may end it.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.watchdog.slots.borrow_mut()[self.slot].idle = idle;
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

    #[test]
    fn a_bound_holds_whatever_is_armed_behind_it() {
        let watchdog = Rc::new(Watchdog::default());
        let watch = watchdog.register();
        watch.bound(Some(TICK));
        watch.arm(TICK * 100);
        let run = || watch.run(pending::<()>()).now_or_never();
        watchdog.tick();
        assert_eq!((run(), watch.is_over()), (None, false));
        watchdog.tick();
        assert_eq!((run(), watch.is_over()), (Some(Err(Expired)), true));
        watch.arm(TICK * 100);
        assert_eq!(run(), Some(Err(Expired)), "no new time after the bound");
        watch.bound(None);
        watch.arm(TICK * 100);
        assert_eq!(run(), None);
    }

    #[test]
    fn a_bound_holds_for_what_was_armed_before_it() {
        let watchdog = Rc::new(Watchdog::default());
        let watch = watchdog.register();
        watch.arm(TICK * 100);
        watch.bound(Some(TICK));
        let run = || watch.run(pending::<()>()).now_or_never();
        watchdog.tick();
        assert_eq!(run(), None);
        watchdog.tick();
        assert_eq!(run(), Some(Err(Expired)));
    }

    #[test]
    fn the_longest_idle_are_ended_first_and_only_once() {
        let watchdog = Rc::new(Watchdog::default());
        let watches: Vec<_> = [5, 3, 4, 1].map(|ticks| (ticks, watchdog.register())).into();
        for (ticks, watch) in &watches {
            watch.arm(TICK * *ticks);
            watch.set_idle(*ticks != 1);
        }
        let ended = || -> Vec<_> {
            let ended = watches.iter().filter(|(_, watch)| watch.run(pending::<()>()).now_or_never().is_some());
            ended.map(|(ticks, _)| *ticks).collect()
        };
        assert_eq!(watchdog.end_idle(2), 2, "half of three");
        assert_eq!(ended(), [3, 4], "busy ones are not touched");
        assert_eq!((watchdog.end_idle(9), watchdog.end_idle(9)), (1, 0));
        assert_eq!(ended(), [5, 3, 4]);
    }
}
