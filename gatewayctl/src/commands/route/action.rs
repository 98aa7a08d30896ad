//! The flags that say what a route does with its requests.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1::{self as pb, redirect, rewrite, route, sticky::Key};

use super::target;
use crate::exit::{Exit, Failure};

/// What becomes of a request: one of three things.
#[derive(Debug, Args)]
pub(super) struct Action {
    #[command(flatten)]
    forward: Forward,
    #[command(flatten)]
    redirect: Redirect,
    #[command(flatten)]
    respond: Respond,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Forward it")]
struct Forward {
    /// Service it goes to; of several, each has its share, in per mille or with %, together 1000; repeatable
    #[arg(long, env = "GATEWAY_SERVICE", value_name = "NAME[=SHARE]", value_delimiter = ',', value_parser = target::service)]
    service: Vec<pb::WeightedService>,
    /// Keep a client with its service: by header:NAME, cookie:NAME or client-address
    #[arg(long, env = "GATEWAY_STICKY", value_name = "BY", value_parser = target::sticky)]
    sticky: Option<Key>,
    /// Service that gets a copy, of a share of the requests; its answers are dropped
    #[arg(long, env = "GATEWAY_MIRROR", value_name = "NAME[=SHARE]", value_parser = target::mirror)]
    mirror: Option<pb::Mirror>,
    /// Path in place of the one that --path-prefix or --path names; what follows stays
    #[arg(long, env = "GATEWAY_REWRITE_PREFIX", value_name = "PATH", conflicts_with = "rewrite_path")]
    rewrite_prefix: Option<String>,
    /// Path in place of the whole one; may hold the {name}s of --path-template
    #[arg(long, env = "GATEWAY_REWRITE_PATH", value_name = "PATH")]
    rewrite_path: Option<String>,
    /// Host field in place of the client's
    #[arg(long, env = "GATEWAY_REWRITE_HOST", value_name = "HOST")]
    rewrite_host: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Or send the client elsewhere")]
struct Redirect {
    /// URL, or what changes of it, such as https://, //new.example.com or /new/{id}; the rest stays the client's
    #[arg(long, env = "GATEWAY_REDIRECT", value_name = "URL", value_parser = target::redirect)]
    redirect: Option<pb::Redirect>,
    /// Path in place of the one that --path-prefix or --path names; what follows stays
    #[arg(long, env = "GATEWAY_REDIRECT_PREFIX", value_name = "PATH")]
    redirect_prefix: Option<String>,
    /// Status: 301, 302, 303, 307 or 308 [default: 308]
    #[arg(long, env = "GATEWAY_REDIRECT_STATUS", value_name = "STATUS", value_parser = clap::value_parser!(u32).range(301..=308))]
    redirect_status: Option<u32>,
    /// Leave out the client's query
    #[arg(long, env = "GATEWAY_STRIP_QUERY", value_parser = BoolishValueParser::new())]
    strip_query: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Or answer it")]
struct Respond {
    /// Status to answer with, 200 to 599
    #[arg(long, env = "GATEWAY_RESPOND", value_name = "STATUS", value_parser = clap::value_parser!(u32).range(200..=599))]
    respond: Option<u32>,
    /// Text to answer with, at most 64KiB
    #[arg(long, env = "GATEWAY_BODY", value_name = "TEXT")]
    body: Option<String>,
    /// Media type of the text [default: text/plain; charset=utf-8]
    #[arg(long, env = "GATEWAY_CONTENT_TYPE", value_name = "TYPE")]
    content_type: Option<String>,
}

impl Action {
    /// The one action that the flags come to.
    ///
    /// # Errors
    /// Flags of none or of several actions, or not enough of them.
    pub(super) fn to_wire(&self) -> Result<route::Action, Failure> {
        let Self { forward, redirect, respond } = self;
        match (forward.given(), redirect.given(), respond.given()) {
            (Some(_), None, None) => forward.to_wire().map(route::Action::Forward),
            (None, Some(_), None) => redirect.to_wire().map(route::Action::Redirect),
            (None, None, Some(_)) => respond.to_wire().map(route::Action::Respond),
            (None, None, None) => Err(needs("a route", "something to do: --service, --redirect or --respond")),
            (Some(one), Some(other), _) | (Some(one), None, Some(other)) | (None, Some(one), Some(other)) => {
                Err(Failure::exclusive(one, other))
            }
        }
    }
}

impl Forward {
    /// The first of its flags that is given.
    fn given(&self) -> Option<&'static str> {
        let Self { service, sticky, mirror, rewrite_prefix, rewrite_path, rewrite_host } = self;
        first([
            ("--service", !service.is_empty()),
            ("--sticky", sticky.is_some()),
            ("--mirror", mirror.is_some()),
            ("--rewrite-prefix", rewrite_prefix.is_some()),
            ("--rewrite-path", rewrite_path.is_some()),
            ("--rewrite-host", rewrite_host.is_some()),
        ])
    }

