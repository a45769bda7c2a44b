//! The machines of QEMU that an image has to boot on.

use core::fmt;
use core::str::FromStr;

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
}

impl Machine {
    /// Every machine, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Microvm, Self::MicrovmAcpi, Self::Pc, Self::Q35];

    /// The name that [`FromStr`] accepts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::MicrovmAcpi => "microvm-acpi",
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }

    /// QEMU's word for it.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Microvm => "microvm,acpi=off",
            Self::MicrovmAcpi => "microvm",
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }

    /// How its network card is attached if nobody says otherwise.
    pub(crate) const fn transport(self) -> Transport {
        match self {
            Self::Microvm | Self::MicrovmAcpi => Transport::Mmio,
            Self::Pc | Self::Q35 => Transport::Pci,
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
        for (i, machine) in Machine::ALL.into_iter().enumerate() {
            write!(f, "{} {machine}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownMachine {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_is_found_by_the_name_it_prints() {
        for machine in Machine::ALL {
            assert_eq!(machine.to_string().parse(), Ok(machine));
        }
        let error = "vax".parse::<Machine>().expect_err("no such machine");
        assert_eq!(
            error.to_string(),
            "not a machine; there are microvm, microvm-acpi, pc, q35"
        );
    }
}
