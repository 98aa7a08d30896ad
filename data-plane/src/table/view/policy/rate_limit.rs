//! How often anyone may call, as `/config` shows it.

use gateway_proto::size::format_size;
use gateway_routing::route::{Exemption, KeyPart, Quota, RateLimit, Scope};
use serde::Serialize;

use super::super::{condition::ConditionView, service::text};

#[derive(Serialize)]
pub(super) struct RateLimitView<'t> {
    name: &'t str,
    #[serde(flatten)]
    quota: QuotaView,
    key: Vec<KeyPartView<'t>>,
    scope: &'static str,
    exempt: ExemptionView<'t>,
    shadow: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum QuotaView {
    Requests { requests: u64, per: String, burst: u64 },
    Bytes { bytes: String, per: String, burst: String },
    Concurrent { concurrent: u32 },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyPartView<'t> {
    ClientAddress { ipv4_prefix: u8, ipv6_prefix: u8 },
    Route,
    Service,
    Header(&'t str),
    Cookie(&'t str),
    Consumer,
    Claim(&'t str),
}

#[derive(Serialize)]
struct ExemptionView<'t> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client_networks: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<ConditionView<'t>>,
}

impl<'t> From<&'t RateLimit> for RateLimitView<'t> {
    fn from(RateLimit { name, quota, key, scope, exempt, shadow }: &'t RateLimit) -> Self {
        Self {
            name,
            quota: (*quota).into(),
            key: key.iter().map(Into::into).collect(),
            scope: match scope {
                Scope::Node => "node",
                Scope::Cluster => "cluster",
            },
            exempt: exempt.into(),
            shadow: *shadow,
        }
    }
}

impl From<Quota> for QuotaView {
    fn from(quota: Quota) -> Self {
        match quota {
            Quota::Requests { count, per, burst } => Self::Requests { requests: count, per: text(per), burst },
            Quota::Bytes { count, per, burst } => {
                Self::Bytes { bytes: format_size(count), per: text(per), burst: format_size(burst) }
            }
            Quota::Concurrent(concurrent) => Self::Concurrent { concurrent },
        }
    }
}

impl<'t> From<&'t KeyPart> for KeyPartView<'t> {
    fn from(part: &'t KeyPart) -> Self {
        match part {
            KeyPart::ClientAddress { ipv4_prefix, ipv6_prefix } => {
                Self::ClientAddress { ipv4_prefix: *ipv4_prefix, ipv6_prefix: *ipv6_prefix }
            }
            KeyPart::Route => Self::Route,
            KeyPart::Service => Self::Service,
            KeyPart::Header(name) => Self::Header(name),
            KeyPart::Cookie(name) => Self::Cookie(name),
            KeyPart::Consumer => Self::Consumer,
            KeyPart::Claim(name) => Self::Claim(name),
        }
    }
}

impl<'t> From<&'t Exemption> for ExemptionView<'t> {
    fn from(Exemption { client_networks, headers }: &'t Exemption) -> Self {
        Self {
            client_networks: client_networks.iter().map(ToString::to_string).collect(),
            headers: headers.iter().map(Into::into).collect(),
        }
    }
}
