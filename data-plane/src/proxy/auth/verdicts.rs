//! What was found out about tokens, so that it need not be found out again.
//!
//! Two places of bounded size, which all workers share. As in the cache of responses, `quick_cache` decides
//! what stays, and what is asked for once pushes out nothing that is asked for often.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use quick_cache::{Equivalent, OptionsBuilder, Weighter, sync::Cache};

use super::subject::Subject;

/// What identifies a policy: the SHA-256 of all that it says.
pub(super) type PolicyId = [u8; 32];

/// What one place takes up beside its content.
const ENTRY: usize = 160;
/// What an entry is taken to have on average.
const TYPICAL: u64 = 2048;
/// Each part has a lock of its own, which only writers wait for.
const PARTS: usize = 16;

/// A token that a policy was found to accept.
#[derive(Debug)]
pub(super) struct Good {
    pub subject: Arc<Subject>,
    /// The key set that it was verified by.
    pub generation: u64,
    /// From when on it is good, in seconds since 1970, and from when on no longer.
    pub from: i64,
    pub until: i64,
}

/// Tokens whose signature was verified. There is no place for those that were refused: who has no key
/// cannot fill it.
#[derive(Debug)]
pub(super) struct Verified(Cache<Signed, Arc<Good>, Weigh, foldhash::fast::RandomState>);

/// A token, and who accepts it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    policy: PolicyId,
    token: Box<[u8]>,
}

/// The same, lent.
struct SignedRef<'t> {
    policy: &'t PolicyId,
    token: &'t [u8],
}

impl Hash for Signed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        SignedRef { policy: &self.policy, token: &self.token }.hash(state);
    }
}

impl Hash for SignedRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A part of a hash is one.
        state.write(&self.policy[..8]);
        state.write(self.token);
    }
}

impl Equivalent<Signed> for SignedRef<'_> {
    fn equivalent(&self, key: &Signed) -> bool {
        *self.token == *key.token && *self.policy == key.policy
    }
}

#[derive(Debug, Clone)]
pub(super) struct Weigh;

impl Weighter<Signed, Arc<Good>> for Weigh {
    fn weight(&self, key: &Signed, good: &Arc<Good>) -> u64 {
        (ENTRY + key.token.len() + size_of::<Good>() + good.subject.weight()) as u64
    }
}

impl Verified {
    /// Of so many bytes.
    pub(super) fn new(capacity: u64) -> Self {
        Self(place(capacity, Weigh))
    }

    /// Whose it is, if this very set of keys is known to verify it, and it is good now.
    pub(super) fn get(&self, policy: &PolicyId, token: &[u8], generation: u64, now: i64) -> Option<Arc<Subject>> {
        let good = self.0.get(&SignedRef { policy, token })?;
        let is_good = good.generation == generation && (good.from..good.until).contains(&now);
        is_good.then(|| Arc::clone(&good.subject))
    }

    pub(super) fn put(&self, policy: &PolicyId, token: &[u8], good: Good) {
        self.0.insert(Signed { policy: *policy, token: token.into() }, Arc::new(good));
    }

    pub(super) fn weight(&self) -> u64 {
        self.0.weight()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What an issuer has said of a token.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// It is this one's.
    Active(Arc<Subject>),
    /// It is nobody's.
    Inactive,
    /// Nothing that can be understood.
    Nothing,
}

/// When an issuer has said what.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub said: Said,
    /// Who began to wait before is answered by it, even if it is not kept.
    pub at: tokio::time::Instant,
    /// Until when it is good, in milliseconds since 1970.
    pub until: i64,
}

/// The SHA-256 of a policy and a token: tokens themselves are not kept.
pub(super) type Opaque = [u8; 32];

/// Tokens that an issuer was asked about.
#[derive(Debug)]
pub(super) struct Introspected(pub Cache<Opaque, Answered, Weigh, foldhash::fast::RandomState>);

impl Weighter<Opaque, Answered> for Weigh {
    fn weight(&self, _key: &Opaque, answered: &Answered) -> u64 {
        let subject = match &answered.said {
            Said::Active(subject) => subject.weight(),
            Said::Inactive | Said::Nothing => 0,
        };
        (ENTRY + size_of::<Answered>() + subject) as u64
    }
}

impl Introspected {
    /// Of so many bytes.
    pub(super) fn new(capacity: u64) -> Self {
        Self(place(capacity, Weigh))
    }
}

fn place<K: Eq + Hash, V: Clone>(capacity: u64, weigh: Weigh) -> Cache<K, V, Weigh, foldhash::fast::RandomState>
where
    Weigh: Weighter<K, V>,
{
    let mut options = OptionsBuilder::new();
    options
        .shards(PARTS)
        .weight_capacity(capacity)
        .estimated_items_capacity(usize::try_from(capacity / TYPICAL).unwrap_or(usize::MAX));
    // Only a capacity that is missing can be refused.
    #[expect(clippy::expect_used, reason = "both are set")]
    let options = options.build().expect("capacities are set");
    Cache::with_options(options, weigh, Default::default(), Default::default())
}
