//! What becomes of a request, as `/config` shows it.

use gateway_routing::route::{
    Action, Forward, Mirror, PathRewrite, Piece, Redirect, Respond, Scheme, Sticky, WeightedService,
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActionView<'t> {
    Forward(ForwardView<'t>),
    Redirect(RedirectView<'t>),
    Respond(RespondView<'t>),
}

#[derive(Serialize)]
pub(super) struct ForwardView<'t> {
    services: Vec<WeightedView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<StickyView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<MirrorView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewrite: Option<RewriteView<'t>>,
}

#[derive(Serialize)]
struct WeightedView<'t> {
    name: &'t str,
    weight: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum StickyView<'t> {
    Header(&'t str),
    Cookie(&'t str),
    ClientAddress(bool),
}

#[derive(Serialize)]
struct MirrorView<'t> {
    service: &'t str,
    per_mille: u32,
}

#[derive(Serialize)]
struct RewriteView<'t> {
    #[serde(flatten)]
    path: Option<PathView<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'t str>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PathView<'t> {
    Prefix(&'t str),
    Path(String),
}

#[derive(Serialize)]
pub(super) struct RedirectView<'t> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(flatten)]
    path: Option<PathView<'t>>,
    strip_query: bool,
}

/// The body is long, and anybody can ask for it.
#[derive(Serialize)]
pub(super) struct RespondView<'t> {
    status: u16,
    body_bytes: usize,
    content_type: &'t str,
}

impl<'t> From<&'t Action> for ActionView<'t> {
    fn from(action: &'t Action) -> Self {
        match action {
            Action::Forward(forward) => Self::Forward(forward.into()),
            Action::Redirect(redirect) => Self::Redirect(redirect.into()),
            Action::Respond(Respond { status, body, content_type }) => {
                Self::Respond(RespondView { status: status.as_u16(), body_bytes: body.len(), content_type })
            }
        }
    }
}

impl<'t> From<&'t Forward> for ForwardView<'t> {
    fn from(Forward { services, sticky, mirror, path, host }: &'t Forward) -> Self {
        let weighted = |WeightedService { name, weight }: &'t WeightedService| WeightedView { name, weight: *weight };
        let (path, host) = (path.as_ref().map(rewritten), host.as_deref());
        Self {
            services: services.iter().map(weighted).collect(),
            sticky: sticky.as_ref().map(|sticky| match sticky {
                Sticky::Header(name) => StickyView::Header(name),
                Sticky::Cookie(name) => StickyView::Cookie(name),
                Sticky::ClientAddress => StickyView::ClientAddress(true),
            }),
            mirror: mirror.as_ref().map(|Mirror { service, per_mille }| MirrorView { service, per_mille: *per_mille }),
            rewrite: (path.is_some() || host.is_some()).then_some(RewriteView { path, host }),
        }
    }
}

impl<'t> From<&'t Redirect> for RedirectView<'t> {
    fn from(Redirect { status, scheme, host, port, path, strip_query }: &'t Redirect) -> Self {
        Self {
            status: status.as_u16(),
            scheme: scheme.map(|scheme| match scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            }),
            host: host.as_deref(),
            port: *port,
            path: path.as_ref().map(rewritten),
            strip_query: *strip_query,
        }
    }
}

fn rewritten(path: &PathRewrite) -> PathView<'_> {
    let text = |piece: &Piece| match piece {
        Piece::Literal(text) => text.to_string(),
        Piece::Parameter(name) => format!("{{{name}}}"),
    };
    match path {
        PathRewrite::Prefix(prefix) if prefix.is_empty() => PathView::Prefix("/"),
        PathRewrite::Prefix(prefix) => PathView::Prefix(prefix),
        PathRewrite::Whole(pieces) => PathView::Path(pieces.iter().map(text).collect()),
    }
}
