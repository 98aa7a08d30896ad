//! Whether passwords are right, which is made to be slow to find out: by threads of its own, of which there
//! are few, and not twice for the same one.
//!
//! A verdict is kept under a keyed hash of name, password and the hash that it was held against: it says
//! nothing of the password, and nobody finds it any more once the password is another one.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::IpAddr,
    num::NonZeroUsize,
    rc::Rc,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use argon2::{
    ARGON2ID_IDENT, Argon2, Params,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::hmac;
use quick_cache::unsync::Cache;
use tokio::{
    sync::{oneshot, watch},
    task::spawn_local,
};
use tracing::error;

use super::clients::{Clients, Guest, OF_CLIENT};

/// Passwords that wait to be verified; each takes some 20 ms. What is beyond is not answered.
const WAITING: usize = 256;
/// The most threads that verify; each takes up 19 MiB while it does.
const MAX_THREADS: usize = 4;
/// Verdicts that each worker keeps, of right passwords and of wrong ones: who guesses drives nobody out.
const KEPT: usize = 1024;
/// The most that a hash may ask for: 64 MiB, and 16 times through them.
const MAX_MEMORY: u32 = 64 * 1024;
const MAX_ITERATIONS: u32 = 16;
const MAX_LANES: u32 = 4;

/// A hash of no password, at the cost of those that are made here: who is unknown takes as long to refuse as
/// who is known.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIHRoaXM$\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether this is the hash of a password that can be verified here, in time and memory that are bounded.
pub(crate) fn is_password_hash(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let is_bounded = |params: &Params| {
        params.m_cost() <= MAX_MEMORY && params.t_cost() <= MAX_ITERATIONS && params.p_cost() <= MAX_LANES
    };
    hash.algorithm == ARGON2ID_IDENT
        && hash.salt.is_some()
        && hash.hash.is_some()
        && Params::try_from(&hash).as_ref().is_ok_and(is_bounded)
}

/// Who verifies for all workers. The threads are started by the first password.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    queue: OnceLock<SyncSender<Job>>,
    /// Passwords that were verified, right and wrong.
    verified: Arc<AtomicU64>,
    /// Whose wait, at all workers together.
    clients: Arc<Clients>,
}

/// A password to be verified.
struct Job {
    password: Vec<u8>,
    hash: Arc<str>,
    verdict: oneshot::Sender<bool>,
    /// A client's place is taken for as long as this one is in the queue, whoever goes away meanwhile.
    guest: Guest,
}

impl Job {
    /// Finds out, if anybody still wants to know.
    fn run(self, verified: &AtomicU64) {
        let Self { password, hash, verdict, guest } = self;
        if !verdict.is_closed() {
            let is_right = is_right(&password, &hash);
            verified.fetch_add(1, Relaxed);
            // Who is told may come again at once.
            drop(guest);
            let _ = verdict.send(is_right);
        }
    }
}

impl Passwords {
    /// Has a password verified; `None` where too many wait.
    fn submit(&self, password: Vec<u8>, hash: Arc<str>, guest: Guest) -> Option<oneshot::Receiver<bool>> {
        let queue = self.queue.get_or_init(|| start(&self.verified));
        let (verdict, answer) = oneshot::channel();
        queue.try_send(Job { password, hash, verdict, guest }).ok().map(|()| answer)
    }

    #[cfg(test)]
    pub(crate) fn verified(&self) -> u64 {
        self.verified.load(Relaxed)
    }
}

/// Half of the processors may verify; clients that need nothing verified have the rest.
fn start(verified: &Arc<AtomicU64>) -> SyncSender<Job> {
    let (queue, jobs) = sync_channel(WAITING);
    let jobs = Arc::new(Mutex::new(jobs));
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get) / 2;
    for index in 0..threads.clamp(1, MAX_THREADS) {
        let (jobs, verified) = (Arc::clone(&jobs), Arc::clone(verified));
        let started = thread::Builder::new().name(format!("passwords-{index}")).spawn(move || work(&jobs, &verified));
        if let Err(err) = started {
            // Without any, nobody takes what is queued, and the queue is closed.
            error!(error = %err, "cannot start a thread to verify passwords");
        }
    }
    queue
}

/// Verifies until nobody can ask any more.
fn work(jobs: &Mutex<Receiver<Job>>, verified: &AtomicU64) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job.run(verified);
    }
}

