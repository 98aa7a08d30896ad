//! What a whole cluster lets through, against the limit.

use super::model::{Chance, Cluster, Limit, Node};
use crate::leases::{GRACE, HOLD};

/// From a change to its having been noticed in every data plane and answered.
const SETTLED: u64 = 1000;
const WINDOW: u64 = 5000;

/// Limits of which a data plane's part of the burst is more than a few requests.
fn limit(chance: &mut Chance) -> Limit {
    let rate = [200.0, 400.0, 1000.0][chance.below(3) as usize];
    Limit { rate, burst: rate * [0.4, 0.6, 1.0][chance.below(3) as usize] }
}

/// What was let through in a window has to be within 5 % of the limit.
fn assert_exact(cluster: &mut Cluster, what: &str) {
    let admitted = cluster.run(WINDOW) as f64;
    let ratio = admitted / (cluster.limit.rate * WINDOW as f64 / 1000.0);
    assert!((0.95..=1.05).contains(&ratio), "{what}: {ratio:.3} of the limit; {:?}", cluster.limit);
    assert!(cluster.shares() < 1.501, "{what}: the shares sum up to {}", cluster.shares());
}

fn each_seed(count: u64, mut story: impl FnMut(u64, Chance)) {
    (0..count).for_each(|seed| story(seed, Chance(seed)));
}

#[test]
fn one_to_twenty_data_planes_let_the_limit_through_however_the_load_is_spread() {
    each_seed(60, |seed, mut chance| {
        let count = [1, 5, 20, 1 + chance.below(20) as usize][seed as usize % 4];
        let skew = [None, Some(0.9), Some(0.5)][chance.below(3) as usize];
        let (limit, times) = (limit(&mut chance), 1.3 + 4.0 * chance.unit());
        let mut cluster = Cluster::new(limit, count, seed);
        cluster.spread(times * limit.rate, skew);
        let what = format!("seed {seed}, {count} data planes, {skew:?}, {times:.1} times the limit");
        // Until every burst is used up.
        let early = cluster.run(SETTLED + 4000) as f64;
        let most = limit.rate * 5.0 * 1.05 + limit.burst * 1.1 + count as f64;
        assert!(early <= most, "{what}: {early} of at most {most} at first");
        assert_exact(&mut cluster, &what);
    });
}

#[test]
fn the_load_moves_from_one_to_another() {
    each_seed(30, |seed, mut chance| {
        let count = 2 + chance.below(19) as usize;
        let limit = limit(&mut chance);
        let mut cluster = Cluster::new(limit, count, seed);
        cluster.spread(2.0 * limit.rate, Some(0.9));
        cluster.run(6000);
        let to = 1 + chance.below(count as u64 - 1) as usize;
        cluster.load.swap(0, to);
        let moving = cluster.run(SETTLED) as f64;
        assert!(moving < 1.3 * limit.rate, "seed {seed}: {moving} while the load moved");
        assert_exact(&mut cluster, &format!("seed {seed}, {count} data planes, moved to {to}"));
    });
}

#[test]
fn a_burst_of_a_day_is_had_once_wherever_its_client_goes() {
    let limit = Limit { rate: 10_000.0 / 86_400.0, burst: 10_000.0 };
    let mut cluster = Cluster::new(limit, 5, 1);
    cluster.load[0] = 2000.0;
    let first = cluster.run(12_000) as f64;
    assert!((9_000.0..=10_005.0).contains(&first), "{first} at once");
    for at in 1..5 {
        cluster.load.fill(0.0);
        cluster.load[at] = 2000.0;
        cluster.run(4000);
    }
    let all = cluster.admitted() as f64;
    assert!(all <= 1.05 * limit.burst, "{all} in all");
}

#[test]
fn a_burst_of_a_day_is_had_once_by_who_pauses() {
    // Whoever pauses is not named for whole periods, and what it has used stays used all the same.
    for (count, burst, load, pause) in [(2, 10_000.0, 1000.0, 3000), (5, 10_000.0, 200.0, 2500), (5, 100.0, 10.0, 3000)]
    {
        let limit = Limit { rate: burst / 86_400.0, burst };
        let mut cluster = Cluster::new(limit, count, 1);
        for _ in 0..40 {
            cluster.load[0] = load;
            cluster.run(1000);
            cluster.load.fill(0.0);
            cluster.run(pause);
        }
        // Chance asks for a little more or less.
        let (admitted, asked) = (cluster.admitted() as f64, 40.0 * load * 1.1);
        let most = asked.min(1.05 * (limit.burst + limit.rate * cluster.now as f64 / 1000.0)) + count as f64;
        assert!(admitted <= most && admitted > 0.75 * most, "{admitted} of {most} for {limit:?}");
    }
}

#[test]
fn a_burst_is_had_once_by_who_comes_now_here_and_now_there() {
    let limit = Limit { rate: 100.0 / 86_400.0, burst: 100.0 };
    let mut cluster = Cluster::new(limit, 5, 1);
    for _ in 0..500 {
        let at = cluster.chance.below(5) as usize;
        cluster.load[at] = 1000.0;
        cluster.run(1);
        cluster.load.fill(0.0);
        cluster.run(2999);
    }
    let admitted = cluster.admitted() as f64;
    assert!((80.0..=110.0).contains(&admitted), "{admitted} of {limit:?}");
}

