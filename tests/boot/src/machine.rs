//! The machines of QEMU that an image has to boot on.

use core::fmt;
use core::str::FromStr;

use crate::{Ending, arm};

/// A kind of machine. Each has a name, the same on the command line and in `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// `microvm`: Firecracker's look: virtio over MMIO, told by the kernel command line; no PCI, no ACPI.
    Microvm,
    /// `microvm-acpi`: the same with ACPI tables, and without a word on the command line.
    MicrovmAcpi,
    /// `pc`: the i440FX of 1996, with PCI.
    Pc,
    /// `q35`: a newer chipset, with PCI Express.
    Q35,
    /// `lm3s6965evb`: a microcontroller, an Arm Cortex-M3 with 64 KiB of memory. For an image of its own.
    Lm3s6965evb,
}

impl Machine {
    /// Every machine of x86-64, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Microvm, Self::MicrovmAcpi, Self::Pc, Self::Q35];

    /// The name that [`FromStr`] accepts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::MicrovmAcpi => "microvm-acpi",
            Self::Pc => "pc",
            Self::Q35 => "q35",
            Self::Lm3s6965evb => "lm3s6965evb",
        }
    }

    /// The machine that this image is for: `microvm`, unless it is of Arm.
    #[must_use]
    pub fn of_image(elf: &[u8]) -> Self {
        const EM_ARM: &[u8] = &[40, 0];
        match elf.get(18..20) {
            Some(EM_ARM) => Self::Lm3s6965evb,
            Some(_) | None => Self::Microvm,
        }
    }

    /// The QEMU that has it.
    pub(crate) const fn qemu(self) -> &'static str {
        match self {
            Self::Microvm | Self::MicrovmAcpi | Self::Pc | Self::Q35 => "qemu-system-x86_64",
            Self::Lm3s6965evb => "qemu-system-arm",
        }
    }

    /// What an exit status of QEMU means on it.
    pub(crate) const fn ending(self) -> fn(i32) -> Ending {
        match self {
            Self::Microvm | Self::MicrovmAcpi | Self::Pc | Self::Q35 => Ending::of_status,
            Self::Lm3s6965evb => arm::ending,
        }
    }

    /// QEMU's word for it.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Microvm => "microvm,acpi=off",
            Self::MicrovmAcpi => "microvm",
            Self::Pc => "pc",
            Self::Q35 => "q35",
            Self::Lm3s6965evb => "lm3s6965evb",
        }
    }

    /// How its network card is attached if nobody says otherwise.
    pub(crate) const fn transport(self) -> Transport {
        match self {
            Self::Microvm | Self::MicrovmAcpi => Transport::Mmio,
            Self::Pc | Self::Q35 => Transport::Pci,
            Self::Lm3s6965evb => Transport::OnChip,
        }
    }
}

/// How the network card is attached. QEMU refuses what the machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// virtio-mmio, version 2.
    Mmio,
    /// virtio-mmio, version 1, from before virtio 1.0.
    MmioLegacy,
    /// virtio over PCI, both old and new interface offered.
    Pci,
    /// virtio over PCI, the new interface only.
    PciModern,
    /// virtio over PCI, the old interface only.
    PciLegacy,
    /// Not at all: there is none.
    None,
    /// Part of the chip.
    OnChip,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Machine {
    type Err = UnknownMachine;

    fn from_str(name: &str) -> Result<Self, UnknownMachine> {
        Self::ALL
            .into_iter()
            .chain([Self::Lm3s6965evb])
            .find(|machine| machine.name() == name)
            .ok_or(UnknownMachine)
    }
}

/// The text names no [`Machine`]. Its message lists the names there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMachine;

impl fmt::Display for UnknownMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a machine; there are")?;
        for machine in Machine::ALL {
            write!(f, " {machine},")?;
        }
        write!(f, " {}", Machine::Lm3s6965evb)
    }
}

impl core::error::Error for UnknownMachine {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_arm_is_for_the_machine_of_arm() {
        let elf = |machine: u16| [&[0; 18][..], &machine.to_le_bytes()].concat();
        assert_eq!(Machine::of_image(&elf(40)), Machine::Lm3s6965evb);
        assert_eq!(Machine::of_image(&elf(62)), Machine::Microvm);
        assert_eq!(Machine::of_image(b"short"), Machine::Microvm);
    }

    #[test]
    fn every_machine_is_found_by_the_name_it_prints() {
        for machine in Machine::ALL.into_iter().chain([Machine::Lm3s6965evb]) {
            assert_eq!(machine.to_string().parse(), Ok(machine));
        }
        let error = "vax".parse::<Machine>().expect_err("no such machine");
        assert_eq!(
            error.to_string(),
            "not a machine; there are microvm, microvm-acpi, pc, q35, lm3s6965evb"
        );
    }
}
