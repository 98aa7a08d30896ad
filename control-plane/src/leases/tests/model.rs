//! A data plane's half, exactly and slowly, and a cluster of them on a clock of milliseconds.

use std::time::{Duration, Instant};

use crate::leases::{Answer, Demand, GAP, KeyId, Lease, Leases, PERIOD, Ticket, allocate::WHOLE};

pub(super) const KEY: KeyId = KeyId { limit: 7, hash: 11 };

/// Numbers that look random, the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A limit: requests per second, with a burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) rate: f64,
    pub(super) burst: f64,
}

/// The generic cell rate algorithm for one key, as the data plane has it: the theoretical arrival time,
/// at a rate and a burst that are the limit's times the share. All times are in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    arrival: f64,
}

impl Cell {
    /// How long a whole burst takes to be made up for, whatever the share.
    fn tolerance(limit: Limit) -> f64 {
        limit.burst / limit.rate * 1000.0
    }

    fn admit(&mut self, limit: Limit, share: f64, now: f64) -> bool {
        let interval = 1000.0 / (limit.rate * share);
        // A burst of less than one request lets one through all the same.
        if self.arrival > now + (Self::tolerance(limit) - interval).max(0.0) {
            return false;
        }
        self.arrival = self.arrival.max(now) + interval;
        true
    }

    /// Whether the data plane has the key in its table.
    fn is_known(self, now: f64) -> bool {
        self.arrival > now
    }

    fn used(self, limit: Limit, now: f64) -> f64 {
        (self.arrival - now).max(0.0) / Self::tolerance(limit)
    }
}

/// One data plane, with what it counts of one key.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    ticket: Option<Ticket>,
    cell: Cell,
    nodes: u32,
    held: Option<u64>,
    /// Whether it knows where the key is counted: it was asked for while it was leased, or in the last period.
    is_known: bool,
    asked: u64,
    passed: u64,
    reported: u64,
    told: u64,
    is_to_be_told: bool,
    /// Requests that were let through, in all.
    pub(super) admitted: u64,
}

impl Node {
    pub(super) fn share(&self) -> f64 {
        self.held.map_or(1.0 / f64::from(self.nodes.max(1)), |held| held as f64 / WHOLE as f64)
    }

    fn demand(&mut self, limit: Limit, now: u64) -> Option<Demand> {
        let elapsed = (now - self.reported).max(1) as f64 / 1000.0;
        let asked = std::mem::take(&mut self.asked) as f64 / (limit.rate * elapsed);
        let passed = std::mem::take(&mut self.passed) as f64 / (limit.rate * elapsed);
        let used = self.cell.used(limit, now as f64);
        self.is_known = asked > 0.0 || (self.is_known && self.held.is_some());
        let is_worth_it = match self.held {
            Some(_) => asked > 0.0 || used > 0.0,
            None => asked >= self.share() / 2.0 || used >= 0.5,
        };
        let parts = |fraction: f64| (fraction * WHOLE as f64) as u64;
        (self.is_known && is_worth_it).then(|| Demand {
            key: KEY,
            asked: parts(asked),
            passed: parts(passed),
            used: parts(used),
            held: self.held,
        })
    }

    fn apply(&mut self, answer: &Answer, limit: Limit, now: u64) {
        self.nodes = answer.nodes;
        if answer.complete {
            self.held = None;
        }
        for Lease { key, share, shift } in &answer.leases {
            assert_eq!(*key, KEY);
            self.held = *share;
            // Where nobody has asked for the key, there is no cell to shift.
            if !self.is_known {
                continue;
            }
            let shift = *shift as f64 / WHOLE as f64 * Cell::tolerance(limit);
            self.cell.arrival = self.cell.arrival.max(now as f64) + shift;
        }
    }
}

/// Data planes, a control plane, and a load.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) limit: Limit,
    pub(super) nodes: Vec<Node>,
    pub(super) leases: Option<Leases>,
    /// Requests a second for each data plane.
    pub(super) load: Vec<f64>,
    pub(super) now: u64,
    pub(super) chance: Chance,
    start: Instant,
    born: u64,
    /// What data planes that have gone had let through.
    past: u64,
}

impl Cluster {
    pub(super) fn new(limit: Limit, count: usize, seed: u64) -> Self {
        let start = Instant::now();
        let leases = Some(Leases::new(start));
        let (nodes, load) = (Vec::new(), Vec::new());
        let mut cluster = Self { limit, nodes, leases, load, now: 0, chance: Chance(seed), start, born: 0, past: 0 };
        (0..count).for_each(|_| cluster.add());
        cluster
    }

