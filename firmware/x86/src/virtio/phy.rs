//! The card as smoltcp sees it.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::{Incoming, MTU, Nic, Outgoing};

impl<H: Hal, T: Transport> Device for Nic<H, T> {
    type RxToken<'a>
        = Incoming<'a, H, T>
    where
        Self: 'a;
    type TxToken<'a>
        = Outgoing<'a, H, T>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.poll_receive()
    }

    fn transmit(&mut self, _now: Instant) -> Option<Self::TxToken<'_>> {
        self.poll_transmit()
    }

    fn capabilities(&self) -> DeviceCapabilities {
        // Checksums stay smoltcp's: none was negotiated with the card.
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

impl<H: Hal, T: Transport> RxToken for Incoming<'_, H, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.frame())
    }
}

impl<H: Hal, T: Transport> TxToken for Outgoing<'_, H, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.send(length, f)
    }
}
