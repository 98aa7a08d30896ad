//! How claims become shares.

use super::model::Chance;
use crate::leases::allocate::{Claim, WHOLE, allocate};

const fn asked(asked: u64) -> Claim {
    Claim { asked, owed: 0 }
}

fn percent(share: u64) -> u64 {
    (share * 1000 / WHOLE + 5) / 10
}

#[test]
fn what_is_shared_out_is_the_whole_whatever_is_claimed() {
    let mut chance = Chance(1);
    for _ in 0..20_000 {
        let claim = |chance: &mut Chance| Claim {
            asked: [0, chance.below(WHOLE / 8), chance.below(2 * WHOLE), WHOLE << 20][chance.below(4) as usize],
            owed: [0, chance.below(WHOLE)][chance.below(2) as usize],
        };
        let count = 1 + chance.below(30);
        let claims: Vec<_> = (0..count).map(|_| claim(&mut chance)).collect();
        let shares = allocate(WHOLE, &claims);
        let sum: u64 = shares.iter().sum();
        assert!(sum <= WHOLE && sum + 5 * count >= WHOLE, "{sum}: {claims:?}");
        let least = WHOLE / 64 / count;
        for (claim, share) in claims.iter().zip(&shares) {
            let due = claim.asked.min((WHOLE - WHOLE / 64) / count);
            assert!(*share >= due && *share >= least, "{claim:?} gets {share} of {claims:?}");
        }
        let mut order: Vec<_> = claims.iter().zip(&shares).filter(|(claim, _)| claim.owed == 0).collect();
        order.sort_by_key(|(claim, _)| claim.asked);
        for pair in order.windows(2) {
            assert!(*pair[0].1 <= *pair[1].1 + 5, "less for more: {pair:?}");
        }
    }
}

#[test]
fn a_little_more_asked_changes_little() {
    let mut chance = Chance(2);
    let little = WHOLE / 1000;
    for _ in 0..5000 {
        let count = 2 + chance.below(19);
        let mut claims: Vec<_> = (0..count).map(|_| asked(WHOLE / 20 + chance.below(WHOLE / 2))).collect();
        let before = allocate(WHOLE, &claims);
        let at = chance.below(count) as usize;
        claims[at].asked += little;
        for (before, after) in before.iter().zip(allocate(WHOLE, &claims)) {
            assert!(before.abs_diff(after) <= 6 * little, "{before} becomes {after}");
        }
    }
}

#[test]
fn modest_claims_are_met_and_the_rest_goes_by_what_is_lacking() {
    let shares = |claims: &[u64]| -> Vec<u64> {
        let claims: Vec<_> = claims.iter().map(|percent| asked(WHOLE / 100 * percent)).collect();
        allocate(WHOLE, &claims).into_iter().map(percent).collect()
    };
    assert_eq!(shares(&[500]), [100]);
    assert_eq!(shares(&[0, 0, 0, 0]), [25, 25, 25, 25]);
    assert_eq!(shares(&[180, 10, 10]), [79, 11, 11]);
    assert_eq!(shares(&[100, 100]), [50, 50]);
    assert_eq!(shares(&[300, 100]), [50, 50]);
    assert_eq!(shares(&[90, 90, 0, 0]), [50, 50, 0, 0]);
    // Half of what is left is headroom, and half is for all who are asked.
    assert_eq!(shares(&[40, 0]), [99, 1]);
    assert_eq!(shares(&[40, 2]), [82, 18]);
    let claims = [asked(WHOLE / 10), Claim { asked: 0, owed: WHOLE * 8 / 10 }, asked(0)];
    let shares: Vec<_> = allocate(WHOLE, &claims).into_iter().map(percent).collect();
    assert_eq!(shares, [13, 86, 1]);
    assert!(allocate(WHOLE, &[]).is_empty());
}
