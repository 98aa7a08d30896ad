//! From a refusal to the places in the files: every violation, and every host that is taken.

use std::collections::{HashMap, HashSet};

use gateway_proto::{
    code::Reason,
    host::HostPattern,
    registry::v1::{Service, ServiceFilter},
};
use tonic::Status;

use super::part::Part;
use crate::{
    client::{Client, Violation, Violations, reason, violations},
    commands::service::all,
    file::{Declaration, Declared, Mistakes, Place},
};

/// Adds what the control plane found wrong in a change, unless the same place is known to be wrong
/// already. Where it cannot be asked on, the list is shorter, and what it says is still true.
pub(super) async fn note(client: &mut Client, declaration: &Declaration, status: Status, mistakes: &mut Mistakes) {
    let found = match reason(&status) {
        Some(Reason::HostTaken) => taken_hosts(client, declaration).await,
        _ => every_violation(client, declaration, status).await,
    };
    let mut located = Vec::new();
    for Violation { field, description } in found {
        let (place, field) = declaration.locate(&field).unwrap_or((Place { source: 0, line: 1, column: 1 }, field));
        if !mistakes.cover(place, &field) {
            located.push((place, field, description));
        }
    }
    for (place, field, description) in located {
        mistakes.add(place, field, description);
    }
}

/// A refusal has room for some violations only. If there are more, each half of the change is asked
/// about by itself, and so on.
async fn every_violation(client: &mut Client, declaration: &Declaration, status: Status) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut known = HashSet::new();
    let mut waiting = vec![(Part::of(declaration), status)];
    while let Some((part, status)) = waiting.pop() {
        let Violations { mut listed, more } = violations(&status);
        // What holds between services and routes, a part does not tell of.
        let halves = if is_of_fields(&status) { part.halves() } else { None };
        match halves {
            Some(halves) if more > 0 => {
                for half in halves {
                    if let Ok(Err(status)) = half.send(client, true).await
                        && is_of_fields(&status)
                    {
                        waiting.push((half, status));
                    }
                }
            }
            None if more > 0 => {
                // Beside the last one that there was room for.
                let last = listed.last().and_then(|last| last.field.split_inclusive(']').next());
                let field = last.unwrap_or(part.first()).to_owned();
                listed.push(Violation { field, description: format!("and {more} more") });
            }
            Some(_) | None => {}
        }
        for Violation { field, description } in listed {
            let field = part.in_whole(&field).unwrap_or(field);
            if known.insert((field.clone(), description.clone())) {
                found.push(Violation { field, description });
            }
        }
    }
    found
}

/// Whether it is fields that are wrong, each by itself.
fn is_of_fields(status: &Status) -> bool {
    reason(status) == Some(Reason::Invalid)
}

async fn taken_hosts(client: &mut Client, declaration: &Declaration) -> Vec<Violation> {
    match all(client, ServiceFilter::default()).await {
        Ok(services) => conflicts(&declaration.services, &services),
        Err(_) => Vec::new(),
    }
}

/// Every declared host that another service has, unless that one gives it up in the same change.
fn conflicts(declared: &[Declared<Service>], stored: &[Service]) -> Vec<Violation> {
    let patterns = |service: &Service| service.hosts.iter().filter_map(|host| HostPattern::parse(host).ok()).collect();
    let kept: HashMap<&str, HashSet<HostPattern>> =
        declared.iter().map(|declared| (&*declared.wire.name, patterns(&declared.wire))).collect();
    let owners = stored.iter().flat_map(|service| service.hosts.iter().map(|host| (&*service.name, host)));
    let owners: HashMap<HostPattern, &str> =
        owners.filter_map(|(name, host)| Some((HostPattern::parse(host).ok()?, name))).collect();
    let mut found = Vec::new();
    for (at, Declared { wire: service, node: _, path: _ }) in declared.iter().enumerate() {
        for (place, host) in service.hosts.iter().enumerate() {
            let Ok(pattern) = HostPattern::parse(host) else { continue };
            let Some(owner) = owners.get(&pattern).filter(|owner| **owner != service.name) else { continue };
            if kept.get(owner).is_none_or(|kept| kept.contains(&pattern)) {
                let description = format!("{host:?} belongs to service {owner:?}; remove it there first");
                found.push(Violation { field: format!("services[{at}].hosts[{place}]"), description });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1::Service;

    use super::{Violation, conflicts};
    use crate::file::{Source, parse};

    #[test]
    fn a_host_conflicts_unless_its_owner_gives_it_up() {
        let stored = |name: &str, hosts: &[&str]| Service {
            name: name.into(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            ..Service::default()
        };
        let text = "services:
          - {name: mail, hosts: [mail.test, shop.test, FREE.test.]}
          - {name: old, hosts: [old.test]}
          - {name: new, hosts: [given.test, kept.test]}";
        let sources = [Source { name: "f".into(), text: text.into() }];
        let (declaration, _) = parse(&sources);
        let registry = [
            stored("shop", &["shop.test", "free.test"]),
            stored("old", &["given.test"]),
            stored("mail", &["mail.test"]),
        ];
        let found: Vec<String> =
            conflicts(&declaration.services, &registry).into_iter().map(|Violation { field, .. }| field).collect();
        assert_eq!(found, ["services[0].hosts[1]", "services[0].hosts[2]"]);
    }
}
