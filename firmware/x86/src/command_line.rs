//! What whoever starts the machine says to the image: the kernel command line.

use core::fmt;
use core::slice;
use core::str;

/// The command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLine(&'static str);

/// Why there is no command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// No PVH start information: the loader did something else.
    NoStartInfo,
    /// It lies above 4 GiB, or has no end.
    OutOfReach,
    /// It is not UTF-8.
    NotUtf8,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStartInfo => "no command line: the loader passed no PVH start information",
            Self::OutOfReach => {
                "no command line: it lies above 4 GiB or does not end within 64 KiB"
            }
            Self::NotUtf8 => "the command line is not UTF-8: write other bytes as %XX",
        })
    }
}

impl core::error::Error for Error {}

/// The first word of the start information, and offsets into it.
const MAGIC: u32 = 0x336e_c578;
const OFFSET_COMMAND_LINE: usize = 24;
const START_INFO_LENGTH: usize = 40;
/// No loader writes more.
const MAX_LENGTH: usize = 64 * 1024;

impl CommandLine {
    /// Nothing was said.
    pub const EMPTY: Self = Self("");

    /// A command line of one's own, for tests.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The whole of it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Its words, separated by white space. As in Linux, a double quote hides white space until the
    /// next one, and quotes around a word, or around what follows its `=`, are taken off.
    pub fn words(self) -> impl Iterator<Item = Word> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            rest = rest.trim_start();
            if rest.is_empty() {
                return None;
            }
            let mut quoted = false;
            let end = rest
                .find(|letter: char| {
                    quoted ^= letter == '"';
                    letter.is_whitespace() && !quoted
                })
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after;
            Some(Word::parse(word))
        })
    }

    /// The values of all words `key=value` with this key, in order.
    pub fn values(self, key: &str) -> impl Iterator<Item = &'static str> {
        self.words()
            .filter(move |word| word.key == key)
            .filter_map(|word| word.value)
    }

    /// Reads the command line that the loader left.
    ///
    /// # Safety
    ///
    /// `start_info` is what a loader left in `ebx`. All below 4 GiB is mapped, and nothing writes
    /// to the loader's tables.
    #[cfg_attr(test, allow(dead_code, reason = "called by the entry code"))]
    pub(crate) unsafe fn from_start_info(start_info: u32) -> Result<Self, Error> {
        // The first page is about to be taken out of the mapping.
        let reachable = |address: u64, length: usize| {
            (4096..(1 << 32) - length as u64)
                .contains(&address)
                .then_some(address as *const u8)
        };
        let info = reachable(start_info.into(), START_INFO_LENGTH)
            .filter(|address| address.cast::<u32>().is_aligned())
            .ok_or(Error::NoStartInfo)?;
        // SAFETY: mapped and aligned. If it is not what we take it for, it is still memory.
        if unsafe { info.cast::<u32>().read() } != MAGIC {
            return Err(Error::NoStartInfo);
        }
        // SAFETY: mapped, and of this many bytes.
        let address = unsafe { info.add(OFFSET_COMMAND_LINE).cast::<u64>().read_unaligned() };
        if address == 0 {
            return Ok(Self::EMPTY);
        }
        let text = reachable(address, MAX_LENGTH).ok_or(Error::OutOfReach)?;
        let length = (0..MAX_LENGTH)
            // SAFETY: mapped, all of it.
            .position(|offset| unsafe { text.add(offset).read() } == 0)
            .ok_or(Error::OutOfReach)?;
        // SAFETY: mapped, and nothing writes there: the loader has done its work.
        let bytes = unsafe { slice::from_raw_parts(text, length) };
        str::from_utf8(bytes).map(Self).map_err(|_| Error::NotUtf8)
    }
}

/// A word of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// All of it, or what stands before the first `=`.
    pub key: &'static str,
    /// What stands behind the first `=`.
    pub value: Option<&'static str>,
}

impl Word {
    fn parse(word: &'static str) -> Self {
        let word = unquoted(word);
        match word.split_once('=') {
            Some((key, value)) => Self {
                key,
                value: Some(unquoted(value)),
            },
            None => Self {
                key: word,
                value: None,
            },
        }
    }
}

/// Without the quotes around it. The last one may be missing, as on any line that ends early.
fn unquoted(text: &str) -> &str {
    match text.strip_prefix('"') {
        Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
        None => text,
    }
}

/// A virtio device that the command line names: `virtio_mmio.device=512@0xfeb00e00:12` (QEMU) or
/// `4K@0xc0001000:5` (Firecracker).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioDevice {
    /// Of its registers.
    pub address: u64,
    /// Bytes of registers.
    pub size: u64,
}

impl MmioDevice {
    /// The key of such words.
    pub const KEY: &str = "virtio_mmio.device";

    /// Reads `size@address:interrupt`, with an optional `:identity`, as in Linux. The interrupt is
    /// checked and forgotten: nothing here is interrupted.
    pub fn parse(value: &str) -> Option<Self> {
        let (size, rest) = value.split_once('@')?;
        let mut parts = rest.split(':');
        let address = number(parts.next()?)?;
        number(parts.next()?)?;
        if let Some(identity) = parts.next() {
            number(identity)?;
        }
        let size = number(size)?;
        (parts.next().is_none() && size > 0).then_some(Self { address, size })
    }
}

