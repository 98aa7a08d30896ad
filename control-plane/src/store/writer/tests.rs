use std::{any::Any, sync::mpsc};

use tokio::sync::oneshot::error::TryRecvError;

use super::{Disk, Writer};
use crate::{
    auth::token::Tokens,
    registry::{
        model::{Desired, Key, Revision},
        sample,
    },
    store::{
        AuditPage, AuditQuery, Batch, Expect, HealthRecord, Loaded, Precondition, StoreError, audit::ReadAudit,
        image::Image,
    },
};

/// What a scripted disk does with a write.
enum Step {
    Succeed,
    Fail,
    Panic,
}

/// A disk that tells of each write and waits to be told what to do.
struct Script {
    began: mpsc::Sender<usize>,
    steps: mpsc::Receiver<Step>,
}

impl Disk for Script {
    fn write(&mut self, image: &Image) -> Result<(), StoreError> {
        self.began.send(image.records.len() + image.health.len()).unwrap();
        match self.steps.recv().unwrap() {
            Step::Succeed => Ok(()),
            Step::Fail => Err(failure()),
            Step::Panic => panic!("as scripted"),
        }
    }

    fn audit(&self) -> Box<dyn ReadAudit> {
        Box::new(NoAudit)
    }

    fn size(&self) -> u64 {
        7
    }

    fn panicked(&self, _: &(dyn Any + Send)) -> StoreError {
        failure()
    }
}

#[derive(Debug)]
struct NoAudit;

impl ReadAudit for NoAudit {
    fn page(&self, _: &AuditQuery) -> Result<AuditPage, StoreError> {
        Ok(AuditPage::default())
    }
}

fn failure() -> StoreError {
    StoreError::DiskFull { path: "scripted".into() }
}

struct Scripted {
    writer: Writer,
    began: mpsc::Receiver<usize>,
    steps: mpsc::Sender<Step>,
}

fn scripted() -> Scripted {
    let (began, has_begun) = mpsc::channel();
    let (steps, next_step) = mpsc::channel();
    let loaded =
        Loaded { cluster_id: "cluster".into(), desired: Desired::default(), health: vec![], tokens: Tokens::new() };
    let writer = Writer::start(move || Ok((Script { began, steps: next_step }, loaded))).unwrap();
    Scripted { writer, began: has_begun, steps }
}

fn put(name: &str) -> Batch {
    Batch { puts: vec![sample::service(name, &[]).into()], ..Batch::default() }
}

#[tokio::test]
async fn batches_that_wait_share_a_flush() {
    let Scripted { writer, began, steps } = scripted();
    let first = writer.commit(put("first"));
    assert_eq!(began.recv().unwrap(), 1);
    let waiting: Vec<_> = (0..200).map(|at| writer.commit(put(&format!("s{at}")))).collect();
    steps.send(Step::Succeed).unwrap();
    assert_eq!(first.await.unwrap(), Ok(Revision(1)));
    // All of them, with one write.
    assert_eq!(began.recv().unwrap(), 200);
    assert_eq!(writer.desired().borrow().revision, Revision(1));
    steps.send(Step::Succeed).unwrap();
    for (at, answer) in waiting.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), Ok(Revision(at as u64 + 2)));
    }
    drop(writer);
    assert!(began.try_recv().is_err());
}

#[tokio::test]
async fn a_batch_that_is_refused_does_not_hinder_its_group() {
    let Scripted { writer, began, steps } = scripted();
    let first = writer.commit(put("a"));
    began.recv().unwrap();
    let precondition = Precondition { key: Key::Service(sample::name("a")), expect: Expect::Absent };
    let refused = writer.commit(Batch { preconditions: vec![precondition], ..put("a") });
    let third = writer.commit(put("b"));
    steps.send(Step::Succeed).unwrap();
    steps.send(Step::Succeed).unwrap();
    assert_eq!(first.await.unwrap(), Ok(Revision(1)));
    assert!(matches!(refused.await.unwrap(), Err(StoreError::Precondition { .. })));
    assert_eq!(third.await.unwrap(), Ok(Revision(2)));
    assert_eq!(writer.size(), 7);
}

