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
    services_before: usize,
    routes_before: usize,
}

impl<'a> Part<'a> {
    /// All of it.
    pub(super) fn of(declaration: &'a Declaration) -> Self {
        let Declaration { services, routes } = declaration;
        Self { services, routes, services_before: 0, routes_before: 0 }
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
        let request = pb::ApplyRequest { services, dry_run, routes };
        client.call_within(client.limit(), async |channel| registry(channel).apply(request.clone()).await).await
    }

    /// Its halves, services first; none of a single thing.
    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let Self { services, routes, services_before, routes_before } = self;
        let middle = (services.len() + routes.len()) / 2;
        if middle == 0 {
            return None;
        }
        let (first, rest) = services.split_at(middle.min(services.len()));
        let (first_routes, rest_routes) = routes.split_at(middle - first.len());
        Some([
            Self { services: first, routes: first_routes, services_before, routes_before },
            Self {
                services: rest,
                routes: rest_routes,
                services_before: services_before + first.len(),
                routes_before: routes_before + first_routes.len(),
            },
        ])
    }

    /// The field that is the first thing of it.
    pub(super) fn first(&self) -> &'static str {
        if self.services.is_empty() { "routes[0]" } else { "services[0]" }
    }

    /// The field of the whole that a field of this part is.
    pub(super) fn in_whole(&self, field: &str) -> Option<String> {
        let (list, rest) = field.split_once('[')?;
        let (index, rest) = rest.split_once(']')?;
        let before = match list {
            "services" => self.services_before,
            "routes" => self.routes_before,
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
  - {name: y, hosts: [x.test], respond: {status: 200}}";
        let (declaration, _) = parse(&[Source { name: "f".into(), text: text.into() }]);
        let mut waiting = vec![Part::of(&declaration)];
        let mut single = Vec::new();
        while let Some(part) = waiting.pop() {
            match part.halves() {
                Some(halves) => waiting.extend(halves.into_iter().rev()),
                None => single.push(part.in_whole(part.first()).unwrap()),
            }
        }
        assert_eq!(single, ["services[0]", "services[1]", "services[2]", "routes[0]", "routes[1]"]);
        let [_, second] = Part::of(&declaration).halves().unwrap();
        assert_eq!(second.in_whole("services[0].hosts[1]").as_deref(), Some("services[2].hosts[1]"));
        assert_eq!(second.in_whole("services"), None);
    }
}
