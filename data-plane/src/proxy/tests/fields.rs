//! Fields that routes and services remove, set and add.

use gateway_routing::route::{Action, Policies, Route};

use super::{
    Peer, Upstream,
    site::{Site, below, mirrored, named, route, rules, to},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn policies(request: &[(&str, &str)], response: &[(&str, &str)]) -> Policies {
    let (request_headers, response_headers) = (rules(&["X-Gone"], request, &[]), rules(&["X-Gone"], response, &[]));
    Policies { request_headers, response_headers, ..Policies::default() }
}

/// The head that comes to the endpoint for this request, whose answer is `ok`.
async fn seen(client: &mut Peer, server: &mut Peer, request: &str) -> String {
    client.send(request).await;
    let head = server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    head
}

/// The values of a field, in order.
fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

#[tokio::test]
async fn fields_of_requests_are_removed_then_set_then_added() {
    let upstream = Upstream::start().await;
    let request_headers =
        rules(&["X-Gone", "Referer"], &[("X-Set", "1"), ("Cookie", "a=b")], &[("X-Add", "2"), ("X-Gone", "3")]);
    let mut api = route("api", below("/"), Action::Forward(to("a")));
    api.policies.request_headers = request_headers;
    let proxy = Site::of(&[upstream.address]).route(api).start().await;
    let mut client = proxy.connect().await;
    client
        .send(
            "POST /api HTTP/1.1\r\nHost: a.test\r\nX-GONE: old\r\nx-set: old\r\nX-Set: older\r\nX_Set: forged\r\n\
             Cookie: c=d\r\nX-Add: 1\r\nX-Kept: 1\r\nReferer: x\r\nContent-Length: 2\r\nConnection: x-set, x-kept\r\n\
             X-Gone-Not: 1\r\n\r\nhi",
        )
        .await;
    let head = upstream.accept().await.head().await;
    assert_eq!(values(&head, "X-Gone"), ["3"], "{head}");
    assert_eq!(values(&head, "X-Set"), ["1"], "nominated by the client, and not the client's: {head}");
    assert_eq!((values(&head, "Cookie"), values(&head, "Referer")), (vec!["a=b"], vec![]), "{head}");
    assert_eq!((values(&head, "X-Add"), values(&head, "X-Gone-Not")), (vec!["1", "2"], vec!["1"]), "{head}");
    assert!(!head.contains("forged") && !head.contains("X-Kept"), "{head}");
    // What frames and identifies is as without rules, and nothing of one hop came in.
    assert_eq!((values(&head, "Content-Length"), values(&head, "Host")), (vec!["2"], vec!["a.test"]), "{head}");
    assert_eq!((values(&head, "Via"), values(&head, "Connection")), (vec!["1.1 gateway"], vec![]), "{head}");
}

#[tokio::test]
async fn fields_of_answers_are_removed_then_set_then_added() {
    let upstream = Upstream::start().await;
    let mut api = route("api", below("/"), Action::Forward(to("a")));
    let add = [("Set-Cookie", "c=3"), ("X-Add", "2")];
    api.policies.response_headers = rules(&["Server", "X-Gone"], &[("Cache-Control", "no-store")], &add);
    let proxy = Site::of(&[upstream.address]).route(api).start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    // An interim response is the endpoint's alone.
    server.send("HTTP/1.1 103 Early Hints\r\nX-Gone: 1\r\nLink: </a>\r\n\r\n").await;
    let hints = client.head().await;
    assert_eq!((values(&hints, "X-Gone"), values(&hints, "X-Add")), (vec!["1"], vec![]), "{hints}");
    server
        .send(
            "HTTP/1.1 200 OK\r\nserver: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\ncache-control: public\r\nX-Gone: 1\r\n\
             Cache-Control: max-age=1\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\
             Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Gone: 1\r\nX-Kept: 1\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert_eq!(values(&head, "Set-Cookie"), ["a=1", "b=2", "c=3"], "{head}");
    assert_eq!(values(&head, "Cache-Control"), ["no-store"], "{head}");
    assert_eq!(values(&head, "X-Add"), ["2"], "{head}");
    let gone = ["Server", "X-Gone", "Connection", "Keep-Alive"];
    assert!(gone.iter().all(|name| values(&head, name).is_empty()), "{head}");
    assert_eq!(values(&head, "Transfer-Encoding"), ["chunked"], "{head}");
    assert_eq!(client.until("\r\n\r\n").await, "2\r\nok\r\n0\r\nX-Kept: 1\r\n\r\n");
}

#[tokio::test]
async fn trailers_do_not_bring_back_what_is_removed_or_set() {
    let (upstream, shadow) = (Upstream::start().await, Upstream::start().await);
    let mut api = route("api", below("/"), mirrored("a", "shadow"));
    api.policies = policies(&[("X-User", "none")], &[]);
    let site = Site::of(&[upstream.address]).service("shadow", &[shadow.address]).route(api);
    let proxy = site.start().await;
    let trailers = "x-gone: 1\r\nX_User: root\r\nX-Kept: 1\r\nX-USER: root\r\n";
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n";
    let mut client = proxy.connect().await;
    client.send(format!("{head}\r\n2\r\nhi\r\n0\r\n{trailers}\r\n")).await;
    for endpoint in [upstream, shadow] {
        let mut server = endpoint.accept().await;
        assert_eq!(values(&server.head().await, "X-User"), ["none"]);
        assert_eq!(server.until("\r\n\r\n").await, "2\r\nhi\r\n0\r\nX-Kept: 1\r\n\r\n");
    }
}

#[tokio::test]
async fn an_agreement_to_switch_has_the_fields_of_an_answer() {
    let upstream = Upstream::start().await;
    let mut owner = named("a", &[upstream.address]);
    owner.policies = policies(&[], &[("X-Set", "1")]);
    let proxy = Site::owned_by(owner).start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 101 Switching Protocols\r\nX-Gone: 1\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((values(&head, "X-Set"), values(&head, "X-Gone")), (vec!["1"], vec![]), "{head}");
    assert_eq!((values(&head, "Upgrade"), values(&head, "Connection")), (vec!["echo"], vec!["upgrade"]), "{head}");
}

#[tokio::test]
async fn a_block_of_the_route_takes_the_place_of_its_services_as_a_whole() {
    let upstream = Upstream::start().await;
    let mut owner = named("a", &[upstream.address]);
    owner.policies = policies(&[("X-Service", "1")], &[("X-Service", "1")]);
    let own = route("own", below("/own"), Action::Forward(to("a")));
    let own = Route { policies: policies(&[("X-Route", "1")], &[]), ..own };
    let silent = route("silent", below("/silent"), Action::Forward(to("a")));
    let proxy = Site::owned_by(owner).route(own).route(silent).start().await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = upstream.accept().await;
    let head = server.head().await;
    server.send(OK).await;
    let answer = client.until("ok").await;
    assert_eq!((values(&head, "X-Service"), values(&answer, "X-Service")), (vec!["1"], vec!["1"]), "{head}{answer}");
    for (path, of_service, of_route) in [("/silent", vec!["1"], vec![]), ("/own", vec![], vec!["1"])] {
        let head = seen(&mut client, &mut server, &format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!((values(&head, "X-Service"), values(&head, "X-Route")), (of_service, of_route), "{head}");
    }
}

#[tokio::test]
async fn a_trace_does_not_show_what_an_operator_sets() {
    let upstream = Upstream::start().await;
    let secret = |path: &str, set: &[(&str, &str)], add: &[(&str, &str)]| {
        let mut route = route(&path[1..], below(path), Action::Forward(to("a")));
        route.policies.request_headers = rules(&["X-Gone"], set, add);
        route
    };
    let key = [("Authorization", "Bearer secret")];
    let site = Site::of(&[upstream.address]).route(secret("/set", &key, &[])).route(secret("/add", &[], &key));
    let proxy = site.route(secret("/gone", &[], &[])).start().await;
    let mut client = proxy.connect().await;
    for path in ["/set", "/add"] {
        client.send(format!("TRACE {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
        client.until("}}\n").await;
    }
    client.send("TRACE /gone HTTP/1.1\r\nHost: a.test\r\nX-Gone: 1\r\n\r\n").await;
    let head = upstream.accept().await.head().await;
    assert!(head.starts_with("TRACE /gone ") && values(&head, "X-Gone").is_empty(), "{head}");
}
