//! A wall clock that jumps, of one process alone.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::succeed;

/// A process's wall clock: right at first.
pub struct Clock {
    library: String,
    file: String,
    wrong_by: File,
}

impl Clock {
    /// One that keeps its files in a folder. (libfaketime would leave shared memory behind with each process that is killed.)
    pub fn new(folder: &Path, name: &str) -> Self {
        let path = |extension: &str| folder.join(format!("{name}.{extension}")).to_str().unwrap().to_owned();
        let (library, file) = (path("so"), path("seconds"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");
        succeed("cc", &["-shared", "-fPIC", "-Wall", "-Werror", "-o", &library, source], "");
        fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
        let wrong_by = OpenOptions::new().write(true).open(&file).unwrap();
        Self { library, file, wrong_by }
    }

    /// What makes it a process's clock.
    pub fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", &self.library), ("CLOCK_WRONG_BY", &self.file)]
    }

    /// It is wrong by so much from now on.
    pub fn set_wrong_by(&self, seconds: i64) {
        self.wrong_by.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}
