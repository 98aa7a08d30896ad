//! A route as the registry keeps it.

use std::sync::Arc;

use gateway_proto::registry::v1 as pb;
use gateway_routing::route::{self, wire};
use jiff::Timestamp;
use prost::Message;

use super::model::{Claim, Revision, RouteName};
use crate::time::timestamp;

/// A rule for some of the requests of some hosts, and what only the registry knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// What data planes serve.
    pub route: Arc<route::Route>,
    /// For people.
    pub title: String,
    /// The commit that changed it last.
    pub revision: Revision,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Route {
    /// A route that is not yet of any revision.
    #[must_use]
    pub fn new(route: route::Route, title: String) -> Self {
        let (revision, epoch) = (Revision::default(), Timestamp::UNIX_EPOCH);
        Self { route: Arc::new(route), title, revision, created_at: epoch, updated_at: epoch }
    }

    /// Unique among routes.
    #[must_use]
    pub fn name(&self) -> RouteName {
        RouteName::of(&self.route)
    }

    /// Whether both ask for the same, whenever they were committed.
    #[must_use]
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let Self { route, title, revision: _, created_at: _, updated_at: _ } = self;
        *route == other.route && *title == other.title
    }

    /// Which requests are its own, by host in their order.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        Claim::of(&self.route)
    }

    /// What it takes in a message.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        pb::Route::from(self).encoded_len()
    }
}

/// In canonical form: equal routes are equal messages.
impl From<&Route> for pb::Route {
    fn from(route: &Route) -> Self {
        let Route { route, title, revision, created_at, updated_at } = route;
        Self {
            title: title.clone(),
            revision: revision.0,
            created_at: Some(timestamp(*created_at)),
            updated_at: Some(timestamp(*updated_at)),
            ..wire::route(route)
        }
    }
}
