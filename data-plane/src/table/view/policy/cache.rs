//! What is stored of responses, as `/config` shows it.

use gateway_caching::{
    FOREVER, Policy,
    key::{Query, Rules},
    policy::{Assumed, Partial, Reloads, SetCookie},
};
use gateway_proto::size::format_size;
use gateway_routing::route::{Cache, CacheBypass};
use serde::Serialize;

use super::super::{condition::ConditionView, service::text};

#[derive(Serialize)]
pub(super) struct CacheView<'t> {
    default_ttl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heuristic_ttl: Option<String>,
    methods: &'static [&'static str],
    max_object_size: String,
    client_no_cache: &'static str,
    set_cookie: &'static str,
    partial: &'static str,
    key: KeyView<'t>,
    bypass: BypassView<'t>,
}

/// What is in the key beside what always is.
#[derive(Serialize)]
struct KeyView<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<QueryView<'t>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    headers: &'t [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cookies: &'t [Box<str>],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum QueryView<'t> {
    Keep(&'t [Box<str>]),
    Drop(&'t [Box<str>]),
}

#[derive(Serialize)]
struct BypassView<'t> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<ConditionView<'t>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    query: Vec<ConditionView<'t>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cookies: &'t [Box<str>],
}

impl<'t> From<&'t Cache> for CacheView<'t> {
    fn from(Cache { rules, key, answers_head, bypass, max_object_size }: &'t Cache) -> Self {
        let Policy { assumed, max_ttl, set_cookie, reloads, partial } = *rules;
        let (default_ttl, heuristic_ttl) = match assumed {
            Assumed::Nothing => (Default::default(), None),
            Assumed::Fixed(ttl) => (ttl, None),
            Assumed::Tenth { at_most } => (Default::default(), Some(at_most)),
        };
        Self {
            default_ttl: text(default_ttl),
            max_ttl: Some(max_ttl).filter(|ttl| *ttl < FOREVER).map(text),
            heuristic_ttl: heuristic_ttl.map(text),
            methods: if *answers_head { &["GET", "HEAD"] } else { &["GET"] },
            max_object_size: format_size(*max_object_size),
            client_no_cache: match reloads {
                Reloads::Honour => "honour",
                Reloads::Ignore => "ignore",
            },
            set_cookie: match set_cookie {
                SetCookie::Refuse => "refuse",
                SetCookie::Store => "store",
            },
            partial: match partial {
                Partial::Refuse => "refuse",
                Partial::Store => "store",
            },
            key: key.into(),
            bypass: bypass.into(),
        }
    }
}

impl<'t> From<&'t Rules> for KeyView<'t> {
    fn from(rules: &'t Rules) -> Self {
        let query = match rules.query() {
            Query::All => None,
            Query::Only(names) => Some(QueryView::Keep(names)),
            Query::Without(names) => Some(QueryView::Drop(names)),
        };
        Self { query, headers: rules.headers(), cookies: rules.cookies() }
    }
}

impl<'t> From<&'t CacheBypass> for BypassView<'t> {
    fn from(CacheBypass { headers, query, cookies }: &'t CacheBypass) -> Self {
        Self {
            headers: headers.iter().map(Into::into).collect(),
            query: query.iter().map(Into::into).collect(),
            cookies,
        }
    }
}
