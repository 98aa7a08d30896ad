//! The flags that say which requests a route is for.

use clap::Args;
use gateway_proto::registry::v1::{self as pb, condition::Test, path_match::Kind};

/// Which requests; without any of it, all of the hosts'.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which requests of the hosts [default: all]")]
pub(super) struct Matching {
    #[command(flatten)]
    path: Path,
    /// Method, such as GET, which does not mean HEAD; repeatable
    #[arg(long, env = "GATEWAY_METHOD", value_delimiter = ',')]
    method: Vec<String>,
    /// Header field that has this value, or is there at all; repeatable
    #[arg(long, env = "GATEWAY_HEADER", value_name = "NAME[: VALUE]", value_parser = header)]
    header: Vec<pb::Condition>,
    /// Query parameter that has this value, or is there at all; repeatable
    #[arg(long, env = "GATEWAY_QUERY", value_name = "NAME[=VALUE]", value_parser = query)]
    query: Vec<pb::Condition>,
    /// Before what is more specific (above 0), or behind what is less; -1000 to 1000
    #[arg(long, env = "GATEWAY_PRIORITY", value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1000..=1000))]
    pub(super) priority: i32,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Path {
    /// This path
    #[arg(long, env = "GATEWAY_PATH", value_name = "PATH")]
    path: Option<String>,
    /// This path and all below it, by whole segments
    #[arg(long, env = "GATEWAY_PATH_PREFIX", value_name = "PATH")]
    path_prefix: Option<String>,
    /// Path in which {name} stands for one segment, such as /users/{id}/orders
    #[arg(long, env = "GATEWAY_PATH_TEMPLATE", value_name = "PATH")]
    path_template: Option<String>,
    /// Regular expression that is found in the path
    #[arg(long, env = "GATEWAY_PATH_REGEX", value_name = "REGEX")]
    path_regex: Option<String>,
}

impl Matching {
    /// Nothing where all requests are meant.
    pub(super) fn to_wire(&self) -> Option<pb::RouteMatch> {
        let Self { path, method, header, query, priority: _ } = self;
        let matched = pb::RouteMatch {
            path: path.to_wire(),
            methods: method.clone(),
            headers: header.clone(),
            query: query.clone(),
        };
        Some(matched).filter(|matched| *matched != pb::RouteMatch::default())
    }
}

impl Path {
    fn to_wire(&self) -> Option<pb::PathMatch> {
        let Self { path, path_prefix, path_template, path_regex } = self;
        let kinds = [
            path.clone().map(Kind::Exact),
            path_prefix.clone().map(Kind::Prefix),
            path_template.clone().map(Kind::Template),
            path_regex.clone().map(Kind::Regex),
        ];
        kinds.into_iter().flatten().next().map(|kind| pb::PathMatch { kind: Some(kind) })
    }
}

/// Reads `Name: value` or `Name`.
fn header(text: &str) -> Result<pb::Condition, String> {
    let Some((name, value)) = text.split_once(':') else { return condition(text.trim(), Test::Present(true)) };
    match value.trim() {
        "" => Err("there is no value; write 'Name: value', or 'Name' for any value".into()),
        value => condition(name.trim(), Test::Exact(value.to_owned())),
    }
}

/// Reads `name=value` or `name`.
fn query(text: &str) -> Result<pb::Condition, String> {
    match text.split_once('=') {
        Some((name, value)) => condition(name, Test::Exact(value.to_owned())),
        None => condition(text, Test::Present(true)),
    }
}

fn condition(name: &str, test: Test) -> Result<pb::Condition, String> {
    if name.is_empty() {
        return Err("there is no name".into());
    }
    Ok(pb::Condition { name: name.to_owned(), test: Some(test) })
}
