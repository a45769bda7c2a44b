//! The files of one boot, in a folder that goes with it.

use core::sync::atomic::{AtomicU32, Ordering};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use crate::Error;

/// A new empty folder. Dropping it removes it with everything in it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Result<Self, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Short: a socket's path has to stay below 108 bytes.
        let name = format!(
            "imds-boot-{}-{}",
            process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let path = env::temp_dir().join(name);
        // Not `create_dir_all`: a folder that is there is somebody else's.
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Error::File(path, error)),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left in the folder for temporary files, where it does not hurt.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_new_and_go_with_their_files() {
        let one = Scratch::new().expect("a folder");
        let two = Scratch::new().expect("a folder");
        assert_ne!(one.as_ref(), two.as_ref());
        let file = one.path("file");
        fs::write(&file, "x").expect("a file in it");
        drop(one);
        assert!(!file.exists() && two.as_ref().exists());
    }
}
