//! Where tokens go, and where they do not.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{Access, AccessArgs, Bearer, control_plane_url};
use crate::local::leave_note;

const TOKEN: &str = "gwt_0123456789ab_00000000000000010000000000000002000000000000000300000000000000ff";
const NAME: &str = "some.token";

fn token_file(directory: &Path) -> PathBuf {
    let path = directory.join(NAME);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
    file.write_all(TOKEN.as_bytes()).unwrap();
    path
}

fn open(token_file: Option<&Path>, allow_plaintext: bool, urls: &[&str]) -> Result<Access, String> {
    let args = AccessArgs { token_file: token_file.map(Path::to_owned), allow_plaintext, ..AccessArgs::default() };
    let urls: Vec<_> = urls.iter().map(|url| control_plane_url(url).unwrap()).collect();
    Access::open(args, NAME, &urls).map_err(|failure| failure.to_string())
}

#[test]
fn a_token_crosses_no_network_unencrypted_unless_that_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let file = token_file(directory.path());
    for url in ["http://127.0.0.1:7000", "http://127.9.9.9", "http://[::1]:7000", "http://localhost:7000"] {
        assert!(open(Some(&file), false, &[url]).is_ok(), "{url}");
    }
    for url in ["http://control-plane:7000", "http://localhost.test", "http://10.0.0.1:7000", "http://[::2]:1"] {
        let refused = open(Some(&file), false, &["http://127.0.0.1:7000", url]).unwrap_err();
        for word in [url, "https://", "--allow-plaintext"] {
            assert!(refused.contains(word), "{word}: {refused}");
        }
        assert!(!refused.contains(&TOKEN[4..]), "{refused}");
        assert!(open(Some(&file), true, &[url]).is_ok(), "{url}");
        // Where nobody has named one, none is sent.
        let (_, bearer) = open(None, false, &[url]).unwrap().way(&control_plane_url(url).unwrap()).unwrap();
        assert_eq!(shown(&bearer), None, "{url}");
    }
}

#[test]
fn a_token_that_was_found_goes_to_the_address_that_was_noted() {
    let directory = tempfile::tempdir().unwrap();
    let file = token_file(directory.path());
    // A port that only root may take, so that no control plane of a test has a note there.
    let port = u16::try_from(std::process::id() % 400).unwrap() + 500;
    let url = format!("http://localhost:{port}");
    let found = open(None, false, &[&url]).unwrap();
    let url = control_plane_url(&url).unwrap();
    for noted in ["127.0.0.1", "::1"] {
        let address = SocketAddr::new(noted.parse().unwrap(), port);
        let _note = leave_note(address, directory.path()).unwrap();
        let (endpoint, bearer) = found.way(&url).unwrap();
        assert_eq!(endpoint.uri().to_string(), format!("http://{address}/"));
        assert_eq!(shown(&bearer), Some(format!("Bearer {TOKEN}")));
        // Who has named it says where it goes.
        let (endpoint, bearer) = open(Some(&file), false, &[]).unwrap().way(&url).unwrap();
        assert_eq!((endpoint.uri(), shown(&bearer)), (&url, Some(format!("Bearer {TOKEN}"))));
    }
    // Without a note, and without a token there, it is what it says.
    let (endpoint, bearer) = found.way(&url).unwrap();
    assert_eq!((endpoint.uri(), shown(&bearer)), (&url, None));
    let _note = leave_note(SocketAddr::new([127, 0, 0, 1].into(), port), directory.path()).unwrap();
    fs::remove_file(&file).unwrap();
    let (endpoint, bearer) = found.way(&url).unwrap();
    assert_eq!((endpoint.uri(), shown(&bearer)), (&url, None));
}

fn shown(bearer: &Bearer) -> Option<String> {
    bearer.0.as_ref().map(|value| value.to_str().unwrap().to_owned())
}
