//! The project's own image, built once in a process.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Error;

/// The program's name.
const IMAGE: &str = "imds-image";

/// Which build of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// `stock`: by the stock toolchain, with SSE.
    Stock,
    /// `soft`: for `x86_64-unknown-none`, without any floating-point unit.
    Soft,
}

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stock, Self::Soft];

    /// The name that [`FromStr`] accepts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Soft => "soft",
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|flavour| flavour.name() == name)
            .ok_or_else(|| "not a flavour; there are stock, soft".into())
    }
}

/// Builds the image with the project's script `firmware/build`, the first time in this process; afterwards, and at the same time
/// in other threads, gives what that has made: the path of the image with all its symbols.
///
/// # Errors
///
/// The script failed, and what it said is in the error.
pub fn build(flavour: Flavour) -> Result<&'static Path, Error> {
    static STOCK: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static SOFT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = match flavour {
        Flavour::Stock => &STOCK,
        Flavour::Soft => &SOFT,
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/build");
    match built.get_or_init(|| run(&script, flavour)) {
        Ok(path) => Ok(path),
        Err(said) => Err(Error::Failed(script, said.clone())),
    }
}

/// Runs the script. It prints the paths of all that it built, and one of them is the image.
fn run(script: &Path, flavour: Flavour) -> Result<PathBuf, String> {
    let output = Command::new(script)
        .arg(flavour.name())
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}\n{said}{errors}", output.status));
    }
    let image = |path: &PathBuf| path.file_name().is_some_and(|name| name == IMAGE);
    said.lines()
        .map(PathBuf::from)
        .find(image)
        .filter(|path| path.is_file())
        .ok_or_else(|| format!("no {IMAGE} among what it built: {said}"))
}
