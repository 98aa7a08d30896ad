//! What becomes of a request, to the wire.

use gateway_proto::registry::v1 as pb;

use crate::route::{Forward, Mirror, PathRewrite, Piece, Redirect, Respond, Scheme, Sticky, WeightedService};

pub(super) fn forward(forward: &Forward) -> pb::Forward {
    let Forward { services, sticky: key, mirror: shadow, path, host } = forward;
    let service = |WeightedService { name, weight }: &WeightedService| pb::WeightedService {
        name: name.to_string(),
        weight: Some(*weight),
    };
    let path_rewrite = path.as_ref().map(|path| match path {
        PathRewrite::Prefix(prefix) => pb::rewrite::PathRewrite::Prefix(self::prefix(prefix)),
        PathRewrite::Whole(pieces) => pb::rewrite::PathRewrite::Path(whole(pieces)),
    });
    let changes_target = path_rewrite.is_some() || host.is_some();
    let host = host.as_deref().unwrap_or_default().to_owned();
    pb::Forward {
        services: services.iter().map(service).collect(),
        sticky: key.as_ref().map(sticky),
        mirror: shadow.as_ref().map(mirror),
        rewrite: changes_target.then_some(pb::Rewrite { host, path_rewrite }),
    }
}

fn sticky(sticky: &Sticky) -> pb::Sticky {
    use pb::sticky::Key;
    let key = match sticky {
        Sticky::Header(name) => Key::Header(name.to_string()),
        Sticky::Cookie(name) => Key::Cookie(name.to_string()),
        Sticky::ClientAddress => Key::ClientAddress(true),
    };
    pb::Sticky { key: Some(key) }
}

fn mirror(mirror: &Mirror) -> pb::Mirror {
    let Mirror { service, per_mille } = mirror;
    pb::Mirror { service: service.to_string(), per_mille: Some(*per_mille) }
}

fn prefix(prefix: &str) -> String {
    if prefix.is_empty() { "/".to_owned() } else { prefix.to_owned() }
}

fn whole(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Literal(text) => text.to_string(),
        Piece::Parameter(name) => format!("{{{name}}}"),
    };
    pieces.iter().map(text).collect()
}

pub(super) fn redirect(redirect: &Redirect) -> pb::Redirect {
    let Redirect { status, scheme, host, port, path, strip_query } = redirect;
    let scheme = scheme.map(|scheme| match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    });
    pb::Redirect {
        status: u32::from(status.as_u16()),
        scheme: scheme.unwrap_or_default().to_owned(),
        host: host.as_deref().unwrap_or_default().to_owned(),
        port: port.map(u32::from).unwrap_or_default(),
        path_rewrite: path.as_ref().map(|path| match path {
            PathRewrite::Prefix(prefix) => pb::redirect::PathRewrite::Prefix(self::prefix(prefix)),
            PathRewrite::Whole(pieces) => pb::redirect::PathRewrite::Path(whole(pieces)),
        }),
        strip_query: *strip_query,
    }
}

pub(super) fn respond(respond: &Respond) -> pb::Respond {
    let Respond { status, body, content_type } = respond;
    pb::Respond { status: u32::from(status.as_u16()), body: body.to_string(), content_type: content_type.to_string() }
}
