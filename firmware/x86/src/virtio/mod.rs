//! The network card: finding a virtio device, and driving it.
//!
//! It is looked for on the command line (`virtio_mmio.device=`, which QEMU and Firecracker add
//! themselves), then in the slots of QEMU's `microvm`, then on PCI; the first place that has one is
//! the last that is looked at.

use core::fmt;
use core::ptr::NonNull;

use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::pci::VirtioPciError;
use virtio_drivers::transport::{DeviceType, SomeTransport, Transport};

use crate::command_line::{CommandLine, MmioDevice};

mod buffers;
#[cfg(feature = "embassy-net")]
mod embassy;
#[cfg(test)]
mod model;
mod nic;
mod pci;
#[cfg(feature = "smoltcp")]
mod phy;
mod pool;
mod queues;
mod status;
#[cfg(test)]
mod tests;

pub use buffers::Buffers;
pub use nic::{Incoming, MTU, Nic, Outgoing};
pub use pool::{Pool, high_water as dma_high_water, size as dma_size};
pub use status::OneAtATime;

/// The network card of this machine.
pub type MachineNic = Nic<Pool, SomeTransport<'static>>;

/// A network card, ready for use.
pub struct Found {
    /// The first one.
    pub nic: MachineNic,
    /// Where it is.
    pub place: Place,
    /// How many there are at that kind of place.
    pub count: usize,
}

/// Where a network card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Place {
    /// At an address that the command line names.
    CommandLine(u64),
    /// At the address of one of `microvm`'s slots.
    Slot(u64),
    /// On PCI.
    Pci {
        /// Its bus.
        bus: u8,
        /// Its number on the bus.
        device: u8,
        /// Its function.
        function: u8,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(address) => write!(f, "mmio {address:#x}, from the command line"),
            Self::Slot(address) => write!(f, "mmio {address:#x}, found by looking"),
            Self::Pci {
                bus,
                device,
                function,
            } => write!(f, "pci {bus:02x}:{device:02x}.{function}"),
        }
    }
}

/// Why there is no network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NicError {
    /// There is none.
    NotFound,
    /// A word of the command line names a device in a way that cannot be read.
    Malformed(&'static str),
    /// There is one on PCI that lacks what virtio 1.0 demands.
    Pci(VirtioPciError),
    /// Its registers lie where the image's page tables do not reach.
    OutOfReach(u64),
    /// It did not agree to the few features that are asked for.
    FeaturesRefused {
        /// What it offered.
        offered: u64,
    },
    /// It failed while it was set up.
    Device(virtio_drivers::Error),
    /// It has been brought up before.
    Taken,
}

impl fmt::Display for NicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(
                "no virtio NIC found: looked at the command line (virtio_mmio.device=), at MMIO \
                 slots and on PCI; give the machine a virtio network device (QEMU: -device \
                 virtio-net-device on microvm, virtio-net-pci on pc and q35)",
            ),
            Self::Malformed(value) => write!(
                f,
                "virtio_mmio.device={value} cannot be read: it is size@address:interrupt, as in \
                 512@0xfeb00e00:12, with at least 264 bytes below 4 GiB",
            ),
            Self::Pci(error) => write!(
                f,
                "the virtio NIC on PCI cannot be used: {error} It has to be a virtio 1.0 device \
                 (QEMU: not disable-modern=on)",
            ),
            Self::OutOfReach(address) => write!(
                f,
                "the virtio NIC's registers at {address:#x} are out of reach: let the machine's \
                 firmware put its PCI BARs below 4 GiB",
            ),
            Self::FeaturesRefused { offered } => write!(
                f,
                "the virtio NIC refused VIRTIO_F_VERSION_1 and VIRTIO_NET_F_MAC (it offers \
                 {offered:#x}): it may insist on an IOMMU (QEMU: not iommu_platform=on)",
            ),
            Self::Device(virtio_drivers::Error::DmaError) => f.write_str(
                "the virtio NIC's queues do not fit the DMA pool: raise PAGES in virtio/pool.rs",
            ),
            Self::Device(error) => write!(
                f,
                "the virtio NIC failed while it was set up: {error}; it needs two queues, of 64 \
                 and 16 entries at least",
            ),
            Self::Taken => f.write_str("the virtio NIC is in use: it is brought up once"),
        }
    }
}

