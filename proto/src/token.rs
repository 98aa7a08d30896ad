//! Tokens by which clients of the control plane are known: what they look like, and how they are read.
//!
//! A token is `gwt_ID_SECRET`: a public id of 48 bits, by which it is found, shown and revoked, and 256
//! random bits that only its holder knows.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::getuid;

use crate::secret::{self, Secret};

/// What every token begins with.
pub const PREFIX: &str = "gwt_";
/// No token takes more, with whatever white space an editor adds.
const MAX_FILE: u64 = 4096;
/// Access for anyone but the owner.
const OTHERS: u32 = 0o077;

/// A token with its secret, which is never printed but by [`Token::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Secret);

/// Why a text is no token. It quotes nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoToken;

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token is gwt_, 12 hexadecimal digits, _ and 64 more; `gatewayctl token create` makes one")
    }
}

impl std::error::Error for NoToken {}

impl Token {
    /// Puts a token together from random bits.
    #[must_use]
    pub fn from_bits(id: u64, secret: [u64; 4]) -> Self {
        Self(Secret::from_bits(PREFIX, id, secret))
    }

    /// Reads a token; white space around it does not matter.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, NoToken> {
        Secret::parse(PREFIX, text).map(Self).ok_or(NoToken)
    }

    /// Its public part.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// All of it, for whoever is to present it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Token", f)
    }
}

/// Whether a text can be the id of a token, or of a key.
#[must_use]
pub fn is_id(text: &str) -> bool {
    secret::is_id(text)
}

/// Why a file holds no token that may be used. Each sentence names the file and the remedy.
#[derive(Debug)]
pub enum TokenFileError {
    /// It cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// It belongs to this user, and others may read or write it.
    Open(PathBuf, u32),
    /// What is in it is no token.
    NoToken(PathBuf),
    /// There is nothing in it.
    Empty(PathBuf),
}

impl fmt::Display for TokenFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, err) => {
                write!(f, "{} cannot be read: {err}; name one that this user can read", path.display())
            }
            Self::Open(path, mode) => {
                let path = path.display();
                write!(f, "{path} is open to other users (mode {mode:04o}); close it with `chmod 600 {path}`")
            }
            Self::NoToken(path) => write!(f, "{} holds no token: {NoToken}", path.display()),
            Self::Empty(path) => write!(f, "{} is empty; put a token into it: {NoToken}", path.display()),
        }
    }
}

impl std::error::Error for TokenFileError {}

/// Reads the token in a file.
///
/// # Errors
/// It cannot be read, holds none, or is open to others.
pub fn read(path: &Path) -> Result<Token, TokenFileError> {
    let text = read_private(path, MAX_FILE)?;
    let text = String::from_utf8(text).map_err(|_| TokenFileError::NoToken(path.to_owned()))?;
    if text.trim_ascii().is_empty() {
        return Err(TokenFileError::Empty(path.to_owned()));
    }
    Token::parse(&text).map_err(|NoToken| TokenFileError::NoToken(path.to_owned()))
}

/// Reads a file with a secret. One of this user's own has to be closed to others, as with ssh's keys;
/// one of somebody else's, such as a mounted secret, is as its owner wants it.
///
/// # Errors
/// It cannot be read, is too large, or is open to others.
pub fn read_private(path: &Path, max: u64) -> Result<Vec<u8>, TokenFileError> {
    let unreadable = |err| TokenFileError::Unreadable(path.to_owned(), err);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.uid() == getuid().as_raw() && metadata.mode() & OTHERS != 0 {
        return Err(TokenFileError::Open(path.to_owned(), metadata.mode() & 0o7777));
    }
    let mut content = Vec::new();
    file.take(max + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > max {
        return Err(unreadable(std::io::Error::other(format!("it is larger than {max} bytes"))));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use proptest::prelude::*;

    use super::{Token, TokenFileError, read};

    fn write(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_token_is_read_back_and_keeps_its_secret() {
        let token = Token::from_bits(u64::MAX, [0, 1, u64::MAX, 3]);
        assert_eq!(token.id(), "ffffffffffff");
        assert_eq!(Token::parse(&format!(" {}\r\n", token.reveal())), Ok(token.clone()));
        assert_eq!(format!("{token:?}"), "Token(\"ffffffffffff\", ..)");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_quoted() {
        let good = Token::from_bits(1, [2; 4]).reveal().to_owned();
        for bad in [
            String::new(),
            "secret".into(),
            good[1..].to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            good.to_uppercase(),
            good.replace("gwt_0000000", "gwt_ 000000"),
            format!("{good}\n{good}"),
        ] {
            let refused = Token::parse(&bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !refused.contains(&bad), "{refused}");
        }
    }

    #[test]
    fn a_file_is_closed_to_others_and_holds_a_token() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(matches!(read(&path), Err(TokenFileError::Unreadable(..))));
        assert!(matches!(read(directory.path()), Err(TokenFileError::Open(..) | TokenFileError::Unreadable(..))));
        let token = Token::from_bits(7, [8; 4]);
        for content in
            [token.reveal().to_owned(), format!("{}\n", token.reveal()), format!("\n {}\n\n", token.reveal())]
        {
            write(&path, &content, 0o600);
            assert_eq!(read(&path).unwrap(), token);
            write(&path, &content, 0o400);
            assert_eq!(read(&path).unwrap(), token);
            fs::remove_file(&path).unwrap();
        }
        for mode in [0o604, 0o640, 0o620] {
            write(&path, token.reveal(), mode);
            let refused = read(&path).unwrap_err();
            assert!(
                matches!(refused, TokenFileError::Open(..)) && refused.to_string().contains("chmod 600"),
                "{refused}"
            );
        }
        for (content, expected) in [("", "is empty"), (" \n", "is empty"), ("hunter2", "holds no token")] {
            write(&path, content, 0o600);
            let refused = read(&path).unwrap_err().to_string();
            assert!(refused.contains(expected) && !refused.contains("hunter2"), "{refused}");
        }
        write(&path, &"x".repeat(5000), 0o600);
        assert!(read(&path).unwrap_err().to_string().contains("larger"));
    }

    proptest! {
        #[test]
        fn nothing_but_a_token_is_one(text in "(gwt_)?[0-9a-fg_]{0,90}") {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(token.reveal(), &text);
                prop_assert_eq!(token.reveal().len(), 81);
            }
        }
    }
}
