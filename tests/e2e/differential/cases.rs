//! Valid requests, and what becomes of them when somebody tries his luck.

use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// How many.
const COUNT: usize = 600;

/// Requests that are valid; `a.test` is the service's host.
const VALID: [&str; 10] = [
    "GET /wrk HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /browser?a=b HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nCookie: a=b; c=d\r\nConnection: keep-alive\r\n\r\n",
    "HEAD //head HTTP/1.1\r\nHost: A.TEST:80\r\nX-Blank: \t \r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n",
    "POST /length HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /chunked HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n",
    "POST /trailers HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n\
     5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\nHost: evil\r\n\r\n",
    "GET http://a.test/absolute?x HTTP/1.1\r\nHost: other.test\r\nMax-Forwards: 3\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 3\r\n\r\n",
    "DELETE /old HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "POST /expect HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 38\r\n\r\n\
     GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n",
];

/// Field lines that make two readers disagree where one of them is careless.
const LINES: [&str; 32] = [
    "Content-Length: 5",
    "Content-Length: 6",
    "Content-Length: 0",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length: 0x5",
    "Content-Length : 5",
    "Content-Length\t: 5",
    "Content_Length: 5",
    "Content-Length:\x0b5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\r\n: chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: CHUNKED\t ",
    "X: a\r\n\tb",
    "X: a\nContent-Length: 5",
    "X: a\rContent-Length: 5",
    "Connection: close, Content-Length, Transfer-Encoding, Host, X-Twice",
    "Connection: x-forwarded-for, cookie",
    "Host: a.test",
    "Host: b.test",
    "Upgrade: websocket",
    "Expect: 100-continue",
    "X-Forwarded-For: 198.51.100.1",
    ": nameless",
];

/// Chunk sizes in the place of `5`, and line ends in the place of CR LF.
const SIZES: [&str; 12] =
    ["05", "5 ", "5\t", " 5", "+5", "0x5", "5;", "5;a=\"b;c\"", "5;\x00", "5;\x7f", "5 x", "0000000000000000005"];
const LINE_ENDS: [&str; 7] = ["\n", "\r", "\r\r\n", "\r\n\r\n", "\r\n ", " \r\n", "\t\r\n"];
const BYTES: [u8; 14] = [0, 9, 0x0b, 0x0c, b'\r', b'\n', b' ', b',', b':', b';', 0x7f, 0x80, 0x85, 0xa0];

/// The same ones in every run.
pub fn generated() -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut rng = SmallRng::seed_from_u64(0x5eed);
    (0..COUNT).map(move |number| {
        let mut bytes = Vec::new();
        for _ in 0..rng.random_range(1..=3) {
            let mut request = VALID.choose(&mut rng).unwrap().as_bytes().to_vec();
            for _ in 0..rng.random_range(0..=2) {
                mutate(&mut request, &mut rng);
            }
            bytes.extend(request);
        }
        (format!("generated {number}"), bytes)
    })
}

/// Bodies that are half gone when it shows how they end.
pub fn long() -> impl Iterator<Item = (String, Vec<u8>)> {
    ["\r\n0\r\n\r\n", "X\r\n0\r\n\r\n", "\r\n5\nhello\r\n0\r\n\r\n", "\r\n0\r\nA b\r\n\r\n"].into_iter().map(|end| {
        let head = "POST /long HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = [head, "30d40\r\n", &"x".repeat(0x30d40), end].concat();
        (format!("a long body and {end:?}"), bytes.into())
    })
}

fn mutate(request: &mut Vec<u8>, rng: &mut SmallRng) {
    match rng.random_range(0..6) {
        // Behind the request line or any other line of the head, or in the trailers.
        0 | 1 => {
            let line = format!("\r\n{}\r\n", LINES.choose(rng).unwrap());
            replace_one(request, b"\r\n", line.as_bytes(), rng);
        }
        2 => replace_one(request, b"\r\n", LINE_ENDS.choose(rng).unwrap().as_bytes(), rng),
        3 => replace_one(request, b"\r\n5\r\n", format!("\r\n{}\r\n", SIZES.choose(rng).unwrap()).as_bytes(), rng),
        4 => request.insert(rng.random_range(0..request.len()), *BYTES.choose(rng).unwrap()),
        _ => drop(request.remove(rng.random_range(0..request.len()))),
    }
}

/// Replaces one of the places where `old` is, if there is one.
fn replace_one(bytes: &mut Vec<u8>, old: &[u8], new: &[u8], rng: &mut SmallRng) {
    let places: Vec<_> = bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).collect();
    if let Some(&(at, _)) = places.choose(rng) {
        bytes.splice(at..at + old.len(), new.iter().copied());
    }
}
