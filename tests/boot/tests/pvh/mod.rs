//! The smallest images that boot: a few machine instructions behind a PVH note.

use std::fs;
use std::path::PathBuf;

/// Where the file is in memory.
const BASE: u32 = 0x10_0000;
/// Where the parts are in the file: the headers come first.
const NOTE: u32 = 0xb0;
const CODE: u32 = 0xd0;

/// The code of an image, for a 32-bit processor without an operating system.
#[derive(Default)]
pub(crate) struct Code(Vec<u8>);

impl Code {
    /// Writes a byte to a port.
    fn out(mut self, port: u16, byte: u8) -> Self {
        let [low, high] = port.to_le_bytes();
        // mov dx, port; mov al, byte; out dx, al
        self.0.extend([0x66, 0xba, low, high, 0xb0, byte, 0xee]);
        self
    }

    /// Prints to the first serial port.
    pub(crate) fn print(self, text: &str) -> Self {
        text.bytes().fold(self, |code, byte| code.out(0x3f8, byte))
    }

    /// Prints to the second serial port.
    pub(crate) fn log(self, text: &str) -> Self {
        text.bytes().fold(self, |code, byte| code.out(0x2f8, byte))
    }

    /// Ends the machine through `isa-debug-exit`, if it has one.
    pub(crate) fn exit(self, value: u8) -> Self {
        self.out(0xf4, value)
    }

    /// Faults three times, which resets the machine.
    pub(crate) fn reset(mut self) -> Self {
        // A table of interrupts without an entry, which stands behind the next two instructions.
        let table = BASE + CODE + u32::try_from(self.0.len()).expect("short code") + 8;
        self.0.extend([0x0f, 0x01, 0x1d]); // lidt [table]
        self.0.extend(table.to_le_bytes());
        self.0.push(0xcc); // int3
        self.0.extend([0; 6]);
        self
    }

    /// Writes the image, which goes on to stand still, to a file of this name.
    pub(crate) fn image(mut self, name: &str) -> PathBuf {
        self.0.extend([0xf4, 0xeb, 0xfd]); // hlt; jmp back to it
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, elf(&self.0)).expect("the folder is for such files");
        path
    }
}

fn elf(code: &[u8]) -> Vec<u8> {
    let entry = BASE + CODE;
    let size = CODE + u32::try_from(code.len()).expect("short code");
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01");
    file.resize(16, 0);
    file.extend(2u16.to_le_bytes()); // an executable
    file.extend(62u16.to_le_bytes()); // for x86-64
    file.extend(1u32.to_le_bytes());
    file.extend(u64::from(entry).to_le_bytes());
    file.extend(64u64.to_le_bytes()); // program headers are behind this one,
    file.extend(0u64.to_le_bytes()); // sections there are none
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 2, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // To be loaded: all of the file. A note: the PVH one.
    for (kind, from, length) in [(1u32, 0, size), (4, NOTE, 20)] {
        file.extend(kind.to_le_bytes());
        file.extend(7u32.to_le_bytes());
        let address = u64::from(BASE + from);
        for long in [
            from.into(),
            address,
            address,
            length.into(),
            length.into(),
            4u64,
        ] {
            file.extend(long.to_le_bytes());
        }
    }
    for word in [4u32, 4, 18] {
        file.extend(word.to_le_bytes());
    }
    file.extend(b"Xen\0");
    file.extend(entry.to_le_bytes());
    file.resize(usize::try_from(CODE).expect("64 bits"), 0);
    file.extend(code);
    file
}