fn is_right(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

type Digest = [u8; 32];

/// One worker's verdicts, and what it waits for.
pub(crate) struct WorkerPasswords {
    shared: Arc<Passwords>,
    /// Of this worker alone: what it keeps means nothing elsewhere.
    key: hmac::Key,
    nobodys: Arc<str>,
    right: RefCell<Cache<Digest, ()>>,
    wrong: RefCell<Cache<Digest, ()>>,
    pending: RefCell<HashMap<Digest, watch::Sender<Option<bool>>>>,
}

impl std::fmt::Debug for WorkerPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerPasswords").field("pending", &self.pending.borrow().len()).finish_non_exhaustive()
    }
}

impl WorkerPasswords {
    /// With a key that nobody else has.
    pub(crate) fn new(shared: Arc<Passwords>, key: &[u8; 32]) -> Self {
        Self {
            shared,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            nobodys: NOBODYS.into(),
            right: RefCell::new(Cache::new(KEPT)),
            wrong: RefCell::new(Cache::new(KEPT)),
            pending: RefCell::default(),
        }
    }

    /// Whether this is the password of that name, whose hash is this; `None` if nobody can tell now. Where
    /// there is no hash, it is not, and that takes its time.
    pub(super) async fn verify(
        self: &Rc<Self>,
        name: &str,
        password: Vec<u8>,
        hash: Option<&Arc<str>>,
        client: IpAddr,
    ) -> Option<bool> {
        let hash = hash.unwrap_or(&self.nobodys);
        let digest = self.digest(name, &password, hash);
        if let Some(verdict) = self.kept(&digest) {
            return Some(verdict);
        }
        let pending = self.pending.borrow().get(&digest).map(watch::Sender::subscribe);
        let mut pending = match pending {
            Some(pending) => pending,
            None => self.begin(digest, password, Arc::clone(hash), client)?,
        };
        // It ends without a verdict where the threads are gone.
        *pending.wait_for(Option::is_some).await.ok()?
    }

