//! The one door in front of every service.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use gateway_proto::code::Reason;
use http::{Request, Response, header};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::{
    Status,
    body::Body,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tower::{Layer, Service};

use super::{
    authenticator::{Authenticator, Refused},
    methods::{Need, need},
    token::TokenId,
};
use crate::grpc::refuse;

/// Puts the door in front of a server's services.
#[derive(Debug, Clone)]
pub struct AuthLayer {
    authenticator: Authenticator,
    told: Arc<AtomicI64>,
}

impl AuthLayer {
    /// Lets in whom the authenticator knows.
    #[must_use]
    pub fn new(authenticator: Authenticator) -> Self {
        Self { authenticator, told: Arc::default() }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Door<S>;

    fn layer(&self, inner: S) -> Door<S> {
        let Self { authenticator, told } = self.clone();
        Door { inner, authenticator, told }
    }
}

/// A service that only those get to who may.
#[derive(Debug, Clone)]
pub struct Door<S> {
    inner: S,
    authenticator: Authenticator,
    /// When a refusal was told in the log last, in seconds: who is refused cannot fill it.
    told: Arc<AtomicI64>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let needed = need(request.uri().path());
        let certificates =
            request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>().and_then(TlsConnectInfo::peer_certs);
        let certificate = certificates.as_ref().and_then(|chain| chain.first()).map(|der| &**der);
        let identity = match self.authenticator.admit(needed, request.headers(), certificate) {
            Ok(identity) if needed.is_some() => identity,
            // What is not in the table is not passed on, even if somebody serves it. A client that knows
            // more than this control plane relies on this answer.
            Ok(_) => return answer(Status::unimplemented("there is no such method")),
            Err(refused) => {
                self.tell(&request, &refused);
                return answer(status(&refused, needed));
            }
        };
        // Nothing behind the door needs the token.
        request.headers_mut().remove(header::AUTHORIZATION);
        request.extensions_mut().insert(identity.clone());
        let ended = || -> Ended { Box::pin(self.authenticator.clone().until_ended(identity.clone())) };
        // By itself, for a client that takes no answers keeps the answer's body from being looked at.
        let asked = Some(ended());
        let request = request.map(|inner| Body::new(Guarded { inner, ended: asked, last: || Err(unauthenticated()) }));
        // What concerns tokens is answered once it is asked, also to who has just ended his own.
        let mut ended: Ended = match needed {
            Some(Need::Admin) => Box::pin(std::future::pending()),
            Some(Need::Nothing | Need::Viewer | Need::Operator | Need::DataPlane) | None => ended(),
        };
        let answering = self.inner.call(request);
        Box::pin(async move {
            let response = tokio::select! {
                response = answering => response?,
                () = &mut ended => return Ok(unauthenticated().into_http()),
            };
            let last = || Ok(Frame::trailers(unauthenticated().into_http::<()>().into_parts().0.headers));
            Ok(response.map(|inner| Body::new(Guarded { inner, ended: Some(ended), last })))
        })
    }
}

impl<S> Door<S> {
    fn tell(&self, request: &Request<Body>, refused: &Refused) {
        let now = self.authenticator.now().as_second();
        if self.told.swap(now, Ordering::Relaxed) == now {
            return;
        }
        let extensions = request.extensions();
        let plain = extensions.get::<TcpConnectInfo>();
        let peer = plain.or_else(|| extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref));
        let peer = peer.and_then(TcpConnectInfo::remote_addr);
        let (reason, token) = (refused.as_str(), refused.token().map(TokenId::as_str));
        tracing::warn!(?peer, reason, token, "a call was refused; more within this second are only counted");
    }
}

fn answer(status: Status) -> Answer {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

/// What a client is told. Whether a token is unknown, revoked or expired is none of its business.
fn status(refused: &Refused, need: Option<Need>) -> Status {
    match refused {
        Refused::Missing | Refused::Invalid | Refused::Expired(_) => unauthenticated(),
        Refused::Role(_) => refuse(
            Reason::PermissionDenied,
            format!(
                "the token's role does not allow this; use a token of the role {}",
                need.map_or("admin", Need::least)
            ),
        ),
    }
}

/// What those are told whose token is none, or is none any more.
pub(crate) fn unauthenticated() -> Status {
    refuse(
        Reason::Unauthenticated,
        "the control plane needs a valid token; give one by --token-file, GATEWAY_TOKEN_FILE or GATEWAY_TOKEN",
    )
}

/// The body of a call or of its answer, which ends when the token does that it was made with.
struct Guarded {
    inner: Body,
    /// Nothing once it has ended.
    ended: Option<Ended>,
    /// What comes last then.
    last: fn() -> Result<Frame<Bytes>, Status>,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(ended) = &mut self.ended else { return Poll::Ready(None) };
        if ended.as_mut().poll(context).is_ready() {
            self.ended = None;
            // Whoever fills the stream learns it by this.
            self.inner = Body::empty();
            return Poll::Ready(Some((self.last)()));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // How it ends is not known.
        SizeHint::default()
    }
}
