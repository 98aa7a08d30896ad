//! The first tokens of a control plane: one for its operators and one for its data planes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use gateway_proto::{
    local::{ADMIN_TOKEN, DATA_PLANE_TOKEN},
    process::Failure,
    token::{self, Token},
};
use jiff::Timestamp;
use rand::Rng;
use rustix::process::getuid;

use super::token::{Kept, Role};

/// Where the first tokens are.
#[derive(Debug, Clone)]
pub(crate) struct FirstTokens {
    admin: PathBuf,
    data_plane: PathBuf,
}

impl FirstTokens {
    /// In a data directory, or that of the data planes elsewhere.
    pub(crate) fn new(data_dir: &Path, data_plane: Option<PathBuf>) -> Self {
        let data_plane = data_plane.unwrap_or_else(|| data_dir.join(DATA_PLANE_TOKEN));
        Self { admin: data_dir.join(ADMIN_TOKEN), data_plane }
    }

    /// Takes over the tokens in the files, and makes those that are missing. The files are durable when
    /// this returns.
    ///
    /// # Errors
    /// A file cannot be read or written, holds no token or the other one's, or is somebody else's.
    pub(crate) fn make(&self, now: Timestamp, rng: &mut impl Rng) -> Result<Vec<Kept>, Failure> {
        let Self { admin, data_plane } = self;
        let take = |path: &Path, flag: &str, rng: &mut _| {
            take_or_make(path, rng).map_err(|err| Failure::Failed(format!("{flag}: {err}")))
        };
        let operators = take(admin, "--data-dir", rng)?;
        let data_planes = take(data_plane, "--data-plane-token-file", rng)?;
        // Tokens are found by their ids, so that one of the two would take the place of the other.
        if operators.id() == data_planes.id() {
            let (admin, data_plane) = (admin.display(), data_plane.display());
            return Err(Failure::Usage(format!(
                "--data-plane-token-file: {data_plane} holds the same token as {admin}; put another token into it, or \
                 name another file"
            )));
        }
        let kept = |token: &Token, role| Kept::of(token, "first start".into(), role, now);
        Ok(vec![kept(&operators, Role::Admin), kept(&data_planes, Role::DataPlane)])
    }
}

/// A token with a fresh id and secret.
pub(crate) fn generate(rng: &mut impl Rng) -> Token {
    Token::from_bits(rng.next_u64(), std::array::from_fn(|_| rng.next_u64()))
}

fn take_or_make(path: &Path, rng: &mut impl Rng) -> Result<Token, String> {
    match fs::exists(path) {
        Ok(true) => {
            check_owner(path)?;
            let token = token::read(path).map_err(|err| err.to_string())?;
            tracing::info!(file = %path.display(), token = token.id(), "took the token in the file over");
            Ok(token)
        }
        Ok(false) => {
            let token = generate(rng);
            write(path, &token)
                .map_err(|err| format!("{} cannot be written: {err}; let this user write there", path.display()))?;
            tracing::info!(file = %path.display(), token = token.id(), "made a token, which the file holds");
            Ok(token)
        }
        Err(err) => Err(format!("{} cannot be read: {err}", path.display())),
    }
}

/// Whoever owns the file knows the token, and may have put it there to be let in.
fn check_owner(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|err| format!("{} cannot be read: {err}", path.display()))?;
    let (owner, user) = (metadata.uid(), getuid().as_raw());
    if owner == user || owner == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(format!(
        "{path} belongs to user {owner}, who would be let in by it; make it this user's with `chown {user} {path}`"
    ))
}

/// Whole or not at all, and for the owner alone.
fn write(path: &Path, token: &Token) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(err),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, chown},
    };

    use gateway_proto::token::{self, Token};
    use jiff::Timestamp;
    use rand::{SeedableRng, rngs::StdRng};

    use super::FirstTokens;
    use crate::auth::token::Role;

    #[test]
    fn they_are_made_for_their_owner_alone_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = FirstTokens::new(directory.path(), None);
        let mut rng = StdRng::seed_from_u64(1);
        let made = first.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap();
        assert_eq!([made[0].role, made[1].role], [Role::Admin, Role::DataPlane]);
        for (kept, name) in made.iter().zip(["admin.token", "data-plane.token"]) {
            let path = directory.path().join(name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(kept.is(&token::read(&path).unwrap()));
        }
        assert_eq!(first.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap(), made);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn one_may_bring_his_own_and_is_told_what_is_wrong_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let (admin, elsewhere) = (directory.path().join("admin.token"), directory.path().join("elsewhere"));
        let own = Token::from_bits(1, [2; 4]);
        fs::write(&admin, own.reveal()).unwrap();
        let first = FirstTokens::new(directory.path(), Some(elsewhere.clone()));
        let mut rng = StdRng::seed_from_u64(1);
        let refused = first.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap_err().to_string();
        assert!(refused.contains("--data-dir") && refused.contains("chmod 600"), "{refused}");
        fs::set_permissions(&admin, fs::Permissions::from_mode(0o600)).unwrap();
        let made = first.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap();
        assert!(made[0].is(&own) && made[1].is(&token::read(&elsewhere).unwrap()));
        fs::write(&elsewhere, "hunter2").unwrap();
        let refused = first.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap_err().to_string();
        assert!(refused.contains("--data-plane-token-file") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn one_token_is_not_for_operators_and_data_planes() {
        let directory = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let (admin, elsewhere) = (directory.path().join("admin.token"), directory.path().join("elsewhere"));
        let one_file = FirstTokens::new(directory.path(), Some(admin.clone()));
        let refused = one_file.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap_err().to_string();
        assert!(refused.contains("--data-plane-token-file") && refused.contains("admin.token"), "{refused}");
        // The same id is enough.
        fs::write(&elsewhere, Token::from_bits(1, [3; 4]).reveal()).unwrap();
        fs::write(&admin, Token::from_bits(1, [2; 4]).reveal()).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
        let two_files = FirstTokens::new(directory.path(), Some(elsewhere));
        let refused = two_files.make(Timestamp::UNIX_EPOCH, &mut rng).unwrap_err().to_string();
        assert!(refused.contains("elsewhere") && refused.contains("admin.token"), "{refused}");
    }

    #[test]
    fn what_somebody_else_has_put_there_is_not_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let admin = directory.path().join("admin.token");
        fs::write(&admin, Token::from_bits(1, [2; 4]).reveal()).unwrap();
        fs::set_permissions(&admin, fs::Permissions::from_mode(0o600)).unwrap();
        // Only root can give a file away.
        if chown(&admin, Some(12_345), None).is_err() {
            return;
        }
        let first = FirstTokens::new(directory.path(), None);
        let refused = first.make(Timestamp::UNIX_EPOCH, &mut StdRng::seed_from_u64(1)).unwrap_err().to_string();
        assert!(refused.contains("12345") && refused.contains("chown"), "{refused}");
    }
}
