//! The card as embassy-net sees it.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use virtio_drivers::Hal;
use virtio_drivers::transport::Transport;

use super::{Incoming, MTU, Nic, Outgoing};

/// No interrupt tells that there is a frame, or room for one. So whoever finds none is woken at
/// once, to look again in the next round of the executor.
fn or_again<T>(found: Option<T>, context: &Context<'_>) -> Option<T> {
    if found.is_none() {
        context.waker().wake_by_ref();
    }
    found
}

impl<H: Hal, T: Transport> Driver for Nic<H, T> {
    type RxToken<'a>
        = Incoming<'a, H, T>
    where
        Self: 'a;
    type TxToken<'a>
        = Outgoing<'a, H, T>
    where
        Self: 'a;

    fn receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        or_again(self.poll_receive(), context)
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Self::TxToken<'_>> {
        or_again(self.poll_transmit(), context)
    }

    fn link_state(&mut self, _context: &mut Context<'_>) -> LinkState {
        // The card's word on its link was not asked for.
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        // Checksums stay the stack's: none was negotiated with the card.
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac())
    }
}

impl<H: Hal, T: Transport> RxToken for Incoming<'_, H, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(self.frame_mut())
    }
}

impl<H: Hal, T: Transport> TxToken for Outgoing<'_, H, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.send(length, f)
    }
}
