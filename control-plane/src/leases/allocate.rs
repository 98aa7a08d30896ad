//! Cuts a limit into shares by what is asked of each data plane.

/// All of a limit, in the parts that shares, demands and bursts are counted in.
pub const WHOLE: u64 = 1 << 32;
/// What is always shared out evenly: one part in 64, so that nobody who asks for nothing yet has nothing.
pub(super) const RESERVE: u64 = 64;

/// What speaks for a data plane's share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claim {
    /// What is asked of it, in parts of the limit's rate.
    pub asked: u64,
    /// What it has let through on credit and not made up for yet, in parts of the limit's burst.
    pub owed: u64,
}

/// The shares of `whole`, which never sum up to more; all of it is shared out but for rounding.
///
/// 1. Water-filling: each gets what it is asked for, up to the fair share.
/// 2. What is left goes to those who are asked for more, in proportion to what they lack.
/// 3. If all have what they are asked for, those who owe keep a share to make up for it.
/// 4. Half of what is left even then is headroom, in proportion to what each has; the other half goes evenly
///    to those who are asked or owe: what comes to others would come without what is used of it, which they
///    have no counter for. The reserve is shared out among all.
///
/// A little more asked changes the shares a little: there is no edge for them to flap over.
#[must_use]
pub fn allocate(whole: u64, claims: &[Claim]) -> Vec<u64> {
    let count = claims.len() as u64;
    if count == 0 {
        return Vec::new();
    }
    let capacity = whole - whole / RESERVE;
    let fair = capacity / count;
    let mut shares: Vec<u64> = claims.iter().map(|claim| claim.asked.min(fair)).collect();
    let mut left = capacity - sum(&shares);
    left -= grant(left, &mut shares, |at, share| claims[at].asked - share);
    left -= grant(left, &mut shares, |at, share| claims[at].owed.saturating_sub(share));
    let weights = shares.clone();
    left -= hand_out(left / 2, &mut shares, |at, _| weights[at]);
    let claimed = |at: usize| claims[at].asked.max(claims[at].owed).min(whole / RESERVE);
    left -= hand_out(left, &mut shares, |at, _| claimed(at));
    // Where nobody claims anything, it is left until here.
    let even = (whole / RESERVE + left) / count;
    shares.iter_mut().for_each(|share| *share += even);
    shares
}

/// Grants what each lacks or, where that is more than there is, of it in proportion. Returns what it took.
fn grant(left: u64, shares: &mut [u64], lacks: impl Fn(usize, u64) -> u64) -> u64 {
    let lacking: u64 = shares.iter().enumerate().map(|(at, share)| lacks(at, *share)).sum();
    hand_out(left.min(lacking), shares, lacks)
}

/// Hands out an amount by weight, rounded down. Returns what went.
fn hand_out(amount: u64, shares: &mut [u64], weight: impl Fn(usize, u64) -> u64) -> u64 {
    let total: u64 = shares.iter().enumerate().map(|(at, share)| weight(at, *share)).sum();
    if total == 0 {
        return 0;
    }
    let mut went = 0;
    for (at, share) in shares.iter_mut().enumerate() {
        // Not more than the amount, which is a u64.
        let part = (u128::from(amount) * u128::from(weight(at, *share)) / u128::from(total)) as u64;
        *share += part;
        went += part;
    }
    went
}

fn sum(shares: &[u64]) -> u64 {
    shares.iter().sum()
}