/// A number as the kernel's `memparse` reads it: `0x` for hexadecimal, K, M or G behind it.
fn number(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()?.to_ascii_uppercase() {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // `from_str_radix` takes a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix)
        .ok()?
        .checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::{CommandLine, Error, MAGIC, MmioDevice};

    fn words(line: &'static str) -> Vec<String> {
        CommandLine::new(line)
            .words()
            .map(|word| match word.value {
                Some(value) => format!("{}|{value}", word.key),
                None => word.key.into(),
            })
            .collect()
    }

    #[test]
    fn words_are_separated_by_white_space() {
        assert_eq!(
            words("  quiet ip=dhcp\timds.lanes=3 \n"),
            ["quiet", "ip|dhcp", "imds.lanes|3"]
        );
        assert_eq!(words(""), [""; 0]);
        assert_eq!(words("   "), [""; 0]);
    }

    #[test]
    fn quotes_hide_white_space() {
        assert_eq!(words(r#"a="b c" d"#), ["a|b c", "d"]);
        assert_eq!(words(r#""a=b c" d"#), ["a|b c", "d"]);
        assert_eq!(words(r#"a="b c"#), ["a|b c"]);
        assert_eq!(words(r#"a="" b"#), ["a|", "b"]);
        assert_eq!(words(r#"a=b" "c"#), [r#"a|b" "c"#]);
        assert_eq!(words("\""), [""]);
    }

    #[test]
    fn only_the_first_equals_sign_counts() {
        assert_eq!(words("a=b=c =d e="), ["a|b=c", "|d", "e|"]);
    }

    #[test]
    fn a_key_may_repeat() {
        let line = CommandLine::new("get=a get=b got=c get");
        assert_eq!(line.values("get").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn devices_as_qemu_and_firecracker_write_them() {
        let device = |address, size| Some(MmioDevice { address, size });
        assert_eq!(
            MmioDevice::parse("512@0xfeb00e00:12"),
            device(0xfeb0_0e00, 512)
        );
        assert_eq!(
            MmioDevice::parse("4K@0xc0001000:5"),
            device(0xc000_1000, 4096)
        );
        assert_eq!(MmioDevice::parse("1M@3G:5:2"), device(3 << 30, 1 << 20));
    }

    #[test]
    fn devices_written_wrong_are_refused() {
        let wrong = [
            "",
            "512",
            "512@",
            "@0x1000:1",
            "512@0x1000",
            "512@0x1000:",
            "512@0x1000:x",
            "K@0x1000:1",
            "-1@0x1000:1",
            "+1@0x1000:1",
            "0@0x1000:1",
            "512@0x1000:1:2:3",
            "512@0x:1",
            "512@ 0x1000:1",
            "512@0xffffffffffffffffK:1",
            "ä@0x1000:1",
        ];
        for value in wrong {
            assert_eq!(MmioDevice::parse(value), None, "{value}");
        }
    }

    /// A loader's table in memory that a 32-bit address can name, which is what makes this test
    /// Linux's.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_loader_leaves() {
        unsafe extern "C" {
            fn mmap(
                at: *mut u8,
                length: usize,
                protection: i32,
                flags: i32,
                file: i32,
                offset: i64,
            ) -> *mut u8;
        }
        // SAFETY: a fresh private mapping in the lower 2 GiB.
        let memory = unsafe { mmap(core::ptr::null_mut(), 1 << 20, 3, 0x22 | 0x40, -1, 0) };
        let base = u32::try_from(memory as usize).unwrap();
        let read = |magic: u32, address: u64, text: &[u8]| {
            // SAFETY: within the mapping, which nobody else knows.
            unsafe {
                memory.cast::<u32>().write(magic);
                memory.add(24).cast::<u64>().write(address);
                memory.add(4096).copy_from(text.as_ptr(), text.len());
                CommandLine::from_start_info(base)
            }
        };
        let text = u64::from(base) + 4096;
        let found = read(MAGIC, text, b"ip=ll quiet\0");
        assert_eq!(found, Ok(CommandLine::new("ip=ll quiet")));
        assert_eq!(read(MAGIC, 0, b""), Ok(CommandLine::EMPTY));
        assert_eq!(read(1, text, b"a\0"), Err(Error::NoStartInfo));
        assert_eq!(read(MAGIC, text, b"\xff\0"), Err(Error::NotUtf8));
        assert_eq!(read(MAGIC, text, &[b'a'; 65536]), Err(Error::OutOfReach));
        assert_eq!(read(MAGIC, 1 << 32, b"a\0"), Err(Error::OutOfReach));
        // SAFETY: an address that is refused is not read.
        let nothing = unsafe { CommandLine::from_start_info(0) };
        assert_eq!(nothing, Err(Error::NoStartInfo));
    }
}
