//! Where declarations come from: files, directories, standard input.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::exit::{Exit, Failure};

/// The most that is read of all sources together, in bytes: 128 MiB, twice what one change may be.
const MAX_TOTAL: u64 = 128 << 20;

/// The text of a file and its name for messages.
#[derive(Debug, Clone)]
pub struct Source {
    /// As people know it.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// Reads files, the `*.yaml`, `*.yml` and `*.json` of directories in the order of their names, and
/// standard input for `-`.
///
/// # Errors
/// What cannot be read, all at once.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    let mut left = MAX_TOTAL;
    for path in paths {
        let files = if path.is_dir() { files_of(path) } else { Ok(vec![path.clone()]) };
        match files {
            Ok(files) if files.is_empty() => {
                problems.push(format!("{}: holds no *.yaml, *.yml or *.json", path.display()));
            }
            Ok(files) => {
                for file in files {
                    match read_one(&file, left) {
                        Ok(source) => {
                            left -= source.text.len() as u64;
                            sources.push(source);
                        }
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(err) => problems.push(format!("{}: cannot be read: {err}", path.display())),
        }
    }
    if problems.is_empty() {
        return Ok(sources);
    }
    Err(Failure::new(Exit::Failed, "not every file can be read; nothing was changed").details(problems))
}

fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in directory.read_dir()? {
        let path = entry?.path();
        let declarative = path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json");
        if declarative && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_one(path: &Path, left: u64) -> Result<Source, String> {
    let (name, bytes) = if path == Path::new("-") {
        ("stdin".to_owned(), read_bounded(io::stdin().lock(), left))
    } else {
        (path.display().to_string(), File::open(path).and_then(|file| read_bounded(file, left)))
    };
    let bytes = bytes.map_err(|err| format!("{name}: cannot be read: {err}"))?;
    if bytes.len() as u64 > left {
        return Err(format!("{name}: goes beyond the {} MiB that are read at the most", MAX_TOTAL >> 20));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(err) => {
            let good = &err.as_bytes()[..err.utf8_error().valid_up_to()];
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(format!("{name}:{line}: is not UTF-8"))
        }
    }
}

fn read_bounded(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
