//! The folder: whose it is, what is in it, and what it says of itself.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    error::OpenError,
    state::{MAGIC, State},
};

/// The least that a disk is made for, in bytes.
pub const MIN_SIZE: u64 = 16 * MIB;
/// The most, in bytes.
pub const MAX_SIZE: u64 = 4 * 1024 * 1024 * MIB;

const MIB: u64 = 1024 * 1024;
/// So many blocks at the most, but for very large disks; each is a file that is open.
const BLOCKS: u64 = 256;
/// foyer counts within a block in 32 bits.
const LARGEST_BLOCK: u64 = 2048 * MIB;

const STATE: &str = "state";
const NEW_STATE: &str = "state.new";
/// foyer's names of its files.
const BLOCK_PREFIX: &str = "foyer-storage-direct-fs-";

/// A folder that is ours as long as this is there.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    /// Locked.
    handle: File,
}

/// How a disk of some size is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) block: u64,
    pub(crate) blocks: u64,
}

impl Cut {
    pub(crate) fn of(size: u64) -> Result<Self, OpenError> {
        if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
            return Err(OpenError::Size { size });
        }
        let block = size.div_ceil(BLOCKS).next_multiple_of(MIB).min(LARGEST_BLOCK);
        Ok(Self { block, blocks: size / block })
    }

    pub(crate) const fn size(self) -> u64 {
        self.block * self.blocks
    }
}

impl Folder {
    /// Takes the folder, which is made if it is not there. Beside it comes what it says of itself, if
    /// it is of this kind and cut like this; what else was ours is then removed.
    pub(crate) fn open(dir: &Path, cut: Cut) -> Result<(Self, Option<State>), OpenError> {
        let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let handle = File::open(dir).map_err(failed)?;
        handle.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { dir: dir.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let folder = Self { dir: dir.to_owned(), handle };
        let Some(bytes) = folder.read_state().map_err(failed)? else {
            return match folder.foreign().map_err(failed)? {
                Some(name) => Err(OpenError::Foreign { dir: dir.to_owned(), name }),
                None => Ok((folder, None)),
            };
        };
        if !bytes.starts_with(MAGIC) {
            return Err(OpenError::Foreign { dir: dir.to_owned(), name: STATE.to_owned() });
        }
        let state = State::decode(&bytes).filter(|state| (state.block, state.blocks) == (cut.block, cut.blocks));
        if state.is_none() {
            folder.clear().map_err(failed)?;
        }
        Ok((folder, state))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    fn read_state(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.dir.join(STATE)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Something that keeps a folder without a state from being taken. A new state whose writing was
    /// cut short is ours, and a file system's own folder is nobody's.
    fn foreign(&self) -> io::Result<Option<String>> {
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            if name != NEW_STATE && name != "lost+found" {
                return Ok(Some(name.to_string_lossy().into_owned()));
            }
        }
        Ok(None)
    }

    fn block_files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(BLOCK_PREFIX));
            if number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
                files.push(entry.path());
            }
        }
        Ok(files)
    }

    fn clear(&self) -> io::Result<()> {
        self.block_files()?.into_iter().try_for_each(fs::remove_file)
    }

    /// Makes the files, with all the room that they will ever take, so that a full disk is noticed now.
    pub(crate) fn reserve(&self, cut: Cut) -> Result<(), OpenError> {
        for block in 0..cut.blocks {
            self.reserve_block(block, cut.block).map_err(|source| match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    OpenError::Full { dir: self.dir.clone(), size: cut.size() }
                }
                _ => OpenError::Io { dir: self.dir.clone(), source },
            })?;
        }
        Ok(())
    }

    fn reserve_block(&self, block: u64, size: u64) -> io::Result<()> {
        let path = self.dir.join(format!("{BLOCK_PREFIX}{block:08}"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        #[cfg(target_os = "linux")]
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size) {
            // A file system that cannot keep room free has what it has.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        file.set_len(size)
    }

    /// Everything of the blocks is on the disk, whatever happens to the machine.
    pub(crate) fn sync_blocks(&self) -> io::Result<()> {
        self.block_files()?.into_iter().try_for_each(|path| File::open(path)?.sync_data())
    }

    /// Writes the state, whole or not at all.
    pub(crate) fn write_state(&self, state: &State) -> io::Result<()> {
        let new = self.dir.join(NEW_STATE);
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(&state.encode())?;
        file.sync_all()?;
        fs::rename(new, self.dir.join(STATE))?;
        self.handle.sync_all()
    }
}
