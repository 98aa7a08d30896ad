//! A part of what is declared, so that the control plane can be asked about it alone.

use gateway_proto::registry::v1 as pb;
use tonic::Status;

use crate::{
    client::{Client, registry},
    exit::Failure,
    file::{Declaration, Declared},
};

/// Neighbours in what is declared, and how many of each kind come before them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    services: &'a [Declared<pb::Service>],
    routes: &'a [Declared<pb::Route>],
    consumers: &'a [Declared<pb::Consumer>],
    before: Counts,
}

/// So many of each kind.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    services: usize,
    routes: usize,
    consumers: usize,
}

impl<'a> Part<'a> {
    /// All of it.
    pub(super) fn of(declaration: &'a Declaration) -> Self {
        let Declaration { services, routes, consumers } = declaration;
        Self { services, routes, consumers, before: Counts::default() }
    }

    /// Sends it. A refusal is the inner error.
    ///
    /// # Errors
    /// As [`Client::call_within`].
    pub(super) async fn send(
        &self,
        client: &mut Client,
        dry_run: bool,
    ) -> Result<Result<pb::ApplyResponse, Status>, Failure> {
        let services = self.services.iter().map(|declared| declared.wire.clone()).collect();
        let routes = self.routes.iter().map(|declared| declared.wire.clone()).collect();
        let consumers = self.consumers.iter().map(|declared| declared.wire.clone()).collect();
        let request = pb::ApplyRequest { services, dry_run, routes, consumers };
        client.call_within(client.limit(), async |channel| registry(channel).apply(request.clone()).await).await
    }

    /// Its halves, services first and consumers last; none of a single thing.
    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let Self { services, routes, consumers, before } = self;
        let middle = (services.len() + routes.len() + consumers.len()) / 2;
        if middle == 0 {
            return None;
        }
        let (services, other_services) = services.split_at(middle.min(services.len()));
        let left = middle - services.len();
        let (routes, other_routes) = routes.split_at(left.min(routes.len()));
        let (consumers, other_consumers) = consumers.split_at(left - routes.len());
        let first = Self { services, routes, consumers, before };
        let before = Counts {
            services: before.services + services.len(),
            routes: before.routes + routes.len(),
            consumers: before.consumers + consumers.len(),
        };
        let (services, routes, consumers) = (other_services, other_routes, other_consumers);
        Some([first, Self { services, routes, consumers, before }])
    }

    /// The field that is the first thing of it.
    pub(super) fn first(&self) -> &'static str {
        match (self.services, self.routes) {
            ([_, ..], _) => "services[0]",
            ([], [_, ..]) => "routes[0]",
            ([], []) => "consumers[0]",
        }
    }

    /// The field of the whole that a field of this part is.
    pub(super) fn in_whole(&self, field: &str) -> Option<String> {
        let (list, rest) = field.split_once('[')?;
        let (index, rest) = rest.split_once(']')?;
        let before = match list {
            "services" => self.before.services,
            "routes" => self.before.routes,
            "consumers" => self.before.consumers,
            _ => return None,
        };
        Some(format!("{list}[{}]{rest}", before + index.parse::<usize>().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::Part;
    use crate::file::{Source, parse};

    #[test]
    fn halves_are_the_whole_and_know_their_place_in_it() {
        let text = "services: [{name: a}, {name: b}, {name: c}]
routes:
  - {name: x, hosts: [x.test], respond: {status: 200}}
  - {name: y, hosts: [x.test], respond: {status: 200}}
consumers: [{name: anna}, {name: ben}]";
        let (declaration, _) = parse(&[Source { name: "f".into(), text: text.into() }]);
        let mut waiting = vec![Part::of(&declaration)];
        let mut single = Vec::new();
        while let Some(part) = waiting.pop() {
            match part.halves() {
                Some(halves) => waiting.extend(halves.into_iter().rev()),
                None => single.push(part.in_whole(part.first()).unwrap()),
            }
        }
        let services = ["services[0]", "services[1]", "services[2]"];
        assert_eq!(single, [&services[..], &["routes[0]", "routes[1]", "consumers[0]", "consumers[1]"]].concat());
        let [first, second] = Part::of(&declaration).halves().unwrap();
        assert_eq!(second.in_whole("routes[0].hosts[1]").as_deref(), Some("routes[0].hosts[1]"));
        let [_, second] = second.halves().unwrap();
        assert_eq!(second.in_whole("consumers[1].name").as_deref(), Some("consumers[1].name"));
        let [_, second] = first.halves().unwrap();
        assert_eq!(second.in_whole("services[0].hosts[1]").as_deref(), Some("services[1].hosts[1]"));
        assert_eq!(second.in_whole("services"), None);
    }
}