    fn digest(&self, name: &str, password: &[u8], hash: &str) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        // Neither has a zero byte: what belongs to which is certain.
        for piece in [name.as_bytes(), b"\0", hash.as_bytes(), b"\0", password] {
            context.update(piece);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn kept(&self, digest: &Digest) -> Option<bool> {
        if self.right.borrow().get(digest).is_some() {
            return Some(true);
        }
        self.wrong.borrow().get(digest).map(|()| false)
    }

    fn begin(
        self: &Rc<Self>,
        digest: Digest,
        password: Vec<u8>,
        hash: Arc<str>,
        client: IpAddr,
    ) -> Option<watch::Receiver<Option<bool>>> {
        let guest = self.shared.clients.enter(client);
        if guest.before >= OF_CLIENT {
            return None;
        }
        let answer = self.shared.submit(password, hash, guest)?;
        let (told, pending) = watch::channel(None);
        self.pending.borrow_mut().insert(digest, told.clone());
        let passwords = Rc::clone(self);
        // Not the request's own: others may wait for the same, and it may be given up.
        spawn_local(async move {
            let verdict = tokio::select! {
                verdict = answer => verdict.ok(),
                // All who wanted to know have gone: nobody need find out.
                () = told.closed() => None,
            };
            passwords.end(&digest, verdict);
            told.send_replace(verdict);
        });
        Some(pending)
    }

    fn end(&self, digest: &Digest, verdict: Option<bool>) {
        self.pending.borrow_mut().remove(digest);
        match verdict {
            Some(true) => self.right.borrow_mut().insert(*digest, ()),
            Some(false) => self.wrong.borrow_mut().insert(*digest, ()),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        rc::Rc,
        sync::{Arc, OnceLock, mpsc::sync_channel},
    };

    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::{KEPT, NOBODYS, OF_CLIENT, Passwords, WAITING, WorkerPasswords, is_password_hash};
    use crate::outside::tests::until;

    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$pmWGvDCuWZVLY1DCD4zVYgdpzg1E2tzCG7qpzSUcgnE";

    #[test]
    fn hashes_have_to_be_verified_in_bounded_time_and_memory() {
        assert!(is_password_hash(NOBODYS) && is_password_hash(CHEAP));
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("argon2id", "scrypt"),
            ("m=8", "m=1000000"),
            ("t=1", "t=100"),
            ("p=1", "p=5"),
            ("m=8", "m=x"),
            ("$pmWGvDCuWZVLY1DCD4zVYgdpzg1E2tzCG7qpzSUcgnE", ""),
            ("$argon2id", "argon2id"),
        ] {
            assert!(!is_password_hash(&CHEAP.replacen(from, to, 1)), "{from} {to}");
        }
        assert!(!is_password_hash("") && !is_password_hash("secret"));
    }

    #[tokio::test]
    async fn verdicts_are_bounded_and_wrong_ones_drive_out_no_right_ones() {
        let passwords = Rc::new(WorkerPasswords::new(Arc::<Passwords>::default(), &[7; 32]));
        let right = passwords.digest("anna", b"secret", CHEAP);
        passwords.end(&right, Some(true));
        for number in 0..10 * KEPT {
            passwords.end(&passwords.digest("anna", format!("guess {number}").as_bytes(), CHEAP), Some(false));
        }
        assert_eq!(passwords.kept(&right), Some(true));
        assert!(passwords.wrong.borrow().len() <= KEPT);
        // What belongs to another name, hash or process is another verdict.
        assert_eq!(passwords.kept(&passwords.digest("bert", b"secret", CHEAP)), None);
        assert_eq!(passwords.kept(&passwords.digest("anna", b"secret", NOBODYS)), None);
        let other = WorkerPasswords::new(Arc::default(), &[8; 32]);
        assert_ne!(other.digest("anna", b"secret", CHEAP), right);
        let told = format!("{passwords:?}");
        assert!(!told.contains("secret"), "{told}");
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let passwords = Rc::new(WorkerPasswords::new(Arc::<Passwords>::default(), &[7; 32]));
        let waits = async {
            let clients = (0..1000_u16).map(u16::to_be_bytes).map(|[high, low]| IpAddr::from([10, 0, high, low]));
            let mut begun = Vec::new();
            for client in clients {
                let digest = passwords.digest("", &[], &client.to_string());
                begun.extend(passwords.begin(digest, Vec::new(), NOBODYS.into(), client));
            }
            assert_eq!(passwords.pending.borrow().len(), begun.len());
            begun.len()
        };
        let begun = LocalSet::new().run_until(waits).await;
        assert!((WAITING..1000).contains(&begun), "a queue that has an end refuses");
    }

    #[tokio::test]
    async fn no_client_has_all_the_places_and_who_goes_away_gives_his_back() {
        // Nobody verifies.
        let (queue, jobs) = sync_channel(WAITING);
        let shared = Passwords { queue: OnceLock::from(queue), ..Passwords::default() };
        let passwords = Rc::new(WorkerPasswords::new(Arc::new(shared), &[7; 32]));
        let wait = |client: [u8; 4], number: usize| {
            let passwords = Rc::clone(&passwords);
            spawn_local(async move { passwords.verify(&number.to_string(), Vec::new(), None, client.into()).await })
        };
        let waits = async {
            let waiting: Vec<_> = (0..OF_CLIENT).map(|number| wait([10, 0, 0, 1], number)).collect();
            assert_eq!(wait([10, 0, 0, 1], 40).await.unwrap(), None, "it has no more places");
            let other = wait([10, 0, 0, 2], 41);
            // Somebody else waits for the first of these passwords.
            let same = wait([10, 0, 0, 3], 0);
            yield_now().await;
            assert_eq!(passwords.pending.borrow().len(), OF_CLIENT + 1);
            waiting.iter().for_each(|waiting| waiting.abort());
            until(|| passwords.pending.borrow().len() == 2).await;
            let early = wait([10, 0, 0, 1], 40);
            yield_now().await;
            assert!(early.is_finished(), "what it has left behind is in the queue");
            assert_eq!(early.await.unwrap(), None);
            let (wanted, left): (Vec<_>, Vec<_>) = jobs.try_iter().partition(|job| !job.verdict.is_closed());
            assert_eq!((wanted.len(), left.len()), (2, OF_CLIENT - 1));
            left.into_iter().for_each(|job| job.run(&passwords.shared.verified));
            assert_eq!(passwords.shared.verified(), 0, "nobody finds out what nobody wants to know");
            let again = wait([10, 0, 0, 1], 40);
            yield_now().await;
            assert!(!again.is_finished() && !same.is_finished() && !other.is_finished());
            assert_eq!(jobs.try_iter().count(), 1);
        };
        LocalSet::new().run_until(waits).await;
    }
}
