//! Whose code an image is made of, by its debug information.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use object::{File, Object as _, ObjectSection as _, SectionKind};

use super::elf::{bytes_of, crates_in};
use crate::Error;

/// Code that is no crate's.
const REST: &str = "Rust's own";

/// What is asked for at once: Thumb's instructions have two bytes or four.
const STEP: usize = 2;

/// What an image has in it, in bytes.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Code.
    pub text: u64,
    /// Constants.
    pub rodata: u64,
    /// Memory that has a value at the start.
    pub data: u64,
    /// Memory that is zero at the start.
    pub bss: u64,
    /// The code of each crate.
    pub crates: BTreeMap<String, u64>,
}

/// What is in an image that still has its debug information.
///
/// Code that was inlined counts for the crate that it was written in, and not for the one that it stands in. Rust's own
/// library counts for the crate that it was inlined into or made for. What is left of it, and what the compiler made of
/// repeated pieces of all crates, is told as `Rust's own`.
///
/// # Errors
///
/// The image cannot be read, or is no ELF file with debug information.
pub fn parts(image: &Path) -> Result<Parts, Error> {
    let bytes = fs::read(image).map_err(|error| Error::File(image.to_owned(), error))?;
    let bad = |why: &dyn fmt::Display| Error::Figures(format!("{}: {why}", image.display()));
    let file = File::parse(bytes.as_slice()).map_err(|error| bad(&error))?;
    let section = |id: SectionId| -> Result<_, addr2line::gimli::Error> {
        let section = file.section_by_name(id.name());
        let data = section.and_then(|section| section.uncompressed_data().ok());
        Ok(match data {
            Some(Cow::Borrowed(data)) => EndianSlice::new(data, LittleEndian),
            Some(Cow::Owned(_)) | None => EndianSlice::new(&[], LittleEndian),
        })
    };
    let dwarf = Dwarf::load(section).map_err(|error| bad(&error))?;
    let context = Context::from_dwarf(dwarf).map_err(|error| bad(&error))?;
    let mut crates = BTreeMap::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        for address in (section.address()..section.address() + section.size()).step_by(STEP) {
            let owner = owner(&context, address).unwrap_or_else(|| REST.to_owned());
            *crates.entry(owner).or_default() += STEP as u64;
        }
    }
    if crates.len() < 2 {
        return Err(bad(&"no debug information; was it stripped?"));
    }
    Ok(Parts {
        text: bytes_of(&file, SectionKind::Text),
        rodata: bytes_of(&file, SectionKind::ReadOnlyData)
            + bytes_of(&file, SectionKind::ReadOnlyString),
        data: bytes_of(&file, SectionKind::Data),
        bss: bytes_of(&file, SectionKind::UninitializedData),
        crates,
    })
}

/// The crate of the innermost function that is not of Rust's own library; or, if there is none, the first other crate in
/// the name of the outermost: `drop_in_place::<smoltcp::Socket>` is smoltcp's.
fn owner(context: &Context<EndianSlice<'_, LittleEndian>>, address: u64) -> Option<String> {
    let is_other = |name: &String| !["core", "alloc", "compiler_builtins"].contains(&name.as_str());
    let mut frames = context.find_frames(address).skip_all_loads().ok()?;
    let mut outermost = Vec::new();
    while let Some(frame) = frames.next().ok()? {
        outermost = crates_in(&frame.function?.raw_name().ok()?);
        if let Some(first) = outermost.first().filter(|first| is_other(first)) {
            return Some(first.clone());
        }
    }
    outermost.into_iter().find(is_other)
}
