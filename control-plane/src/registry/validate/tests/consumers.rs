//! Consumers, and what they are known by.

use super::*;
use crate::registry::{
    list::{KeyPlace, PageToken},
    validate::{consumer, consumer_query, key_id, key_query, lifetime, password},
};

fn anna() -> pb::Consumer {
    pb::Consumer { name: "anna".into(), ..pb::Consumer::default() }
}

fn change_of(services: Vec<pb::Service>, consumers: Vec<pb::Consumer>) -> Result<Wanted, RegistryError> {
    super::super::change(Named { services, consumers, ..Named::default() })
}

#[test]
fn a_consumer_is_read_without_what_only_the_server_knows() {
    let time = Some(prost_types::Timestamp { seconds: 5, nanos: 0 });
    let key = pb::ApiKey { id: "000000000001".into(), ..pb::ApiKey::default() };
    let wire = pb::Consumer {
        groups: vec!["b".into(), "a".into(), "b".into()],
        revision: 9,
        created_at: time,
        updated_at: time,
        keys: vec![key],
        has_password: true,
        ..anna()
    };
    assert_eq!(consumer(Some(wire)).unwrap(), sample::consumer("anna", &["a", "b"]));
    assert_eq!(wrong(consumer(None)), ["consumer: is missing; give a consumer"]);
}

#[test]
fn everything_that_is_wrong_with_a_consumer_is_told_with_its_field() {
    let limit = |name: &str| pb::RateLimit { name: name.into(), concurrent: Some(1), ..pb::RateLimit::default() };
    let key = vec![pb::RateLimitKeyPart { part: Some(pb::rate_limit_key_part::Part::ClientAddress(true)) }];
    let wire = pb::Consumer {
        name: "Anna".into(),
        title: "a\nb".into(),
        groups: vec!["ok".into(), "not ok".into()],
        rate_limits: Some(pb::RateLimits {
            limits: vec![
                pb::RateLimit { key, ..limit("a") },
                pb::RateLimit { requests: Some(0), ..limit("b") },
                pb::RateLimit { ipv4_prefix: Some(8), ..limit("c") },
                limit("c"),
            ],
        }),
        ..pb::Consumer::default()
    };
    let fields = |found: Vec<String>| -> Vec<String> {
        found.iter().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect()
    };
    let expected = [
        "name",
        "title",
        "groups[1]",
        "rate_limits.limits[0].key",
        "rate_limits.limits[1]",
        "rate_limits.limits[2].ipv4_prefix",
        "rate_limits.limits[3]",
    ];
    let at = |root: &str| expected.map(|field| format!("{root}.{field}"));
    assert_eq!(fields(wrong(consumer(Some(wire.clone())))), at("consumer"));
    assert_eq!(fields(wrong(change_of(vec![good()], vec![anna(), wire]))), at("consumers[1]"));
    let many = pb::Consumer { groups: (0..33).map(|at| format!("g{at}")).collect(), ..anna() };
    assert_eq!(wrong(consumer(Some(many))), ["consumer.groups: are 33; give 32 at the most"]);
}

#[test]
fn consumers_of_a_change_have_distinct_names_and_count_with_the_rest() {
    // One may be called as a service is.
    let mail = pb::Consumer { name: "mail".into(), ..anna() };
    let wanted = change_of(vec![good()], vec![anna(), mail]).unwrap();
    assert_eq!((wanted.services.len(), wanted.consumers.len()), (1, 2));
    let found = wrong(change_of(vec![], vec![anna(), anna()]));
    assert_eq!(found, ["consumers[1].name: \"anna\" is also consumers[0]; give it once"]);
    let found = wrong(change_of(vec![], vec![pb::Consumer::default(); MAX_RECORDS + 1]));
    let words = "consumers: are 0 services, 0 routes and 200001 consumers in ";
    assert!(found.len() == 1 && found[0].starts_with(words), "{found:?}");
    let condition = |at: usize| {
        let test = Some(pb::condition::Test::Regex("(".into()));
        pb::Condition { name: format!("x-{at}"), test }
    };
    let exempt = pb::RateLimitExemption { headers: (0..2001).map(condition).collect(), ..Default::default() };
    let limits = vec![pb::RateLimit { exempt: Some(exempt), ..pb::RateLimit::default() }];
    let found = wrong(change_of(vec![], vec![pb::Consumer { rate_limits: Some(pb::RateLimits { limits }), ..anna() }]));
    assert!(found.len() == 1 && found[0].starts_with("consumers: have 2001 regular expressions"), "{found:?}");
}

#[test]
fn passwords_are_checked_and_never_quoted() {
    let set = |consumer: &str, text: Option<&str>| {
        password(pb::SetPasswordRequest { consumer: consumer.into(), password: text.map(Into::into) })
    };
    assert_eq!(set("anna", None).unwrap(), (sample::consumer_name("anna"), None));
    assert!(set("anna", Some("correct horse")).unwrap().1.is_some());
    for bad in ["hunter2", "hunter2-hunter2\n", &"hunter2".repeat(20)] {
        let found = wrong(set("Anna", Some(bad)));
        assert!(found[0].starts_with("consumer: ") && found[1].starts_with("password: "), "{found:?}");
        assert!(found.len() == 2 && !found[1].contains("hunter2"), "{found:?}");
    }
}

#[test]
fn lifetimes_have_a_range_and_ids_a_form() {
    let made = |consumer: &str, lifetime_: Option<prost_types::Duration>| {
        lifetime(pb::CreateKeyRequest { consumer: consumer.into(), lifetime: lifetime_ })
    };
    assert_eq!(made("anna", None).unwrap().1, None);
    for allowed in [60, 10 * 31_557_600] {
        assert_eq!(made("anna", seconds(allowed)).unwrap().1.map(|time| time.as_secs()), u64::try_from(allowed).ok());
    }
    for (bad, words) in [(59, "too short"), (10 * 31_557_600 + 1, "too long"), (-1, "is negative")] {
        let found = wrong(made("", seconds(bad)));
        assert!(found[0].starts_with("consumer: is empty"), "{found:?}");
        assert!(found[1].starts_with("lifetime: ") && found[1].contains(words), "{found:?}");
    }
    assert!(key_id("00000000000f").is_ok());
    for bad in ["", "00000000000", "00000000000F", "gwk_00000000000f"] {
        assert_eq!(key_id(bad), Err(RegistryError::KeyNotFound));
    }
}

#[test]
fn what_to_list_is_checked() {
    let query = pb::ListConsumersRequest { group: "staff".into(), page_size: 7, page_token: PageToken::write("anna") };
    let read = consumer_query(query.clone()).unwrap();
    assert_eq!((read.group.as_deref(), read.page_size), (Some("staff"), 7));
    assert_eq!(read.after, Some(sample::consumer_name("anna")));
    let found = wrong(consumer_query(pb::ListConsumersRequest { page_size: 1001, page_token: "x".into(), ..query }));
    assert!(found[0].starts_with("page_size: ") && found[1].starts_with("page_token: "), "{found:?}");

    let page_token = PageToken::write("anna/000000000001");
    let query = pb::ListKeysRequest { consumer: "anna".into(), page_size: 0, page_token };
    let read = key_query(query.clone()).unwrap();
    assert_eq!(read.after, Some(KeyPlace { consumer: sample::consumer_name("anna"), id: sample::key(1).id }));
    let bad = pb::ListKeysRequest { consumer: "Anna".into(), page_size: 1001, page_token: PageToken::write("anna") };
    let found = wrong(key_query(bad));
    let fields: Vec<&str> = found.iter().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(fields, ["consumer", "page_size", "page_token"]);
}
