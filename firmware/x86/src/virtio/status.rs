//! A device's status, raised as strict devices want it.

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A transport that sets the bits of the status one at a time, in the order of virtio's section
/// 3.1.1.
///
/// `virtio-drivers` announces itself with two bits at once. Firecracker calls that an invalid
/// transition, and from then on ignores the driver.
#[derive(Debug)]
pub struct OneAtATime<T>(T);

impl<T: Transport> OneAtATime<T> {
    /// Wraps a transport.
    pub fn new(transport: T) -> Self {
        Self(transport)
    }
}

const ORDER: [DeviceStatus; 4] = [
    DeviceStatus::ACKNOWLEDGE,
    DeviceStatus::DRIVER,
    DeviceStatus::FEATURES_OK,
    DeviceStatus::DRIVER_OK,
];

/// Readings of the status until a reset has to be over. Most devices are done with the first.
const PATIENCE: usize = 100_000;

impl<T: Transport> Transport for OneAtATime<T> {
    fn set_status(&mut self, status: DeviceStatus) {
        if status.is_empty() {
            self.0.set_status(status);
            let _ = (0..PATIENCE).any(|_| self.0.get_status().is_empty());
            return;
        }
        let mut reached = self.0.get_status();
        for bit in ORDER {
            if status.contains(bit) && !reached.contains(bit) {
                reached |= bit;
                self.0.set_status(reached);
            }
        }
        if reached != status {
            self.0.set_status(status);
        }
    }

    fn device_type(&self) -> DeviceType {
        self.0.device_type()
    }

    fn read_device_features(&mut self) -> u64 {
        self.0.read_device_features()
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        self.0.write_driver_features(driver_features);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.0.max_queue_size(queue)
    }

    fn notify(&mut self, queue: u16) {
        self.0.notify(queue);
    }

    fn get_status(&self) -> DeviceStatus {
        self.0.get_status()
    }

    fn set_guest_page_size(&mut self, guest_page_size: u32) {
        self.0.set_guest_page_size(guest_page_size);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.0.requires_legacy_layout()
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.0
            .queue_set(queue, size, descriptors, driver_area, device_area);
    }

    fn queue_unset(&mut self, queue: u16) {
        self.0.queue_unset(queue);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.queue_used(queue)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        self.0.ack_interrupt()
    }

    fn read_config_generation(&self) -> u32 {
        self.0.read_config_generation()
    }

    fn read_config_space<V: FromBytes + IntoBytes>(&self, offset: usize) -> Result<V> {
        self.0.read_config_space(offset)
    }

    fn write_config_space<V: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: V,
    ) -> Result<()> {
        self.0.write_config_space(offset, value)
    }
}
