//! Sizes, out of the image's own tables.

use core::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use object::{File, Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind, SymbolKind};

use crate::Error;
use crate::scratch::Scratch;

/// The crates whose code is counted as the client's.
const CLIENT: [&str; 3] = ["imds_core", "imds_embassy", "imds_smoltcp"];

/// How large an image is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The file, stripped.
    pub stripped: u64,
    /// All code.
    pub text: u64,
    /// The code of the core and the adapter: the functions of these crates, with what was inlined into them; and without
    /// their functions that were inlined elsewhere.
    pub client: u64,
    /// Memory that is zero at the start: the stack, the network card's, the client's.
    pub bss: u64,
}

impl Sizes {
    /// Measures an image that still has its symbols.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no ELF file, or cannot be stripped.
    pub fn of(image: &Path) -> Result<Self, Error> {
        let bytes = fs::read(image).map_err(|error| Error::File(image.to_owned(), error))?;
        let bad = |why: &dyn fmt::Display| Error::Figures(format!("{}: {why}", image.display()));
        let file = File::parse(bytes.as_slice()).map_err(|error| bad(&error))?;
        let client = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .filter(|symbol| symbol.name().is_ok_and(is_client))
            .map(|symbol| symbol.size())
            .sum();
        if client == 0 {
            return Err(bad(&"no function of the client; was it stripped?"));
        }
        Ok(Self {
            stripped: stripped(image)?,
            text: bytes_of(&file, SectionKind::Text),
            client,
            bss: bytes_of(&file, SectionKind::UninitializedData),
        })
    }
}

/// The bytes of all sections of this kind.
pub(super) fn bytes_of(file: &File<'_>, kind: SectionKind) -> u64 {
    let sections = file.sections().filter(|section| section.kind() == kind);
    sections.map(|section| section.size()).sum()
}

/// Whether a function belongs to the client.
fn is_client(name: &str) -> bool {
    let first = crates_in(name).into_iter().next();
    first.is_some_and(|name| CLIENT.contains(&name.as_str()))
}

/// The crates in a mangled name. The first one is that of the function: of `imds_core::walk::f`, `<imds_core::X as Y>::f`
/// and `<[u8] as imds_core::Y>::f`. `<u8>::f` and `main` name none.
pub(super) fn crates_in(name: &str) -> Vec<String> {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let crates = name.match_indices("::").filter_map(|(end, _)| {
        let begin = name[..end].rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let is_first = begin < end && !name[..begin].ends_with(':');
        is_first.then(|| name[begin..end].to_owned())
    });
    crates.collect()
}

/// How large the file is without what is not loaded.
fn stripped(image: &Path) -> Result<u64, Error> {
    let scratch = Scratch::new()?;
    let copy = scratch.path("stripped");
    let output = Command::new("strip")
        .arg("-o")
        .args([&copy, image])
        .output()
        .map_err(|_| Error::Missing {
            program: "strip".into(),
            package: "binutils",
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::Failed("strip".into(), said));
    }
    let metadata = fs::metadata(&copy).map_err(|error| Error::File(copy, error))?;
    Ok(metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_by_the_crate_in_their_name() {
        for name in [
            "_ZN9imds_core4walk4step17h0123456789abcdefE",
            // <imds_core::lane::Lane as core::fmt::Debug>::fmt
            "_ZN58_$LT$imds_core..lane..Lane$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
            "imds_smoltcp::driver::poll",
            "<[u8] as imds_core::lane::Buffer>::bytes",
            "<*const imds_core::lane::Lane>::f",
        ] {
            assert!(is_client(name), "{name}");
        }
        for name in [
            "main",
            "_ZN7smoltcp4poll17h0123456789abcdefE",
            "core::ptr::drop_in_place::<imds_core::X>",
            "imds_core_like::f",
            "<smoltcp::Socket as imds_core::Socket>::f",
        ] {
            assert!(!is_client(name), "{name}");
        }
    }

    #[test]
    fn crates_are_told_in_the_order_of_the_name() {
        for (name, crates) in [
            (
                "core::ptr::drop_in_place::<smoltcp::Socket>",
                &["core", "smoltcp"][..],
            ),
            ("<[u8; 4] as zeroize::Zeroize>::zeroize", &["zeroize"]),
            (
                "<u8>::f::<imds_core::walk::X, heapless::Vec<u8>>",
                &["imds_core", "heapless"],
            ),
            ("memcpy", &[]),
        ] {
            assert_eq!(crates_in(name), crates, "{name}");
        }
    }

    #[test]
    fn an_image_without_the_client_is_an_error() {
        let own = std::env::current_exe().expect("this test");
        let error = Sizes::of(&own).expect_err("this test has no client in it");
        assert!(
            error.to_string().contains("no function of the client"),
            "{error}"
        );
    }
}
