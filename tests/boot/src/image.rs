//! The project's own images, built once in a process.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Error;

/// Which build of an image.
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

/// Which image: the network stack that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stack {
    /// `smoltcp`: `imds-image`.
    Smoltcp,
    /// `embassy`: `imds-embassy-image`.
    Embassy,
}

impl Stack {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Smoltcp, Self::Embassy];

    /// The name that [`FromStr`] accepts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smoltcp => "smoltcp",
            Self::Embassy => "embassy",
        }
    }

    /// The program's name.
    const fn program(self) -> &'static str {
        match self {
            Self::Smoltcp => "imds-image",
            Self::Embassy => "imds-embassy-image",
        }
    }
}

impl FromStr for Stack {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|stack| stack.name() == name)
            .ok_or_else(|| "not a stack; there are smoltcp, embassy".into())
    }
}

/// One of the project's images, in one of its builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// Which image.
    pub stack: Stack,
    /// Which build of it.
    pub flavour: Flavour,
}

/// `smoltcp-stock`.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stack.name(), self.flavour)
    }
}

/// Builds all images with the project's script `firmware/build`, the first time in this process; afterwards, and at the same time
/// in other threads, gives what that has made: the path of the image with all its symbols.
///
/// # Errors
///
/// The script failed, and what it said is in the error.
pub fn build(image: Image) -> Result<&'static Path, Error> {
    static STOCK: Built = Built::new();
    static SOFT: Built = Built::new();
    let built = match image.flavour {
        Flavour::Stock => &STOCK,
        Flavour::Soft => &SOFT,
    };
    built_by(built, image.flavour.name(), image.stack.program())
}

/// What the script has made.
pub(crate) type Built = OnceLock<Result<Vec<PathBuf>, String>>;

/// The image of this name, which the script builds if it is told this word.
pub(crate) fn built_by(
    built: &'static Built,
    word: &str,
    program: &str,
) -> Result<&'static Path, Error> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/build");
    let found = match built.get_or_init(|| run(&script, word)) {
        Ok(paths) => paths
            .iter()
            .find(|path| path.ends_with(program) && path.is_file())
            .ok_or_else(|| format!("no {program} among what it built: {paths:?}")),
        Err(said) => Err(said.clone()),
    };
    found
        .map(PathBuf::as_path)
        .map_err(|said| Error::Failed(script, said))
}

/// Runs the script. It prints the paths of all that it built.
fn run(script: &Path, word: &str) -> Result<Vec<PathBuf>, String> {
    let output = Command::new(script)
        .arg(word)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}\n{said}{errors}", output.status));
    }
    Ok(said.lines().map(PathBuf::from).collect())
}
