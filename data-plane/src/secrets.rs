//! The directory of secrets: files that policies name, so that no secret is in a policy.

use std::{
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use gateway_proto::process::Failure;

/// Where the files are, if there is such a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Option<Arc<Path>>);

/// Why there is nothing to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// No flag names a directory.
    #[error("this data plane has no directory of secrets; name one by --secrets-dir")]
    NoDirectory,
    /// The name, or a link on the way, leads out of the directory.
    #[error("it is not in the directory of secrets")]
    Elsewhere,
    /// It is a directory, a pipe or the like.
    #[error("it is no file")]
    NoFile,
    /// It is longer than it may be.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// The system refuses.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

impl Secrets {
    /// Those in this directory.
    ///
    /// # Errors
    /// A failure that names `--secrets-dir`, if there is no such directory.
    pub(crate) fn open(directory: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(directory) = directory else { return Ok(Self(None)) };
        let wrong = |what| Failure::Usage(format!("--secrets-dir {}: {what}", directory.display()));
        match directory.metadata() {
            Ok(found) if found.is_dir() => Ok(Self(Some(directory.into()))),
            Ok(_) => Err(wrong("is no directory".to_owned())),
            Err(err) => Err(wrong(format!("cannot be used: {err}; name a directory"))),
        }
    }

    /// What is in the file now. Blocks.
    ///
    /// Links are followed as long as they stay below the directory: that is how secrets are mounted so that
    /// they can be replaced at once.
    pub(crate) fn read(&self, file: &str, max: usize) -> Result<Vec<u8>, SecretError> {
        let directory = self.0.as_deref().ok_or(SecretError::NoDirectory)?;
        let is_plain = |part| matches!(part, Component::Normal(_));
        if file.is_empty() || !Path::new(file).components().all(is_plain) {
            return Err(SecretError::Elsewhere);
        }
        let path = directory.join(file).canonicalize()?;
        if !path.starts_with(directory.canonicalize()?) {
            return Err(SecretError::Elsewhere);
        }
        // A pipe would keep whoever opens it.
        if !path.metadata()?.is_file() {
            return Err(SecretError::NoFile);
        }
        let mut content = Vec::new();
        File::open(path)?.take(max as u64 + 1).read_to_end(&mut content)?;
        if content.len() > max { Err(SecretError::TooLong(max)) } else { Ok(content) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{create_dir, write},
        os::unix::fs::symlink,
    };

    use gateway_proto::process::Failure;
    use tempfile::tempdir;

    use super::{SecretError, Secrets};

    #[test]
    fn what_is_in_the_directory_is_read_and_nothing_else() {
        let all = tempdir().unwrap();
        let directory = all.path().join("secrets");
        create_dir(&directory).unwrap();
        create_dir(directory.join("sub")).unwrap();
        write(all.path().join("outside"), "not yours").unwrap();
        write(directory.join("sub/key"), "12345").unwrap();
        symlink(directory.join("sub"), directory.join("now")).unwrap();
        symlink("now/key", directory.join("key")).unwrap();
        symlink("../outside", directory.join("out")).unwrap();
        symlink(all.path(), directory.join("up")).unwrap();
        let secrets = Secrets::open(Some(directory)).unwrap();
        for inside in ["sub/key", "key", "now/key"] {
            assert_eq!(secrets.read(inside, 5).unwrap(), b"12345", "{inside}");
        }
        let absolute = all.path().join("outside");
        for elsewhere in
            ["", ".", "..", "../outside", "sub/../../outside", "out", "up/outside", absolute.to_str().unwrap()]
        {
            let refused = secrets.read(elsewhere, 100);
            assert!(matches!(refused, Err(SecretError::Elsewhere)), "{elsewhere}: {refused:?}");
        }
        assert!(matches!(secrets.read("key", 4), Err(SecretError::TooLong(4))));
        assert!(matches!(secrets.read("sub", 100), Err(SecretError::NoFile)));
        assert!(matches!(secrets.read("gone", 100), Err(SecretError::Unreadable(_))));
        assert!(matches!(Secrets::default().read("key", 100), Err(SecretError::NoDirectory)));
    }

    #[test]
    fn a_directory_that_is_none_is_told_by_the_flag() {
        let all = tempdir().unwrap();
        let file = all.path().join("file");
        write(&file, "").unwrap();
        for wrong in [file, all.path().join("gone")] {
            let Err(Failure::Usage(told)) = Secrets::open(Some(wrong)) else { panic!() };
            assert!(told.contains("--secrets-dir"), "{told}");
        }
    }
}
