//! Who may call, as lines for people.

use super::{Fact, some, texts};
use crate::output::{
    auth::{Auth, AuthMethod, Claim, ClaimHeader, Forward, Identity, Introspection, Jwt, Place, Rule},
    route_facts::path,
};

/// How clients show who they are, and a line for the rules of each kind.
pub(super) fn lines(auth: &Auth) -> Vec<Fact> {
    let Auth { enabled, methods, anonymous, allow, deny, keep_credentials, shadow, identity, realm } = auth;
    if *enabled == Some(false) {
        return vec![("Auth", "off".to_owned())];
    }
    let mut parts: Vec<String> = methods.iter().map(method).collect();
    parts.extend((*anonymous == Some(true)).then(|| "or nobody".to_owned()));
    parts.extend((*keep_credentials == Some(true)).then(|| "credentials go on".to_owned()));
    parts.extend((*shadow == Some(true)).then(|| "only counted".to_owned()));
    parts.extend(realm.as_ref().filter(|realm| *realm != "gateway").map(|realm| format!("realm {realm}")));
    let mut facts = vec![("Auth", parts.join("; "))];
    for (name, rules) in [("Allow", allow), ("Deny", deny)] {
        let rules: Vec<_> = rules.iter().map(rule).collect();
        facts.extend((!rules.is_empty()).then(|| (name, rules.join("; "))));
    }
    facts.extend(identity.as_ref().map(|identity| ("Identity", told(identity))));
    facts
}

fn method(method: &AuthMethod) -> String {
    match method {
        AuthMethod::ApiKey(at) => format!("API key in {}", place(at, "header x-api-key")),
        AuthMethod::Basic {} => "Basic".to_owned(),
        AuthMethod::Jwt(token) => jwt(token),
        AuthMethod::Introspection(asked) => {
            let Introspection { url, place: at, required_claims, .. } = &**asked;
            let at = place(at, "header authorization");
            format!("token in {at} by introspection at {url}{}", claims(required_claims))
        }
        AuthMethod::Forward(asked) => {
            let Forward { url, .. } = &**asked;
            format!("forwarded to {url}")
        }
        AuthMethod::Unknown {} => "a method that this program does not know".to_owned(),
    }
}

fn jwt(jwt: &Jwt) -> String {
    let Jwt { issuer, audience, algorithms, required_claims, place: at, .. } = jwt;
    let mut text = format!("JWT of {issuer} in {}", place(at, "header authorization"));
    for part in [some("for", audience), some("by", algorithms)].into_iter().flatten() {
        text.push(' ');
        text.push_str(&part);
    }
    text + &claims(required_claims)
}

fn place(place: &Place, default: &str) -> String {
    let Place { header, query, cookie } = place;
    let named = [("header", header), ("query", query), ("cookie", cookie)];
    let text = named.into_iter().find_map(|(kind, name)| name.as_ref().map(|name| format!("{kind} {name}")));
    text.unwrap_or_else(|| default.to_owned())
}

fn claims(claims: &[Claim]) -> String {
    if claims.is_empty() {
        return String::new();
    }
    format!(" with {}", claims.iter().map(claim).collect::<Vec<_>>().join(", "))
}

fn claim(Claim { name, value }: &Claim) -> String {
    match value {
        Some(value) => format!("claim {name} {value:?}"),
        None => format!("claim {name}"),
    }
}

fn rule(rule: &Rule) -> String {
    let Rule { consumer, group, claim: asked, methods, path: paths, client_networks } = rule;
    let parts = [
        consumer.as_ref().map(|name| format!("consumer {name}")),
        group.as_ref().map(|name| format!("group {name}")),
        asked.as_ref().map(claim),
        (!methods.is_empty()).then(|| texts(methods)),
        paths.is_some().then(|| path(paths.as_ref())),
        (!client_networks.is_empty()).then(|| format!("from {}", texts(client_networks))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn told(Identity { consumer_header, groups_header, claims }: &Identity) -> String {
    let field = |what: &str, name: &Option<String>| {
        name.as_ref().filter(|name| !name.is_empty()).map(|name| format!("{what} in {name}"))
    };
    let claims = claims.iter().map(|ClaimHeader { claim, header }| format!("claim {claim} in {header}"));
    let own = [field("consumer", consumer_header), field("groups", groups_header)];
    let parts: Vec<_> = own.into_iter().flatten().chain(claims).collect();
    if parts.is_empty() { "not told".to_owned() } else { parts.join(", ") }
}
