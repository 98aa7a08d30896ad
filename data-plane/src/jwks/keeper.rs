//! Keeps the key sets of all policies in force: a task for each place that they come from.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use gateway_auth::jwt::{Keys, MAX_JWKS};
use gateway_routing::route::Jwks;
use http::Uri;
use rand::{make_rng, rngs::SmallRng};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::{
    Source, Sources,
    fetch::{FetchError, Fetched, fetch},
    name_of,
    pace::{Pace, Patience},
};
use crate::{discovery::Status, outside::Outside, proxy::auth::remote::Remote, secrets::Secrets};

/// Sets that are fetched at one time.
const AT_ONCE: usize = 16;

/// By which means sets are come by.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub outside: Outside,
    pub secrets: Secrets,
    pub patience: Patience,
}

impl Means {
    /// Those that a data plane has.
    pub(crate) fn of(remote: &Remote) -> Self {
        Self { outside: remote.outside(), secrets: remote.secrets().clone(), patience: Patience::default() }
    }
}

/// Keeps what the tables name, from one to the next; ends when there will be no more.
pub(crate) async fn keep(mut discovered: watch::Receiver<Status>, sources: Arc<Sources>, means: Means) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut kept = HashMap::<Jwks, AbortOnDropHandle<()>>::new();
    let mut named = Default::default();
    loop {
        let table = Arc::clone(&discovered.borrow_and_update().table);
        if !table.key_sources().is_same(&named) {
            named = table.key_sources().clone();
            let mut directory = (**sources.directory.borrow()).clone();
            kept.retain(|place, _| named.has(place));
            directory.retain(|place, _| named.has(place));
            for place in named.iter().filter(|place| !directory.contains_key(place)).collect::<Vec<_>>() {
                let source = Arc::new(Source::new(&sources.generations));
                directory.insert(place.clone(), Arc::clone(&source));
                let task = follow(place.clone(), source, means.clone(), Arc::clone(&places));
                kept.insert(place.clone(), AbortOnDropHandle::new(tokio::spawn(task)));
            }
            sources.directory.send_replace(Arc::new(directory));
        }
        if discovered.changed().await.is_err() {
            return;
        }
    }
}

async fn follow(place: Jwks, source: Arc<Source>, means: Means, places: Arc<Semaphore>) {
    let mut reader = Reader { name: name_of(&place), source, content: Vec::new(), trouble: None };
    match place {
        Jwks::Inline(text) => {
            let read = reader.take(text.as_bytes(), Keys::parse_public).map_err(FetchError::from);
            reader.note(read.err());
        }
        Jwks::File(path) => reader.follow_file(&path, &means).await,
        Jwks::Url(url) => reader.follow_url(&url, &means, &places).await,
    }
}

/// Reads one source again and again.
struct Reader {
    name: String,
    source: Arc<Source>,
    /// What the set was read from that is in force.
    content: Vec<u8>,
    /// What was wrong the last time.
    trouble: Option<String>,
}

impl Reader {
    async fn follow_file(&mut self, path: &str, means: &Means) {
        loop {
            let (secrets, file) = (means.secrets.clone(), path.to_owned());
            let read = spawn_blocking(move || secrets.read(&file, MAX_JWKS)).await;
            // It is read whole each time: what a file's times and size say is not enough to tell.
            let taken = match read {
                Ok(Ok(content)) => self.take(&content, Keys::parse).map_err(FetchError::from),
                Ok(Err(err)) => Err(err.into()),
                // The process is ending.
                Err(_) => return,
            };
            self.note(taken.err());
            sleep(means.patience.file).await;
        }
    }

    async fn follow_url(&mut self, url: &Uri, means: &Means, places: &Semaphore) {
        let mut rng: SmallRng = make_rng();
        let mut pace = Pace::new(means.patience.clone(), Instant::now());
        loop {
            let fetched = {
                let _place = places.acquire().await;
                pace.ask(Instant::now());
                fetch(&means.outside, url, means.patience.answer).await
            };
            let taken = fetched.and_then(|Fetched { content, lifetime }| {
                self.take(&content, Keys::parse_public)?;
                Ok(lifetime)
            });
            let now = Instant::now();
            let mut due = match &taken {
                Ok(lifetime) => pace.after_success(*lifetime, now, &mut rng),
                Err(_) => pace.after_failure(now, &mut rng),
            };
            self.note(taken.err());
            loop {
                tokio::select! {
                    () = sleep_until(due) => break,
                    () = self.source.wanted.notified() => due = pace.when_wanted(due),
                }
            }
        }
    }

    /// Puts what was read in force, where it is another set than before.
    fn take(
        &mut self,
        content: &[u8],
        parse: fn(&[u8]) -> Result<Keys, gateway_auth::jwt::KeysError>,
    ) -> Result<(), gateway_auth::jwt::KeysError> {
        let now = SystemTime::now().into();
        if !self.content.is_empty() && self.content == content {
            self.source.confirm(now);
            return Ok(());
        }
        let keys = parse(content)?;
        info!(source = %self.name, keys = keys.len(), passed_over = keys.passed_over(), "a key set is in force");
        self.source.publish(keys, now);
        self.content = content.to_vec();
        Ok(())
    }

    /// Counts a failure, and tells of one that is new.
    fn note(&mut self, failure: Option<FetchError>) {
        let Some(failure) = failure else {
            self.trouble = None;
            return;
        };
        self.source.failed.add_one();
        let trouble = failure.to_string();
        if self.trouble.as_ref() != Some(&trouble) {
            let held = if self.content.is_empty() { "there is none yet" } else { "the last good one stays" };
            warn!(source = %self.name, reason = %trouble, held, "a key set cannot be read");
            self.trouble = Some(trouble);
        }
    }
}
