//! What a snapshot is made of: routes, consumers, purges, and services with what is known of their addresses.

use std::{collections::BTreeMap, fmt, net::SocketAddr, sync::Arc, time::Duration};

use gateway_proto::{discovery::v1 as pb, registry::v1::CachePurge};
use gateway_routing::route::wire;
use prost::Message;

use super::digest::{bucket_of, digest_of};
use crate::{
    health::{Health, HealthView, of_endpoint},
    registry::{
        consumer::wire_limits as wire_rate_limits,
        model::{
            Consumer, ConsumerName, Endpoint, EndpointAddress, KeptKey, Limits, Purge, Revision, Route, RouteName,
            Service, ServiceName, Timeouts,
        },
    },
    time::timestamp,
};

/// Kind and name of a resource, such as `services/mail`; cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Arc<str>);

impl ResourceName {
    /// The name of a service's resource.
    #[must_use]
    pub fn of_service(service: &ServiceName) -> Self {
        Self(format!("services/{service}").into())
    }

    /// The name of a route's resource.
    #[must_use]
    pub fn of_route(route: &RouteName) -> Self {
        Self(format!("routes/{route}").into())
    }

    /// The name of a consumer's resource.
    #[must_use]
    pub fn of_consumer(consumer: &ConsumerName) -> Self {
        Self(format!("consumers/{consumer}").into())
    }