impl core::error::Error for NicError {}

impl From<virtio_drivers::Error> for NicError {
    fn from(error: virtio_drivers::Error) -> Self {
        Self::Device(error)
    }
}

/// What a search found.
struct Candidate {
    transport: SomeTransport<'static>,
    place: Place,
    count: usize,
}

pub(crate) fn bring_up(command_line: CommandLine, seed: u64) -> Result<Found, NicError> {
    // Before anything is looked at: looking disturbs a card that is in use.
    let buffers = buffers::take().ok_or(NicError::Taken)?;
    let Candidate {
        transport,
        place,
        count,
    } = find(command_line)?;
    Ok(Found {
        nic: Nic::new(transport, buffers, seed)?,
        place,
        count,
    })
}

fn find(command_line: CommandLine) -> Result<Candidate, NicError> {
    if let Some(found) = named(command_line)? {
        return Ok(found);
    }
    let root = pci::root();
    // With PCI, the addresses of the slots may be any device's registers.
    if root.is_none()
        && let Some(found) = slots()
    {
        return Ok(found);
    }
    let found = match root {
        Some(root) => pci::find(root)?,
        None => None,
    };
    found.ok_or(NicError::NotFound)
}

/// The devices that the command line names.
fn named(command_line: CommandLine) -> Result<Option<Candidate>, NicError> {
    let mut found = None;
    for value in command_line.values(MmioDevice::KEY) {
        let device = MmioDevice::parse(value)
            .filter(is_usable)
            .ok_or(NicError::Malformed(value))?;
        consider(&mut found, device, Place::CommandLine(device.address));
    }
    Ok(found)
}

/// Whether registers may lie there: in the mapping, above the first page, with room for the header
/// and a card's address and status.
fn is_usable(device: &MmioDevice) -> bool {
    device.size >= 0x108
        && device.address >= 4096
        && device.address.is_multiple_of(4)
        && device
            .address
            .checked_add(device.size)
            .is_some_and(|end| end <= 1 << 32)
}

/// The slots of QEMU's `microvm`, which it does not name when it describes its devices by ACPI.
fn slots() -> Option<Candidate> {
    const FIRST: u64 = 0xfeb0_0000;
    const SIZE: u64 = 512;
    const COUNT: u64 = 24;

    let mut found = None;
    // QEMU gives them out from the last to the first.
    for slot in (0..COUNT).rev() {
        let address = FIRST + slot * SIZE;
        consider(
            &mut found,
            MmioDevice {
                address,
                size: SIZE,
            },
            Place::Slot(address),
        );
    }
    found
}

/// Counts what is at this address, if it is a network card, and keeps the first.
fn consider(found: &mut Option<Candidate>, device: MmioDevice, place: Place) {
    let Some(transport) = probe(device) else {
        return;
    };
    match found {
        Some(first) => first.count += 1,
        None => {
            *found = Some(Candidate {
                transport: transport.into(),
                place,
                count: 1,
            })
        }
    }
}

fn probe(device: MmioDevice) -> Option<MmioTransport<'static>> {
    let header = NonNull::new(device.address as *mut VirtIOHeader)?;
    // SAFETY: the address is mapped and aligned. On the command line, whoever started the machine
    // says that it is a device's; a slot is a device's or, on a machine without PCI, nobody's, and
    // reads as no device. Each is looked at once, so that there is one owner.
    let transport =
        unsafe { MmioTransport::new(header, usize::try_from(device.size).ok()?) }.ok()?;
    (transport.device_type() == DeviceType::Network).then_some(transport)
}
