//! What is stored of responses, as a line for people.

use super::{some, texts};
use crate::output::{
    cache::{Bypass, Cache, Key, KeyQuery},
    route_facts::condition,
};

pub(super) fn line(cache: &Cache) -> String {
    let Cache {
        enabled,
        default_ttl,
        max_ttl,
        heuristic_ttl,
        methods,
        max_object_size,
        client_no_cache,
        set_cookie,
        partial,
        key,
        bypass,
    } = cache;
    if *enabled == Some(false) {
        return "off".to_owned();
    }
    let chosen = if methods.is_empty() { "GET, HEAD".to_owned() } else { texts(methods) };
    let assumed = default_ttl.as_deref().filter(|ttl| *ttl != "0s").map(|ttl| format!("fresh for {ttl} by default"));
    let tenth = heuristic_ttl.as_ref().map(|ttl| format!("a tenth of the age, up to {ttl}, by default"));
    let mut parts = vec![chosen];
    parts.push(assumed.or(tenth).unwrap_or_else(|| "nothing assumed".to_owned()));
    parts.extend(max_ttl.as_ref().map(|ttl| format!("at most {ttl}")));
    parts.extend(max_object_size.as_ref().map(|size| format!("bodies up to {size}")));
    parts.extend(client_no_cache.filter(|what| *what == "ignore").map(|_| "clients' no-cache ignored".to_owned()));
    parts.extend(set_cookie.filter(|what| *what == "store").map(|_| "with cookies".to_owned()));
    parts.extend(partial.filter(|what| *what == "refuse").map(|_| "whole only".to_owned()));
    parts.extend(key.iter().map(key_text));
    parts.extend(bypass.iter().map(bypass_text));
    parts.join("; ")
}

fn key_text(Key { query, headers, cookies }: &Key) -> String {
    let parameters = query.as_ref().map(|query| match query {
        KeyQuery::Keep(names) if names.is_empty() => "no query".to_owned(),
        KeyQuery::Keep(names) => format!("query only {}", texts(names)),
        KeyQuery::Drop(names) => format!("query without {}", texts(names)),
    });
    let parts = [parameters, some("headers", headers), some("cookies", cookies)];
    format!("key: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn bypass_text(Bypass { headers, query, cookies }: &Bypass) -> String {
    let headers = headers.iter().map(|one| format!("header {}", condition(one)));
    let query = query.iter().map(|one| format!("query {}", condition(one)));
    let cookies = cookies.iter().map(|name| format!("cookie {name} is there"));
    format!("past it if {}", headers.chain(query).chain(cookies).collect::<Vec<_>>().join(" or "))
}
