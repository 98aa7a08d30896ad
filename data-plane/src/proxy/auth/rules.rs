//! Who may call what.

use std::{net::IpAddr, sync::Arc};

use gateway_routing::{
    Request, ambiguity, normalize,
    route::{Auth, AuthClaim, AuthRule},
};

use super::caller::Caller;

/// Whether this client may make this request. What is denied is denied, whatever is allowed. Where something is not
/// certain, rules that deny take it to be theirs, and rules that allow do not: the address of a client that is not
/// known, a path that servers read in two ways, a method that they may take for another one.
pub(super) fn allow(policy: &Auth, caller: &Caller<'_>, client: Option<IpAddr>, request: &impl Request) -> bool {
    let Auth { allow, deny, .. } = policy;
    if allow.is_empty() && deny.is_empty() {
        return true;
    }
    let path = request.path();
    let path = ambiguity(path).is_none().then(|| normalize(path));
    let path = path.as_deref();
    // By whichever method he comes, he is in the groups that he is registered with; a token gains none by it.
    let registered = caller.registered().map(|consumer| &*consumer.groups).unwrap_or_default();
    let may_be_from = |rule: &AuthRule| client.is_none_or(|client| rule.is_from(client));
    let is_from = |rule: &AuthRule| client.map_or(rule.client_networks.is_empty(), |client| rule.is_from(client));
    let denies =
        |rule: &AuthRule| rule.may_be_about(request, path) && may_be_from(rule) && is_of(rule, caller, registered);
    let allows = |rule: &AuthRule| rule.is_about(request, path) && is_from(rule) && is_of(rule, caller, &[]);
    !deny.iter().any(denies) && (allow.is_empty() || allow.iter().any(allows))
}

/// Whether the rule is about this caller, who is in these groups, too, whatever he asks for.
fn is_of(rule: &AuthRule, caller: &Caller<'_>, registered: &[Arc<str>]) -> bool {
    let AuthRule { consumer, group, claim, methods: _, path: _, client_networks: _ } = rule;
    let is_named = |name: &str| caller.name() == Some(name);
    let has_group = |group: &str| caller.groups().iter().chain(registered).any(|of_caller| **of_caller == *group);
    consumer.as_deref().is_none_or(is_named)
        && group.as_deref().is_none_or(has_group)
        && claim.as_ref().is_none_or(|claim| says(caller, claim))
}

