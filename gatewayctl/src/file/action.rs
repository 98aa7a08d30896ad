//! A route's part of the declarative file: what becomes of a request.

use std::ops::RangeInclusive;

use gateway_proto::registry::v1::{self as pb, redirect, rewrite, sticky::Key};

use super::at::At;

/// The fields of forwarding.
pub(super) const FORWARD: [&str; 4] = ["services", "sticky", "mirror", "rewrite"];
/// The fields of a service and its share.
pub(super) const WEIGHTED_SERVICE: [&str; 2] = ["name", "weight"];
/// The fields of what a client is recognised by.
pub(super) const STICKY: [&str; 3] = ["header", "cookie", "client_address"];
/// The fields of a mirror.
pub(super) const MIRROR: [&str; 2] = ["service", "per_mille"];
/// The fields of a rewrite.
pub(super) const REWRITE: [&str; 3] = ["prefix", "path", "host"];
/// The fields of a redirect.
pub(super) const REDIRECT: [&str; 7] = ["status", "scheme", "host", "port", "prefix", "path", "strip_query"];
/// The fields of an answer.
pub(super) const RESPOND: [&str; 3] = ["status", "body", "content_type"];
/// The shares there are, in per mille.
pub(super) const SHARE: RangeInclusive<u32> = 0..=1000;
/// The shares that a mirror can have, in per mille.
pub(super) const MIRRORED: RangeInclusive<u32> = 1..=1000;
/// Between which the statuses of redirects are.
pub(super) const REDIRECT_STATUS: RangeInclusive<u32> = 301..=308;
/// The ports there are.
pub(super) const PORT: RangeInclusive<u32> = 1..=65535;
/// The statuses that an answer can have.
pub(super) const RESPOND_STATUS: RangeInclusive<u32> = 200..=599;

pub(super) fn forward(at: &mut At<'_>) -> Option<pb::Forward> {
    at.has_fields(&FORWARD).then(|| {
        at.needs("services");
        pb::Forward {
            services: at.field("services", |at| at.items(weighted_service)).unwrap_or_default(),
            sticky: at.field("sticky", sticky),
            mirror: at.field("mirror", mirror),
            rewrite: at.field("rewrite", rewrite),
        }
    })
}

fn weighted_service(at: &mut At<'_>) -> pb::WeightedService {
    if !at.has_fields(&WEIGHTED_SERVICE) {
        return pb::WeightedService::default();
    }
    at.needs("name");
    pb::WeightedService {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        weight: at.field("weight", |at| at.number(SHARE)),
    }
}

fn sticky(at: &mut At<'_>) -> Option<pb::Sticky> {
    at.has_fields(&STICKY).then(|| pb::Sticky {
        key: at.one_of([
            ("header", |at| at.text().map(Key::Header)),
            ("cookie", |at| at.text().map(Key::Cookie)),
            ("client_address", |at| at.only_true("leave sticky away if it is not").map(|()| Key::ClientAddress(true))),
        ]),
    })
}

fn mirror(at: &mut At<'_>) -> Option<pb::Mirror> {
    at.has_fields(&MIRROR).then(|| {
        at.needs("service");
        pb::Mirror {
            service: at.field("service", |at| at.filled_text()).unwrap_or_default(),
            per_mille: at.field("per_mille", |at| at.number(MIRRORED)),
        }
    })
}

fn rewrite(at: &mut At<'_>) -> Option<pb::Rewrite> {
    at.has_fields(&REWRITE).then(|| pb::Rewrite {
        path_rewrite: at.choice([
            ("prefix", |at| at.text().map(rewrite::PathRewrite::Prefix)),
            ("path", |at| at.text().map(rewrite::PathRewrite::Path)),
        ]),
        host: at.field("host", |at| at.filled_text()).unwrap_or_default(),
    })
}

pub(super) fn redirect(at: &mut At<'_>) -> Option<pb::Redirect> {
    at.has_fields(&REDIRECT).then(|| pb::Redirect {
        status: at.field("status", |at| at.number(REDIRECT_STATUS)).unwrap_or_default(),
        scheme: at.field("scheme", |at| at.filled_text()).unwrap_or_default(),
        host: at.field("host", |at| at.filled_text()).unwrap_or_default(),
        port: at.field("port", |at| at.number(PORT)).unwrap_or_default(),
        path_rewrite: at.choice([
            ("prefix", |at| at.text().map(redirect::PathRewrite::Prefix)),
            ("path", |at| at.text().map(redirect::PathRewrite::Path)),
        ]),
        strip_query: at.field("strip_query", |at| at.truth()).unwrap_or_default(),
    })
}

pub(super) fn respond(at: &mut At<'_>) -> Option<pb::Respond> {
    at.has_fields(&RESPOND).then(|| {
        at.needs("status");
        pb::Respond {
            status: at.field("status", |at| at.number(RESPOND_STATUS)).unwrap_or_default(),
            body: at.field("body", |at| at.text()).unwrap_or_default(),
            content_type: at.field("content_type", |at| at.filled_text()).unwrap_or_default(),
        }
    })
}