    pub(super) fn add(&mut self) {
        self.born += 1;
        // Each has a beat of its own.
        let phase = self.chance.below(PERIOD.as_millis() as u64);
        let node = Node {
            name: format!("n{}", self.born),
            ticket: None,
            cell: Cell::default(),
            nodes: 0,
            held: None,
            is_known: false,
            asked: 0,
            passed: 0,
            reported: self.now.saturating_sub(phase),
            told: 0,
            is_to_be_told: false,
            admitted: 0,
        };
        self.nodes.push(node);
        self.load.push(0.0);
        self.connect(self.nodes.len() - 1);
    }

    fn connect(&mut self, at: usize) {
        let now = self.instant();
        let (Some(leases), node) = (&mut self.leases, &mut self.nodes[at]) else { return };
        node.ticket = leases.join(&node.name, node.nodes, now).ok();
        self.report(at);
    }

    /// Kills a data plane: its connection is reset.
    pub(super) fn kill(&mut self, at: usize) {
        let node = self.remove(at);
        let now = self.instant();
        if let (Some(leases), Some(ticket)) = (&mut self.leases, node.ticket) {
            leases.lose(ticket, now);
        }
    }

    /// Drains a data plane: it takes its leave.
    pub(super) fn drain(&mut self, at: usize) {
        let node = self.remove(at);
        let now = self.instant();
        if let (Some(leases), Some(ticket)) = (&mut self.leases, node.ticket) {
            leases.leave(ticket, now);
        }
        self.wake();
    }

    fn remove(&mut self, at: usize) -> Node {
        self.load.remove(at);
        let node = self.nodes.remove(at);
        self.past += node.admitted;
        node
    }

    pub(super) fn kill_control_plane(&mut self) {
        self.leases = None;
        self.nodes.iter_mut().for_each(|node| node.ticket = None);
    }

    pub(super) fn start_control_plane(&mut self) {
        self.leases = Some(Leases::new(self.instant()));
    }

    /// A data plane finds the control plane again.
    pub(super) fn reconnect(&mut self, at: usize) {
        self.connect(at);
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn report(&mut self, at: usize) {
        let now = self.instant();
        let node = &mut self.nodes[at];
        let demand = node.demand(self.limit, self.now);
        node.reported = self.now;
        let (Some(leases), Some(ticket)) = (&mut self.leases, node.ticket) else { return };
        leases.report(ticket, demand.as_slice(), now);
        self.tell(at);
        self.wake();
    }

    fn tell(&mut self, at: usize) {
        let now = self.instant();
        let node = &mut self.nodes[at];
        let (Some(leases), Some(ticket)) = (&mut self.leases, node.ticket) else { return };
        let Some(answer) = leases.answer(ticket, now) else { return };
        node.apply(&answer, self.limit, self.now);
        (node.told, node.is_to_be_told) = (self.now, false);
        if !answer.leases.is_empty() {
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.is_to_be_told = true);
    }

    /// Spreads a load: `skew` of it to the first data plane, the rest evenly.
    pub(super) fn spread(&mut self, total: f64, skew: Option<f64>) {
        let count = self.nodes.len() as f64;
        for (at, load) in self.load.iter_mut().enumerate() {
            *load = match skew {
                Some(_) if count == 1.0 => total,
                Some(skew) if at == 0 => total * skew,
                Some(skew) => total * (1.0 - skew) / (count - 1.0),
                None => total / count,
            };
        }
    }

    /// Lets time pass; returns how many requests are let through meanwhile.
    pub(super) fn run(&mut self, milliseconds: u64) -> u64 {
        let before = self.admitted();
        for _ in 0..milliseconds {
            self.now += 1;
            for at in 0..self.nodes.len() {
                self.requests(at);
                let node = &self.nodes[at];
                if self.now - node.reported >= PERIOD.as_millis() as u64 {
                    self.report(at);
                } else if node.is_to_be_told && self.now - node.told >= GAP.as_millis() as u64 {
                    self.tell(at);
                }
            }
        }
        self.admitted() - before
    }

    fn requests(&mut self, at: usize) {
        let mut expected = self.load[at] / 1000.0;
        while expected > 0.0 {
            if self.chance.unit() < expected {
                let node = &mut self.nodes[at];
                let now = self.now as f64;
                // What nobody has used before is not written down.
                let is_noted = u64::from(node.held.is_some() || node.cell.is_known(now));
                let share = node.share();
                let passes = u64::from(node.cell.admit(self.limit, share, now));
                node.asked += is_noted;
                node.passed += passes * is_noted;
                node.admitted += passes;
            }
            expected -= 1.0;
        }
    }

    pub(super) fn admitted(&self) -> u64 {
        self.past + self.nodes.iter().map(|node| node.admitted).sum::<u64>()
    }

    pub(super) fn shares(&self) -> f64 {
        self.nodes.iter().map(Node::share).sum()
    }
}