/// Whether his token says so.
fn says(caller: &Caller<'_>, AuthClaim { name, value }: &AuthClaim) -> bool {
    caller.claims().is_some_and(|claims| claims.says(name, value.as_deref()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use gateway_auth::{Json, jwt::Claims};
    use gateway_routing::{
        Methods, PathMatcher,
        route::{Auth, AuthClaim, AuthRule, Identity},
    };

    use super::allow;
    use crate::{
        proxy::{
            auth::{caller::Caller, subject::Subject},
            parse::ParsedRequest,
            route::Asked,
        },
        table::consumers::Consumer,
    };

    fn rule() -> AuthRule {
        AuthRule {
            consumer: None,
            group: None,
            claim: None,
            methods: Methods::default(),
            path: PathMatcher::default(),
            client_networks: [].into(),
        }
    }

    fn policy(allow: impl Into<Box<[AuthRule]>>, deny: impl Into<Box<[AuthRule]>>) -> Auth {
        Auth {
            methods: [].into(),
            anonymous: true,
            allow: allow.into(),
            deny: deny.into(),
            keep_credentials: false,
            shadow: false,
            identity: Identity { consumer_header: None, groups_header: None, claims: [].into() },
            realm: "gateway".into(),
        }
    }

    fn anna() -> Caller<'static> {
        let texts = |texts: &[&str]| Json::Array(texts.iter().map(|text| Json::Text((*text).into())).collect());
        let all = BTreeMap::from([("scope".into(), texts(&["read", "write"])), ("none".into(), Json::Null)]);
        let claims = Claims { all: Json::Object(all), expires: None };
        let groups = ["ops", "staff"].map(Arc::from).into();
        Caller::Told(Arc::new(Subject { consumer: Some("anna".into()), groups, claims: Some(claims.into()) }), None)
    }

    fn may(policy: &Auth, caller: &Caller<'_>, client: &str, line: &str) -> bool {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 10).unwrap();
        allow(policy, caller, client.parse().ok(), &Asked::new(&request, head.as_bytes()))
    }

    fn claim(name: &str, value: Option<&str>) -> Option<AuthClaim> {
        Some(AuthClaim { name: name.into(), value: value.map(Into::into) })
    }

    #[test]
    fn all_that_a_rule_says_has_to_hold_and_one_rule_is_enough() {
        let named = |name: &str| AuthRule { consumer: Some(name.into()), ..rule() };
        let of = |group: &str| AuthRule { group: Some(group.into()), ..rule() };
        let saying = |name, value| AuthRule { claim: claim(name, value), ..rule() };
        let networks = |network: &str| AuthRule { client_networks: [network.parse().unwrap()].into(), ..rule() };
        let get = AuthRule { methods: Methods::parse(["GET"]).unwrap(), ..rule() };
        let below = AuthRule { path: PathMatcher::prefix("/a").unwrap(), ..rule() };
        for (rules, is_allowed) in [
            (vec![], true),
            (vec![named("anna")], true),
            (vec![named("Anna")], false),
            (vec![named("bert"), of("staff")], true),
            (vec![of("sta")], false),
            (vec![AuthRule { group: Some("other".into()), ..named("anna") }], false),
            (vec![AuthRule { group: Some("ops".into()), ..named("anna") }], true),
            (vec![saying("scope", Some("write"))], true),
            (vec![saying("scope", Some("rea"))], false),
            (vec![saying("scope", None)], true),
            (vec![saying("none", None)], false),
            (vec![saying("missing", None)], false),
            (vec![networks("10.0.0.0/8")], true),
            (vec![networks("11.0.0.0/8")], false),
            (vec![get.clone()], true),
            (vec![AuthRule { methods: Methods::parse(["PUT"]).unwrap(), ..rule() }], false),
            (vec![below.clone()], true),
            (vec![AuthRule { path: PathMatcher::prefix("/b").unwrap(), ..rule() }], false),
        ] {
            // Spelled otherwise, it is the same path.
            for line in ["GET /a/b", "GET /%61/b?x"] {
                let is_so = may(&policy(rules.clone(), []), &anna(), "10.0.0.1", line);
                assert_eq!(is_so, is_allowed, "{line} {rules:?}");
                let is_denied = !rules.is_empty() && is_allowed;
                assert_eq!(may(&policy([], rules.clone()), &anna(), "10.0.0.1", line), !is_denied, "{line} {rules:?}");
            }
        }
    }

    #[test]
    fn what_is_denied_is_denied_whatever_is_allowed() {
        let staff = AuthRule { group: Some("staff".into()), ..rule() };
        let anna_is = AuthRule { consumer: Some("anna".into()), ..rule() };
        assert!(!may(&policy([staff.clone()], [anna_is.clone()]), &anna(), "10.0.0.1", "GET /"));
        assert!(!may(&policy([anna_is], [staff]), &anna(), "10.0.0.1", "GET /"));
    }

    #[test]
    fn a_client_whose_address_is_not_known_gains_nothing_by_it() {
        let near = AuthRule { client_networks: ["10.0.0.0/8".parse().unwrap()].into(), ..rule() };
        for (client, is_allowed, passes) in [("10.0.0.1", true, false), ("192.0.2.1", false, true), ("", false, false)]
        {
            assert_eq!(may(&policy([near.clone()], []), &anna(), client, "GET /"), is_allowed, "{client:?}");
            assert_eq!(may(&policy([], [near.clone()]), &anna(), client, "GET /"), passes, "{client:?}");
        }
    }

    #[test]
    fn a_path_that_servers_read_in_two_ways_meets_what_denies_and_nothing_that_allows() {
        let below = |prefix| AuthRule { path: PathMatcher::prefix(prefix).unwrap(), ..rule() };
        for path in
            ["//admin/users", "/admin;x", "/x/..%2Fadmin", "/public/..%2Fadmin", "/x/../admin", "/a%5cb", "/%ff"]
        {
            let line = format!("GET {path}");
            for prefix in ["/admin", "/public", "/elsewhere"] {
                assert!(!may(&policy([], [below(prefix)]), &anna(), "10.0.0.1", &line), "{line} {prefix}");
                assert!(!may(&policy([below(prefix)], []), &anna(), "10.0.0.1", &line), "{line} {prefix}");
            }
            let bert = AuthRule { consumer: Some("bert".into()), ..below("/admin") };
            assert!(
                may(&policy([rule()], [bert]), &anna(), "10.0.0.1", &line),
                "{line}: what else a rule says has to hold"
            );
        }
        assert!(may(&policy([below("/public")], [below("/admin")]), &anna(), "10.0.0.1", "GET /public/admin"));
    }

    #[test]
    fn a_method_that_servers_may_take_for_another_is_denied_with_it() {
        let of = |methods: &[&str]| AuthRule { methods: Methods::parse(methods.iter().copied()).unwrap(), ..rule() };
        for (methods, line, is_denied, is_allowed) in [
            (&["DELETE"][..], "DELETE /x", true, true),
            (&["DELETE"], "delete /x", true, false),
            (&["DELETE"], "POST /x", false, false),
            (&["GET"], "HEAD /x", true, false),
            (&["GET"], "head /x", true, false),
            (&["HEAD"], "GET /x", false, false),
            (&["PURGE"], "Purge /x", true, false),
        ] {
            assert_eq!(!may(&policy([], [of(methods)]), &anna(), "10.0.0.1", line), is_denied, "{methods:?} {line}");
            assert_eq!(may(&policy([of(methods)], []), &anna(), "10.0.0.1", line), is_allowed, "{methods:?} {line}");
        }
    }

    #[test]
    fn a_claim_is_met_as_whatever_scalar_it_comes() {
        let json = br#"{"blocked":true,"level":7,"mixed":["x",1],"scope":"read write","other":"read write"}"#;
        let claims = Claims { all: Json::parse(json).unwrap(), expires: None };
        let subject = Subject { consumer: None, groups: [].into(), claims: Some(claims.into()) };
        let caller = Caller::Told(subject.into(), None);
        for (name, value, is_said) in [
            ("blocked", "true", true),
            ("blocked", "false", false),
            ("level", "7", true),
            ("mixed", "x", true),
            ("mixed", "1", true),
            ("scope", "write", true),
            ("scope", "wri", false),
            ("scope", "read write", true),
            ("other", "write", false),
            ("other", "read write", true),
        ] {
            let rule = AuthRule { claim: claim(name, Some(value)), ..rule() };
            assert_eq!(may(&policy([rule.clone()], []), &caller, "10.0.0.1", "GET /"), is_said, "{name} {value}");
            assert_eq!(may(&policy([], [rule]), &caller, "10.0.0.1", "GET /"), !is_said, "{name} {value}");
        }
    }

    #[test]
    fn a_group_is_denied_by_whichever_method_its_consumer_comes() {
        let registered = Consumer::new("anna", ["banned".into()].into_iter().collect(), &[], None, [].into());
        let Caller::Told(subject, _) = anna() else { unreachable!("she is told") };
        let caller = Caller::Told(subject, Some(&registered));
        let banned = AuthRule { group: Some("banned".into()), ..rule() };
        assert!(!may(&policy([], [banned.clone()]), &caller, "10.0.0.1", "GET /"));
        assert!(!may(&policy([banned], []), &caller, "10.0.0.1", "GET /"), "a token gains no group by it");
    }

    #[test]
    fn nobody_meets_no_rule_that_asks_who() {
        for rule in [
            AuthRule { consumer: Some("anna".into()), ..rule() },
            AuthRule { group: Some("staff".into()), ..rule() },
            AuthRule { claim: claim("scope", None), ..rule() },
        ] {
            assert!(rule.asks_who());
            assert!(!may(&policy([rule.clone()], []), &Caller::Nobody, "10.0.0.1", "GET /"), "{rule:?}");
            assert!(may(&policy([], [rule.clone()]), &Caller::Nobody, "10.0.0.1", "GET /"), "{rule:?}");
        }
    }
}
