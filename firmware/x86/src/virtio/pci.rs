//! Network cards on PCI, by way of the configuration ports.

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{
    BarInfo, Command, ConfigurationAccess, DeviceFunction, HeaderType, PciRoot,
};
use virtio_drivers::transport::pci::{PciTransport, virtio_device_type};

use super::{Candidate, NicError, Place, Pool};
use crate::port::Port;

/// The offset of a bridge's bus numbers: primary, secondary, the last one behind it.
const BRIDGE_BUSES: u8 = 0x18;
const ENABLE: u32 = 1 << 31;

/// The ports 0xcf8 and 0xcfc.
pub(super) struct Ports {
    address: Port,
    data: Port,
}

impl Ports {
    fn select(&self, function: DeviceFunction, register: u8) {
        self.address.write_u32(
            ENABLE
                | u32::from(function.bus) << 16
                | u32::from(function.device) << 11
                | u32::from(function.function) << 8
                | u32::from(register & !3),
        );
    }
}

impl ConfigurationAccess for Ports {
    fn read_word(&self, function: DeviceFunction, register: u8) -> u32 {
        self.select(function, register);
        self.data.read_u32()
    }

    fn write_word(&mut self, function: DeviceFunction, register: u8, value: u32) {
        self.select(function, register);
        self.data.write_u32(value);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self { ..*self }
    }
}

fn ports() -> Ports {
    // SAFETY: the configuration ports. What is written through them moves registers of devices, of
    // which the image uses those of the network card, and these it asks for after.
    unsafe {
        Ports {
            address: Port::new(0xcf8),
            data: Port::new(0xcfc),
        }
    }
}

/// The PCI bus, if this machine has one.
pub(super) fn root() -> Option<PciRoot<Ports>> {
    let ports = ports();
    // It remembers what was selected; where there is nothing, that reads as something else.
    ports.address.write_u32(ENABLE);
    (ports.address.read_u32() == ENABLE).then(|| PciRoot::new(ports))
}

/// Looks through all buses.
pub(super) fn find(mut root: PciRoot<Ports>) -> Result<Option<Candidate>, NicError> {
    let mut first = None;
    let mut count = 0;
    let mut reachable = [false; 256];
    reachable[0] = true;
    // The buses behind a bridge have higher numbers than the one it is on.
    for bus in 0..=u8::MAX {
        if !reachable[usize::from(bus)] {
            continue;
        }
        for (function, info) in root.enumerate_bus(bus) {
            if info.header_type == HeaderType::PciPciBridge {
                let [_, secondary, ..] = ports().read_word(function, BRIDGE_BUSES).to_le_bytes();
                reachable[usize::from(secondary)] = true;
            }
            if virtio_device_type(&info) == Some(DeviceType::Network) {
                count += 1;
                first = first.or(Some(function));
            }
        }
    }
    let Some(function) = first else {
        return Ok(None);
    };

    let bars = root
        .bars(function)
        .map_err(|error| NicError::Pci(error.into()))?;
    for bar in bars.into_iter().flatten() {
        if let BarInfo::Memory { address, size, .. } = bar
            && address.saturating_add(size) > 1 << 32
        {
            return Err(NicError::OutOfReach(address));
        }
    }
    let (_, command) = root.get_status_command(function);
    root.set_command(
        function,
        command | Command::MEMORY_SPACE | Command::BUS_MASTER,
    );
    let transport = PciTransport::new::<Pool, _>(&mut root, function).map_err(NicError::Pci)?;
    let DeviceFunction {
        bus,
        device,
        function,
    } = function;
    Ok(Some(Candidate {
        transport: transport.into(),
        place: Place::Pci {
            bus,
            device,
            function,
        },
        count,
    }))
}