#[test]
fn slow_limits_are_not_stretched() {
    for (rate, burst, count) in [(0.1, 10.0, 2), (0.5, 10.0, 2), (1.0, 10.0, 2), (0.5, 20.0, 5), (2.0, 20.0, 5)] {
        let mut cluster = Cluster::new(Limit { rate, burst }, count, 1);
        cluster.spread(20.0, None);
        cluster.run(200_000);
        let ratio = cluster.run(600_000) as f64 / (600.0 * rate);
        assert!((0.9..=1.15).contains(&ratio), "{ratio:.3} of {:?} on {count}", cluster.limit);
    }
}

#[test]
fn data_planes_come_and_go() {
    each_seed(30, |seed, mut chance| {
        let limit = limit(&mut chance);
        let skew = [None, Some(0.9)][chance.below(2) as usize];
        let mut cluster = Cluster::new(limit, 3 + chance.below(10) as usize, seed);
        cluster.spread(2.0 * limit.rate, skew);
        cluster.run(5000);
        for step in 0..4 {
            let count = cluster.nodes.len();
            let at = chance.below(count as u64) as usize;
            let (what, settled) = match chance.below(3) {
                1 if count > 1 => {
                    cluster.drain(at);
                    ("one drained", SETTLED)
                }
                2 if count > 1 => {
                    cluster.kill(at);
                    ("one died", SETTLED + GRACE.as_millis() as u64)
                }
                _ => {
                    cluster.add();
                    ("one came", SETTLED)
                }
            };
            cluster.spread(2.0 * limit.rate, skew);
            let meanwhile = cluster.run(settled) as f64;
            let most = limit.rate * settled as f64 / 1000.0 * 1.05 + limit.burst;
            let what = format!("seed {seed}, step {step}, {what} of {count}, {skew:?}");
            assert!(meanwhile <= most + 1.0, "{what}: {meanwhile} of at most {most} meanwhile");
            assert_exact(&mut cluster, &what);
        }
    });
}

#[test]
fn another_control_plane_takes_over_without_letting_more_or_less_through() {
    each_seed(20, |seed, mut chance| {
        let limit = limit(&mut chance);
        let skew = [None, Some(0.9)][chance.below(2) as usize];
        let count = 2 + chance.below(19) as usize;
        let mut cluster = Cluster::new(limit, count, seed);
        cluster.spread(2.0 * limit.rate, skew);
        cluster.run(5000);
        cluster.kill_control_plane();
        // Nothing is made up for meanwhile.
        let without = cluster.run(WINDOW) as f64 / (limit.rate * 5.0);
        assert!((0.9..=1.05).contains(&without), "seed {seed}, {count} data planes, without: {without}");
        cluster.start_control_plane();
        for at in 0..count {
            let admitted = cluster.run(chance.below(100)) as f64;
            assert!(admitted <= limit.rate * 0.105 + limit.burst * 0.1 + 3.0, "seed {seed}: {admitted}");
            cluster.reconnect(at);
        }
        // It has to find out anew what goes by unused.
        cluster.run(3 * SETTLED);
        assert_exact(&mut cluster, &format!("seed {seed}, {count} data planes, {skew:?}, with the other"));
    });
}

#[test]
fn who_does_not_return_to_another_control_plane_is_not_waited_for_longer_than_leases_hold() {
    let limit = Limit { rate: 400.0, burst: 100.0 };
    let mut cluster = Cluster::new(limit, 4, 1);
    cluster.spread(2.0 * limit.rate, None);
    cluster.run(5000);
    cluster.kill_control_plane();
    cluster.start_control_plane();
    cluster.kill(3);
    cluster.spread(2.0 * limit.rate, None);
    (0..3).for_each(|at| cluster.reconnect(at));
    let meanwhile = cluster.run(HOLD.as_millis() as u64 - 100) as f64 / (limit.rate * 9.9);
    assert!((0.7..0.8).contains(&meanwhile), "the shares hold: {meanwhile}");
    cluster.run(SETTLED);
    assert_exact(&mut cluster, "after that");
}

#[test]
fn shares_stand_still_while_nothing_changes() {
    for (count, skew) in [(2, None), (5, None), (20, None), (5, Some(0.9)), (20, Some(0.9))] {
        let limit = Limit { rate: 1000.0, burst: 500.0 };
        let mut cluster = Cluster::new(limit, count, 3);
        cluster.spread(2.0 * limit.rate, skew);
        cluster.run(10_000);
        let before: Vec<_> = cluster.nodes.iter().map(Node::share).collect();
        for _ in 0..20 {
            cluster.run(500);
            for (node, before) in cluster.nodes.iter().zip(&before) {
                let change = (node.share() - before).abs();
                assert!(
                    change < 0.02 + before * 0.35,
                    "{count}, {skew:?}: {} had {before}, has {}",
                    node.name,
                    node.share()
                );
            }
        }
    }
}
