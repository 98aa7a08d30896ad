//! `gatewayctl service get`.

use clap::Args;

use super::read;
use crate::{
    commands::{Context, endpoint::statuses},
    exit::Failure,
    output::{
        facts::{self, Fact},
        observed::{Endpoint, endpoint_table, health_by_address},
        service::{HealthCheck, Service, Statuses},
        table::{list, pairs},
    },
};

/// Show one service and the health of its endpoints
#[derive(Debug, Args)]
pub struct Get {
    /// Name of the service
    pub name: String,
}

impl Get {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let service = read(&mut context.client, &self.name).await?;
        let statuses = statuses(&mut context.client, &service.name).await?;
        let printed = Service::full(&service, Some(&health_by_address(&statuses)));
        let endpoints: Vec<Endpoint> = statuses.iter().map(Endpoint::from).collect();
        context.output.print(&printed, |width| {
            let facts = pairs(width, told(&printed));
            if endpoints.is_empty() { facts } else { format!("{facts}\n\n{}", endpoint_table(width, &endpoints)) }
        })
    }
}

fn told(service: &Service) -> Vec<Fact> {
    let mut facts = vec![("Name", service.name.clone())];
    facts.extend(service.title.clone().filter(|title| !title.is_empty()).map(|title| ("Title", title)));
    facts.push(("Tags", list(service.tags.iter().flatten().map(String::as_str))));
    facts.push(("Hosts", list(service.hosts.iter().map(String::as_str))));
    facts.push(("Load balancing", service.load_balancing.unwrap_or("random").to_owned()));
    facts.extend(service.health_check.as_ref().map(|check| ("Health check", health_line(check))));
    facts.extend(service.timeouts.as_ref().map(facts::timeouts));
    facts.extend(service.limits.as_ref().map(facts::limits));
    facts.extend(facts::policies(&service.policies));
    facts.push(("Revision", service.revision.unwrap_or_default().to_string()));
    facts.extend(service.created_at.clone().map(|time| ("Created", time)));
    facts.extend(service.updated_at.clone().map(|time| ("Updated", time)));
    facts
}

fn health_line(check: &HealthCheck) -> String {
    let HealthCheck { http, tcp, disabled, interval, timeout, rise, fall, jitter_percent } = check;
    if disabled.is_some() {
        return "none; endpoints always get traffic".to_owned();
    }
    let mut parts = Vec::new();
    match (tcp, http) {
        (Some(_), _) => parts.push("TCP connection".to_owned()),
        (None, Some(http)) => {
            parts.push(format!("GET {}", http.path.as_deref().unwrap_or("/healthcheck")));
            parts.extend(http.host.as_ref().map(|host| format!("Host {host}")));
            parts
                .extend(http.expected_statuses.as_ref().map(|statuses| format!("expects {}", statuses_text(statuses))));
        }
        (None, None) => parts.push("GET /healthcheck".to_owned()),
    }
    parts.extend(interval.as_ref().map(|interval| format!("every {interval}")));
    parts.extend(timeout.as_ref().map(|timeout| format!("timeout {timeout}")));
    parts.extend(rise.map(|rise| format!("rise {rise}")));
    parts.extend(fall.map(|fall| format!("fall {fall}")));
    parts.extend(jitter_percent.map(|jitter| format!("jitter {jitter}%")));
    parts.join(", ")
}

fn statuses_text(statuses: &[Statuses]) -> String {
    let text = |statuses: &Statuses| match statuses {
        Statuses::One(status) => status.to_string(),
        Statuses::Range(range) => range.clone(),
    };
    statuses.iter().map(text).collect::<Vec<_>>().join(" ")
}
