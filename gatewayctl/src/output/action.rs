//! What a route does with a request, as it is printed: named as in the declarative file.

use gateway_proto::registry::v1::{self as pb, redirect, rewrite, route, sticky::Key};
use serde::Serialize;

/// All there is of a share, in per mille.
const WHOLE: u32 = 1000;
/// The status of a redirect that names none.
const REDIRECT_STATUS: u32 = 308;
/// The media type of an answer that names none.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It goes to a service.
    Forward(Forward),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The gateway answers by itself.
    Respond(Respond),
}

/// To one of several services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forward {
    /// Which, and how much each gets.
    pub services: Vec<WeightedService>,
    /// What keeps a client with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Which service gets a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// Changes of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
}

/// A service and its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightedService {
    /// The service's name.
    pub name: String,
    /// In per mille.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// What a client is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// A header field of this name.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
    /// The address it comes from.
    ClientAddress(bool),
}

/// A shadow of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mirror {
    /// Which service gets the copies.
    pub service: String,
    /// Of how many requests, in per mille.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u32>,
}

/// Changes of a request's target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// The path.
    #[serde(flatten)]
    pub path: Option<PathRewrite>,
    /// The Host field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What takes the place of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathRewrite {
    /// In place of the prefix that the route matches.
    Prefix(String),
    /// In place of the whole path.
    Path(String),
}

/// An answer that sends the client elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u32>,
    /// `http` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Without port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// 1 to 65535.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// The path.
    #[serde(flatten)]
    pub path: Option<PathRewrite>,
    /// Whether the query is left out; left away where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_query: Option<bool>,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Respond {
    /// 200 to 599.
    pub status: u32,
    /// What is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The media type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

impl Action {
    /// As it is stored, every default filled in.
    pub(super) fn full(wire: &route::Action) -> Self {
        match wire {
            route::Action::Forward(forward) => Self::Forward(Forward::full(forward)),
            route::Action::Redirect(redirect) => Self::Redirect(Redirect::full(redirect)),
            route::Action::Respond(respond) => Self::Respond(Respond::full(respond)),
        }
    }

    /// Without the defaults that route.proto promises.
    pub(super) fn without_defaults(self) -> Self {
        match self {
            Self::Forward(forward) => Self::Forward(forward.without_defaults()),
            Self::Redirect(redirect) => Self::Redirect(Redirect {
                status: redirect.status.filter(|status| *status != REDIRECT_STATUS),
                ..redirect
            }),
            Self::Respond(respond) => Self::Respond(Respond {
                body: respond.body.filter(|body| !body.is_empty()),
                content_type: respond.content_type.filter(|kind| kind != CONTENT_TYPE),
                ..respond
            }),
        }
    }
}

impl Forward {
    fn full(wire: &pb::Forward) -> Self {
        let pb::Forward { services, sticky, mirror, rewrite } = wire;
        let alone = Some(WHOLE).filter(|_| services.len() == 1);
        let service = |pb::WeightedService { name, weight }: &pb::WeightedService| WeightedService {
            name: name.clone(),
            weight: weight.or(alone),
        };
        Self {
            services: services.iter().map(service).collect(),
            sticky: sticky.as_ref().and_then(|sticky| sticky.key.as_ref()).map(Sticky::from),
            mirror: mirror.as_ref().map(|pb::Mirror { service, per_mille }| Mirror {
                service: service.clone(),
                per_mille: Some(per_mille.unwrap_or(WHOLE)),
            }),
            rewrite: rewrite.as_ref().map(Rewrite::full),
        }
    }

    fn without_defaults(mut self) -> Self {
        if let [only] = &mut *self.services {
            only.weight = only.weight.filter(|weight| *weight != WHOLE);
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.per_mille = mirror.per_mille.filter(|share| *share != WHOLE);
        }
        self
    }
}

impl From<&Key> for Sticky {
    fn from(wire: &Key) -> Self {
        match wire {
            Key::Header(name) => Self::Header(name.clone()),
            Key::Cookie(name) => Self::Cookie(name.clone()),
            Key::ClientAddress(by) => Self::ClientAddress(*by),
        }
    }
}

impl Rewrite {
    fn full(wire: &pb::Rewrite) -> Self {
        let pb::Rewrite { path_rewrite, host } = wire;
        let path = path_rewrite.as_ref().map(|path| match path {
            rewrite::PathRewrite::Prefix(path) => PathRewrite::Prefix(path.clone()),
            rewrite::PathRewrite::Path(path) => PathRewrite::Path(path.clone()),
        });
        Self { path, host: given(host) }
    }
}

impl Redirect {
    fn full(wire: &pb::Redirect) -> Self {
        let pb::Redirect { status, scheme, host, port, path_rewrite, strip_query } = wire;
        let path = path_rewrite.as_ref().map(|path| match path {
            redirect::PathRewrite::Prefix(path) => PathRewrite::Prefix(path.clone()),
            redirect::PathRewrite::Path(path) => PathRewrite::Path(path.clone()),
        });
        Self {
            status: Some(if *status == 0 { REDIRECT_STATUS } else { *status }),
            scheme: given(scheme),
            host: given(host),
            port: Some(*port).filter(|port| *port > 0),
            path,
            strip_query: Some(*strip_query).filter(|strip| *strip),
        }
    }
}

impl Respond {
    fn full(wire: &pb::Respond) -> Self {
        let pb::Respond { status, body, content_type } = wire;
        let content_type = given(content_type).unwrap_or_else(|| CONTENT_TYPE.to_owned());
        Self { status: *status, body: Some(body.clone()), content_type: Some(content_type) }
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