async fn a_failure_ends_all_writing(step: Step) {
    let Scripted { writer, began, steps } = scripted();
    let (desired, told) = (writer.desired(), writer.failure());
    let first = writer.commit(put("a"));
    began.recv().unwrap();
    let queued = writer.commit(put("b"));
    steps.send(step).unwrap();
    assert_eq!(first.await.unwrap(), Err(failure()));
    assert_eq!(*told.borrow(), Some(failure()));
    assert_eq!(queued.await.unwrap(), Err(failure()));
    assert_eq!(writer.commit(put("c")).await.unwrap(), Err(failure()));
    // Nothing of it was ever seen, and the disk was left alone.
    assert_eq!(desired.borrow().revision, Revision(0));
    assert!(!desired.has_changed().unwrap());
    assert!(writer.load().desired.services.is_empty());
    assert!(writer.watch(Revision(0)).is_ok());
    assert!(began.try_recv().is_err());
}

#[tokio::test]
async fn a_failed_write_ends_all_writing() {
    a_failure_ends_all_writing(Step::Fail).await;
}

#[tokio::test]
async fn a_panic_of_the_disk_ends_all_writing() {
    a_failure_ends_all_writing(Step::Panic).await;
}

#[tokio::test]
async fn a_refusal_is_no_failure_and_a_failure_is_told_even_if_nobody_asks_for_a_change() {
    let Scripted { writer, began, steps } = scripted();
    let mut told = writer.failure();
    let first = writer.commit(put("a"));
    began.recv().unwrap();
    steps.send(Step::Succeed).unwrap();
    first.await.unwrap().unwrap();
    let refused = writer.commit(Batch { base: Some(Revision(7)), ..put("b") });
    assert!(matches!(refused.await.unwrap(), Err(StoreError::Moved { .. })));
    assert_eq!(*told.borrow(), None);
    let (service, endpoint) = (sample::name("a"), sample::endpoint("127.0.0.1:3001").address);
    let addresses = vec![("127.0.0.1:3001".parse().unwrap(), true)];
    writer.record_health(vec![HealthRecord { service, endpoint, addresses }]);
    began.recv().unwrap();
    steps.send(Step::Fail).unwrap();
    assert_eq!(*told.wait_for(Option::is_some).await.unwrap(), Some(failure()));
    assert!(writer.load().health.is_empty());
}

#[tokio::test]
async fn health_goes_along_with_batches_and_is_written_at_the_end() {
    let Scripted { writer, began, steps } = scripted();
    let first = writer.commit(put("a"));
    began.recv().unwrap();
    let record = |healthy| HealthRecord {
        service: sample::name("a"),
        endpoint: sample::endpoint("127.0.0.1:3001").address,
        addresses: vec![("127.0.0.1:3001".parse().unwrap(), healthy)],
    };
    writer.record_health(vec![record(true)]);
    let mut known = writer.record_health(vec![record(false)]);
    assert_eq!(known.try_recv(), Err(TryRecvError::Empty));
    let second = writer.commit(put("b"));
    for _ in 0..3 {
        steps.send(Step::Succeed).unwrap();
    }
    first.await.unwrap().unwrap();
    // The second batch, and the last word on health.
    assert_eq!(second.await.unwrap(), Ok(Revision(2)));
    assert_eq!(began.recv().unwrap(), 2);
    assert_eq!(known.try_recv(), Err(TryRecvError::Closed), "it is told once it is written");
    assert_eq!(writer.load().health, [record(false)]);
    writer.record_health(vec![record(true)]);
    drop(writer);
    assert_eq!(began.recv().unwrap(), 1);
}

#[test]
fn an_opening_that_fails_is_told() {
    let opened = Writer::start(|| Err::<(Script, Loaded), _>(failure()));
    assert_eq!(opened.err(), Some(failure()));
}
