use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{MAX_WAITING, Queries, Respondent, Unanswered};

type Texts = Queries<&'static str, String>;

fn queries() -> Arc<Texts> {
    Arc::default()
}

/// Asks, and returns once the question is under way.
async fn ask(
    queries: &Arc<Texts>,
    node: &mut Respondent<&'static str, String>,
    question: &'static str,
) -> (JoinHandle<Result<String, Unanswered>>, u64) {
    let asking = Arc::clone(queries);
    let asked = tokio::spawn(async move { asking.ask("n", question).await });
    let (number, got) = node.next().await;
    assert_eq!(got, question);
    (asked, number)
}

#[tokio::test]
async fn answers_come_to_who_asked_in_whatever_order() {
    let queries = queries();
    let mut node = queries.enter("n".into()).unwrap();
    let (one, first) = ask(&queries, &mut node, "one").await;
    let (two, second) = ask(&queries, &mut node, "two").await;
    node.answer(second, "zwei".into());
    node.answer(first, "eins".into());
    // Nobody waits for these.
    node.answer(second, "zwo".into());
    node.answer(7777, "?".into());
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (Ok("eins".into()), Ok("zwei".into())));
}

#[tokio::test]
async fn who_leaves_leaves_nobody_waiting() {
    let queries = queries();
    let mut node = queries.enter("n".into()).unwrap();
    let (one, _) = ask(&queries, &mut node, "one").await;
    drop(node);
    assert_eq!(one.await.unwrap(), Err(Unanswered::Gone));
    assert_eq!(queries.ask("n", "two").await, Err(Unanswered::Gone));
    assert_eq!(queries.find("n"), None);
}

#[tokio::test]
async fn the_newest_stream_owns_an_id() {
    let queries = queries();
    let mut old = queries.enter("n".into()).unwrap();
    let (one, number) = ask(&queries, &mut old, "one").await;
    let mut new = queries.enter("n".into()).unwrap();
    assert!(old.replaced().is_cancelled() && !new.replaced().is_cancelled());
    assert_eq!(one.await.unwrap(), Err(Unanswered::Gone));
    let (two, second) = ask(&queries, &mut new, "two").await;
    assert_eq!(number, second, "the streams count by themselves");
    old.answer(second, "of the old one".into());
    drop(old);
    new.answer(second, "of the new one".into());
    assert_eq!(two.await.unwrap(), Ok("of the new one".into()));
}

#[tokio::test]
async fn only_so_many_questions_wait_and_who_gives_up_leaves_the_place() {
    let queries = queries();
    let mut node = queries.enter("n".into()).unwrap();
    let mut asked = Vec::new();
    for _ in 0..MAX_WAITING {
        asked.push(ask(&queries, &mut node, "?").await);
    }
    assert_eq!(queries.ask("n", "one too many").await, Err(Unanswered::Busy));
    let (given_up, number) = asked.pop().unwrap();
    given_up.abort();
    assert!(given_up.await.is_err());
    let (next, later) = ask(&queries, &mut node, "again").await;
    node.answer(number, "too late".into());
    node.answer(later, "in time".into());
    assert_eq!(next.await.unwrap(), Ok("in time".into()));
    // Who takes nothing gets no more than so many either.
    let mut idle = queries.enter("n".into()).unwrap();
    for _ in 0..MAX_WAITING {
        let asking = Arc::clone(&queries);
        let asked = tokio::spawn(async move { asking.ask("n", "?").await });
        tokio::task::yield_now().await;
        asked.abort();
        let _ = asked.await;
    }
    assert_eq!(queries.ask("n", "one too many").await, Err(Unanswered::Busy));
    idle.next().await;
    assert_eq!(queries.put("n", "one").err(), None);
}

#[tokio::test]
async fn the_first_in_order_is_asked_unless_another_is_named() {
    let queries = queries();
    let mut changes = queries.changes();
    let nodes = ["b", "a", "c"].map(|id| queries.enter(id.into()).unwrap());
    assert!(changes.has_changed().unwrap());
    assert_eq!(
        (queries.find("").as_deref(), queries.find("c").as_deref(), queries.find("d")),
        (Some("a"), Some("c"), None)
    );
    changes.borrow_and_update();
    drop(nodes);
    assert!(changes.has_changed().unwrap());
    assert_eq!(queries.find(""), None);
}
