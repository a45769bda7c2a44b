//! From the first instruction to what an image is given.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::{MPU, NVIC};
use cortex_m_rt::exception;
use static_cell::ConstStaticCell;

use crate::ethernet::{self, Controller, Ethernet};
use crate::register::Register;
use crate::uart::{UART0, UART1};
use crate::{semihosting, time};

/// The longest command line.
const COMMAND_LINE: usize = 1024;

/// What a boot image is given of the machine.
#[derive(Debug)]
pub struct Machine {
    /// What whoever starts the machine has to say to the image; `None`, if that has more than 1023
    /// bytes or is not UTF-8.
    pub command_line: Option<&'static str>,
    /// The network card.
    pub ethernet: &'static mut Ethernet<Controller>,
    /// A number that differs from boot to boot: of the card's address, the time of day and how long the
    /// debugger took to tell it. The machine has no source of chance. Good for spreading retries and
    /// for choosing port numbers; not for keys.
    pub seed: u64,
}

impl Machine {
    /// Brings the machine up: 50 MHz, serial ports, clock, network card.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    pub fn take() -> Self {
        static WORDS: ConstStaticCell<[u8; COMMAND_LINE]> = ConstStaticCell::new([0; COMMAND_LINE]);
        static ETHERNET: ConstStaticCell<Ethernet<Controller>> =
            ConstStaticCell::new(Ethernet::new(Controller));
        let processor = cortex_m::Peripherals::take().expect("it is taken once");
        guard(&processor.MPU);
        clock();
        pins();
        UART0.init(1736); // 27.13
        UART1.init(217); // 3.39
        time::init(processor.SYST);
        let mac = mac();
        let ethernet = ETHERNET.take();
        ethernet.init(mac);
        // SAFETY: the handler is there, and nobody holds a section that is made of priorities.
        unsafe { NVIC::unmask(Interrupt::Ethernet) };
        Self {
            command_line: semihosting::command_line(WORDS.take()),
            ethernet,
            seed: seed(mac),
        }
    }
}

/// Makes 64 KiB below the stack a fault in any case: QEMU has what is written where nothing is go
/// nowhere, and what is read from there be 0.
fn guard(mpu: &MPU) {
    let (below, no_access, size, on) = (0x1fff_0000, 1 << 28, 15 << 1, 1);
    // SAFETY: nothing is there.
    unsafe {
        mpu.rbar.write(below | 1 << 4);
        mpu.rasr.write(no_access | size | on);
        // All else is as it was.
        mpu.ctrl.write(1 << 2 | 1);
    }
}

/// Those that are used.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    Ethernet = 42,
}

// SAFETY: the number is that of the data sheet's table 2-9, less the sixteen exceptions.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Whatever is no exception of the processor.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == Interrupt::Ethernet as i16 {
        ethernet::on_interrupt();
    }
}

/// A register of the system control (chapter 5).
fn system(offset: u32) -> Register {
    // SAFETY: clocks and switches of the chip's parts; none of them moves memory.
    unsafe { Register::new(0x400f_e000 + offset) }
}

/// 50 MHz: 200 of the PLL, which has a crystal of 8 MHz, by 4 (§5.3, the order of the steps too).
fn clock() {
    const BYPASS: u32 = 1 << 11;
    let config = system(0x060);
    // The main oscillator on; the divider by 4 off, then on.
    let base = 0xe << 6 | 3 << 23;
    config.write(base | BYPASS | 1 << 13);
    config.write(base | BYPASS);
    config.write(base | BYPASS | 1 << 22);
    // The PLL locks within half a millisecond.
    for _ in 0..100_000 {
        if system(0x050).read() & 1 << 6 != 0 {
            break;
        }
    }
    config.write(base | 1 << 22);
}

/// Clocks for the serial ports, the Ethernet controller and its other half, and the pins they use.
fn pins() {
    system(0x104).set(1 << 1 | 1 << 0);
    system(0x108).set(1 << 30 | 1 << 28 | 1 << 3 | 1 << 0);
    // It takes effect some cycles later.
    system(0x108).read();
    for (port, pins) in [(0x4000_4000, 0b11), (0x4000_7000, 0b1100)] {
        for switch in [0x420, 0x51c] {
            // SAFETY: alternate function and digital enable of a port (chapter 8).
            unsafe { Register::new(port + switch) }.set(pins);
        }
    }
}

/// The card's address, where whoever made the board has put it (§5.4, USER_REG0 and 1).
fn mac() -> [u8; 6] {
    let [a, b, c, _] = system(0x1e0).read().to_le_bytes();
    let [d, e, f, _] = system(0x1e4).read().to_le_bytes();
    [a, b, c, d, e, f]
}

fn seed(mac: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = mac;
    let card = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let seconds = semihosting::seconds() as u64;
    // splitmix64's last steps.
    [card, seconds, embassy_time_driver::now()]
        .into_iter()
        .fold(0, |state: u64, part| {
            let mut mix = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix = (mix ^ mix >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mix = (mix ^ mix >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mix ^ mix >> 31
        })
}
