//! `gatewayctl cache purge`.

use clap::{ArgGroup, Args, builder::BoolishValueParser};
use gateway_proto::registry::v1::{self as pb, cache_purge::What};

use crate::{
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::Failure,
    output::{caches::Purged, text},
};

/// Take responses out of the cache of every data plane
///
/// What was stored, or asked for, before the purge is not served after it. A data plane that is away learns of it when
/// it returns.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["url", "host", "prefix", "tag"]))]
#[command(after_help = "Examples:
  gatewayctl cache purge --url http://shop.example.com/products/7 --wait
  gatewayctl cache purge --prefix http://shop.example.com/products/
  gatewayctl cache purge --tag product-7 --soft")]
pub struct Purge {
    /// Those to this URL, in every variant; path and query as clients send them
    #[arg(long, env = "GATEWAY_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Those of this host, on every port; no wildcard
    #[arg(long, env = "GATEWAY_HOST", value_name = "HOST")]
    pub host: Option<String>,
    /// Those to URLs that begin so: at least http://HOST/
    #[arg(long, env = "GATEWAY_PREFIX", value_name = "URL")]
    pub prefix: Option<String>,
    /// Those that the origin gave this tag, in Surrogate-Key or Cache-Tag
    #[arg(long, env = "GATEWAY_TAG", value_name = "TAG")]
    pub tag: Option<String>,
    /// Only make them stale, so that they can be validated, or served where stale ones may be
    #[arg(long, env = "GATEWAY_SOFT", value_parser = BoolishValueParser::new())]
    pub soft: bool,
    /// Return when every connected data plane has purged, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Purge {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { url, host, prefix, tag, soft, wait } = self;
        let url = url.map(What::Url).or(prefix.map(What::Prefix));
        let what = url.or(host.map(What::Host)).or(tag.map(What::Tag));
        let purge = pb::CachePurge { what, soft, ..pb::CachePurge::default() };
        let request = pb::PurgeCacheRequest { purge: Some(purge) };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).purge_cache(request.clone()).await).await?;
        let purged = Purged::from(&answer.purge.unwrap_or_default());
        let waited = wait_for_change(client, wait, purged.revision, Vec::new()).await;
        let line = format!("purged {} (revision {})", purged.line(), purged.revision);
        print_change(&context.output, &purged, "purged", waited, &text::escape(&line))
    }
}