    fn to_wire(&self) -> Result<pb::Forward, Failure> {
        let Self { service, sticky, mirror, rewrite_prefix, rewrite_path, rewrite_host } = self;
        if service.is_empty() {
            return Err(needs(self.given().unwrap_or_default(), "--service, where requests go"));
        }
        let prefix = rewrite_prefix.clone().map(rewrite::PathRewrite::Prefix);
        let path = rewrite_path.clone().map(rewrite::PathRewrite::Path);
        let rewrite = pb::Rewrite { path_rewrite: prefix.or(path), host: rewrite_host.clone().unwrap_or_default() };
        Ok(pb::Forward {
            services: service.clone(),
            sticky: sticky.clone().map(|key| pb::Sticky { key: Some(key) }),
            mirror: mirror.clone(),
            rewrite: Some(rewrite).filter(|rewrite| *rewrite != pb::Rewrite::default()),
        })
    }
}

impl Redirect {
    fn given(&self) -> Option<&'static str> {
        let Self { redirect, redirect_prefix, redirect_status, strip_query } = self;
        first([
            ("--redirect", redirect.is_some()),
            ("--redirect-prefix", redirect_prefix.is_some()),
            ("--redirect-status", redirect_status.is_some()),
            ("--strip-query", *strip_query),
        ])
    }

    fn to_wire(&self) -> Result<pb::Redirect, Failure> {
        let Self { redirect, redirect_prefix, redirect_status, strip_query } = self;
        let mut to = match (redirect, redirect_prefix) {
            (Some(redirect), _) => redirect.clone(),
            (None, Some(_)) => pb::Redirect::default(),
            (None, None) => {
                return Err(needs(
                    self.given().unwrap_or_default(),
                    "--redirect or --redirect-prefix, where clients go",
                ));
            }
        };
        if let Some(prefix) = redirect_prefix {
            if to.path_rewrite.is_some() {
                return Err(Failure::exclusive("--redirect-prefix", "a path in --redirect"));
            }
            to.path_rewrite = Some(redirect::PathRewrite::Prefix(prefix.clone()));
        }
        Ok(pb::Redirect { status: redirect_status.unwrap_or_default(), strip_query: *strip_query, ..to })
    }
}

impl Respond {
    fn given(&self) -> Option<&'static str> {
        let Self { respond, body, content_type } = self;
        first([
            ("--respond", respond.is_some()),
            ("--body", body.is_some()),
            ("--content-type", content_type.is_some()),
        ])
    }

    fn to_wire(&self) -> Result<pb::Respond, Failure> {
        let Self { respond, body, content_type } = self;
        let Some(status) = *respond else {
            return Err(needs(self.given().unwrap_or_default(), "--respond, the status"));
        };
        let (body, content_type) = (body.clone().unwrap_or_default(), content_type.clone().unwrap_or_default());
        Ok(pb::Respond { status, body, content_type })
    }
}

fn first<const FLAGS: usize>(flags: [(&'static str, bool); FLAGS]) -> Option<&'static str> {
    flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
}

fn needs(what: &str, of: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{what} needs {of}"))
}