    /// The name of a purge's resource.
    #[must_use]
    pub fn of_purge(revision: Revision) -> Self {
        Self(format!("purges/{revision}").into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One named piece of a snapshot, as it is sent.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its name.
    pub name: ResourceName,
    /// A hash of name and content, the same in every run.
    pub digest: u64,
    /// The bucket that its name falls into.
    pub bucket: u16,
    /// Its size in a message, in bytes.
    pub encoded_len: usize,
    /// What is sent.
    pub wire: pb::Resource,
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.wire == other.wire
    }
}

impl Resource {
    /// A resource of this name and content.
    #[must_use]
    pub fn new(name: ResourceName, body: pb::resource::Body) -> Self {
        let mut wire = pb::Resource { name: name.as_str().to_owned(), digest: 0, body: Some(body) };
        // Field by field in the order of their tags, without maps: equal contents are equal bytes.
        let digest = digest_of(&wire.encode_to_vec());
        wire.digest = digest;
        Self { bucket: bucket_of(name.as_str()), encoded_len: wire.encoded_len(), name, digest, wire }
    }
}

/// The resource of a service, and how many of its addresses or names have no verdict yet.
///
/// The view may lag behind the desired state or be ahead of it: what it does not hold counts as
/// not healthy, and what is not desired does not count.
#[must_use]
pub fn of_service(service: &Service, health: &HealthView) -> (Resource, u32) {
    let Service { name, hosts, endpoints, timeouts, limits, policies, .. } = service;
    let mut pending = 0;
    // Two names may stand for one address: it is sent once, with the larger of their weights.
    let mut addresses: BTreeMap<SocketAddr, (u32, bool)> = BTreeMap::new();
    for Endpoint { address: endpoint, weight } in endpoints {
        let mut add = |address, healthy| {
            let entry = addresses.entry(address).or_insert((*weight, false));
            *entry = (entry.0.max(*weight), entry.1 || healthy);
        };
        let mut known = of_endpoint(health, name, endpoint).peekable();
        if known.peek().is_none() {
            pending += 1;
            if let EndpointAddress::Socket(address) = endpoint {
                add(*address, false);
            }
        }
        for (key, entry) in known {
            pending += u32::from(entry.health == Health::Pending);
            if let Some(address) = key.address {
                add(address, entry.health == Health::Healthy);
            }
        }
    }
    let endpoints = addresses.into_iter().map(|(address, (weight, healthy))| pb::Endpoint {
        address: address.to_string(),
        weight,
        healthy,
    });
    let body = pb::resource::Body::Service(pb::Service {
        name: name.as_str().to_owned(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        endpoints: endpoints.collect(),
        timeouts: Some(wire_timeouts(*timeouts)),
        limits: wire_limits(*limits),
        policies: wire::policies(policies),
    });
    (Resource::new(ResourceName::of_service(name), body), pending)
}

/// The resource of a route: what data planes serve of it, in canonical form.
#[must_use]
pub fn of_route(route: &Route) -> Resource {
    let body = pb::resource::Body::Route(wire::route(&route.route));
    Resource::new(ResourceName::of_route(&route.name()), body)
}

/// The resource of a consumer, with all his keys: when one ends, data planes see for themselves, and
/// nothing has to be sent.
#[must_use]
pub fn of_consumer(consumer: &Consumer) -> Resource {
    let Consumer { name, title: _, groups, rate_limits, keys, password, revision: _, created_at: _, updated_at: _ } =
        consumer;
    let key = |KeptKey { id, sha256, created_at: _, expires_at }: &KeptKey| pb::ApiKey {
        id: id.to_string(),
        sha256: sha256.to_vec(),
        expires_at: expires_at.map(timestamp),
    };
    let body = pb::resource::Body::Consumer(pb::Consumer {
        name: name.to_string(),
        groups: groups.clone(),
        rate_limits: wire_rate_limits(rate_limits),
        keys: keys.iter().map(key).collect(),
        password_hash: password.as_ref().map(|hash| hash.reveal().to_owned()).unwrap_or_default(),
    });
    Resource::new(ResourceName::of_consumer(name), body)
}

/// The resource of a purge.
#[must_use]
pub fn of_purge(purge: &Purge) -> Resource {
    let wire = CachePurge { created_at: None, ..purge.into() };
    let body = pb::resource::Body::Purge(pb::Purge { purge: Some(wire), floor: purge.floor.0 });
    Resource::new(ResourceName::of_purge(purge.revision), body)
}

fn wire_timeouts(timeouts: Timeouts) -> pb::Timeouts {
    let Timeouts { connect, response, idle, total } = timeouts;
    pb::Timeouts {
        connect: Some(wire_duration(connect)),
        response: Some(wire_duration(response)),
        idle: Some(wire_duration(idle)),
        total: total.map(wire_duration),
    }
}

/// Nothing where there is no limit, so that such a service has the digest that it always had.
fn wire_limits(limits: Limits) -> Option<pb::Limits> {
    let Limits { request_body } = limits;
    request_body.map(|bytes| pb::Limits { request_body: Some(bytes) })
}

fn wire_duration(duration: Duration) -> prost_types::Duration {
    // The registry admits a day at the most.
    prost_types::Duration { seconds: duration.as_secs() as i64, nanos: duration.subsec_nanos() as i32 }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use gateway_proto::{
        discovery::v1 as pb,
        registry::v1::{AmbiguousPaths, cache_purge},
        violation::{Path, Violations},
    };
    use jiff::Timestamp;

    use super::{Resource, of_consumer, of_purge, of_route, of_service};
    use crate::{
        health::{Health, HealthView},
        registry::{
            model::{Consumer, Endpoint, Purge, Revision, Route, Service},
            purge::Target,
            sample,
        },
        snapshot::sample::heard,
    };

    fn endpoints(resource: &Resource) -> Vec<(String, u32, bool)> {
        let Some(pb::resource::Body::Service(service)) = &resource.wire.body else { panic!("a service") };
        service.endpoints.iter().map(|e| (e.address.clone(), e.weight, e.healthy)).collect()
    }

    fn service(addresses: &[(&str, u32)]) -> Service {
        let endpoints =
            addresses.iter().map(|(address, weight)| Endpoint { weight: *weight, ..sample::endpoint(address) });
        Service { endpoints: endpoints.collect(), ..sample::service("mail", &["mail.test"]) }
    }

    #[test]
    fn an_address_is_healthy_only_where_the_view_says_so() {
        let service = service(&[("10.0.0.2:80", 1), ("10.0.0.1:80", 7), ("10.0.0.3:80", 1)]);
        let mut view = HealthView::new();
        heard(&mut view, "mail", "10.0.0.1:80", Some("10.0.0.1:80"), Health::Healthy);
        heard(&mut view, "mail", "10.0.0.3:80", Some("10.0.0.3:80"), Health::Unhealthy);
        // What is not desired any more, and another service's.
        heard(&mut view, "mail", "10.0.0.9:80", Some("10.0.0.9:80"), Health::Healthy);
        heard(&mut view, "mail2", "10.0.0.2:80", Some("10.0.0.2:80"), Health::Healthy);
        let (resource, pending) = of_service(&service, &view);
        let expected =
            [("10.0.0.1:80".into(), 7, true), ("10.0.0.2:80".into(), 1, false), ("10.0.0.3:80".into(), 1, false)];
        assert_eq!(endpoints(&resource), expected);
        assert_eq!(pending, 1);
    }

    #[test]
    fn names_stand_for_their_addresses_and_an_address_is_sent_once() {
        let service = service(&[("a.test:80", 2), ("b.test:80", 5), ("c.test:80", 1)]);
        let mut view = HealthView::new();
        heard(&mut view, "mail", "a.test:80", Some("[2001:db8::1]:80"), Health::Healthy);
        heard(&mut view, "mail", "a.test:80", Some("10.0.0.1:80"), Health::Pending);
        heard(&mut view, "mail", "b.test:80", Some("[2001:db8::1]:80"), Health::Unhealthy);
        heard(&mut view, "mail", "c.test:80", None, Health::Pending);
        let (resource, pending) = of_service(&service, &view);
        assert_eq!(endpoints(&resource), [("10.0.0.1:80".into(), 2, false), ("[2001:db8::1]:80".into(), 5, true)]);
        assert_eq!(pending, 2);
    }

    #[test]
    fn equal_contents_have_equal_digests_and_every_change_another() {
        let one = of_service(&service(&[("10.0.0.1:80", 1)]), &HealthView::new()).0;
        let same = of_service(&service(&[("10.0.0.1:80", 1)]), &HealthView::new()).0;
        let heavier = of_service(&service(&[("10.0.0.1:80", 2)]), &HealthView::new()).0;
        let mut view = HealthView::new();
        heard(&mut view, "mail", "10.0.0.1:80", Some("10.0.0.1:80"), Health::Healthy);
        let healthy = of_service(&service(&[("10.0.0.1:80", 1)]), &view).0;
        assert_eq!(one.digest, same.digest);
        let mut limited = service(&[("10.0.0.1:80", 1)]);
        limited.limits.request_body = Some(0);
        let bodiless = of_service(&limited, &HealthView::new()).0;
        limited.timeouts.total = Some(Duration::from_secs(60));
        let brief = of_service(&limited, &HealthView::new()).0;
        limited.policies = sample::policies();
        let edited = of_service(&limited, &HealthView::new()).0;
        let all = [&one, &heavier, &healthy, &bodiless, &brief, &edited];
        let digests = BTreeSet::from(all.map(|resource| resource.digest));
        assert_eq!(digests.len(), 6, "{digests:?}");
        // Data planes keep digests over restarts of the control plane: a digest that changes
        // without its content sends everything again.
        assert_eq!(one.digest, 13_104_346_874_343_451_432);
    }

    #[test]
    fn a_purge_is_sent_without_its_time_and_with_its_floor() {
        let purge = Purge { floor: Revision(3), ..sample::purge(7, Target::Tag("t".into())) };
        let resource = of_purge(&purge);
        assert_eq!(resource.name.as_str(), "purges/7");
        let Some(pb::resource::Body::Purge(pb::Purge { purge: Some(wire), floor: 3 })) = &resource.wire.body else {
            panic!("{resource:?}")
        };
        assert_eq!((wire.revision, wire.soft, wire.created_at), (7, false, None));
        assert_eq!(wire.what, Some(cache_purge::What::Tag("t".into())));
        let later = Purge { created_at: Timestamp::MAX, ..purge };
        assert_eq!(of_purge(&later), resource);
    }

    #[test]
    fn data_planes_see_of_a_route_what_they_serve() {
        let route = sample::full_route("canary", ["a", "b"], "shadow");
        let resource = of_route(&route);
        assert_eq!(resource.name.as_str(), "routes/canary");
        let Some(pb::resource::Body::Route(wire)) = &resource.wire.body else { panic!("a route") };
        assert_eq!((wire.title.as_str(), wire.revision, wire.created_at, wire.updated_at), ("", 0, None, None));
        let mut violations = Violations::default();
        let read = gateway_routing::route::route(wire, &Path::Root("route"), &mut violations);
        assert_eq!(violations.finish(read).unwrap(), *route.route);
        // What they do not serve is no change to them.
        let renamed = Route { title: "Other".into(), revision: Revision(9), ..route.clone() };
        assert_eq!(of_route(&renamed), resource);
        let plain = of_route(&sample::route("canary", &["x.test"], "/", "a"));
        assert_ne!(plain.digest, resource.digest);
        assert_eq!(plain.digest, 4_966_099_466_717_534_854);
    }

    #[test]
    fn data_planes_see_of_a_consumer_by_what_they_know_him_and_it_is_not_shown() {
        let consumer = sample::full_consumer("anna");
        let resource = of_consumer(&consumer);
        assert_eq!(resource.name.as_str(), "consumers/anna");
        let Some(pb::resource::Body::Consumer(wire)) = &resource.wire.body else { panic!("a consumer") };
        assert_eq!((&*wire.name, &*wire.groups), ("anna", &["admins".to_owned(), "staff".to_owned()][..]));
        assert_eq!(wire.password_hash, sample::PASSWORD_HASH);
        assert!(wire.rate_limits.as_ref().unwrap().limits.iter().all(|limit| limit.key.is_empty()));
        let keys: Vec<_> = wire.keys.iter().map(|key| (&*key.id, &*key.sha256, key.expires_at)).collect();
        let (one, two) = (sample::key(1), sample::key(2));
        let end = Some(prost_types::Timestamp { seconds: 1, nanos: 999_999_999 });
        assert_eq!(keys, [(one.id.as_str(), &one.sha256[..], None), (two.id.as_str(), &two.sha256[..], end)]);
        // What they do not need is no change to them.
        let renamed = Consumer { title: "Other".into(), revision: Revision(9), ..consumer.clone() };
        assert_eq!(of_consumer(&renamed), resource);
        let digests = BTreeSet::from([
            resource.digest,
            of_consumer(&Consumer { password: None, ..consumer.clone() }).digest,
            of_consumer(&Consumer { keys: vec![], ..consumer.clone() }).digest,
            of_consumer(&Consumer { rate_limits: Box::default(), ..consumer }).digest,
        ]);
        assert_eq!(digests.len(), 4);
        let shown = format!("{resource:?}");
        assert!(!shown.contains("argon2id") && !shown.contains(&format!("{:?}", one.sha256)), "{shown}");
    }

    #[test]
    fn a_service_carries_its_policies_where_it_has_any() {
        let policies = |service: &Service| match of_service(service, &HealthView::new()).0.wire.body {
            Some(pb::resource::Body::Service(service)) => service.policies,
            other => panic!("{other:?}"),
        };
        let mut service = service(&[("10.0.0.1:80", 1)]);
        assert_eq!(policies(&service), None);
        service.policies = sample::policies();
        let wire = policies(&service).unwrap();
        assert_eq!(wire.ambiguous_paths(), AmbiguousPaths::Refuse);
        assert!(wire.cors.is_some() && wire.request_headers.is_some());
    }
}
