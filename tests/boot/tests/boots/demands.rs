//! What a machine may lack. (What Firecracker demands of the virtio driver is tested against a
//! strict model of its device, beside the driver.)

use imds_boot::{Ending, Flavour, Machine};

use crate::{boot, both, image, run, sorted};

both! {
    no_second_serial_port
    no_isa_debug_exit
    two_mebibytes_are_enough
    no_kvm_and_an_old_processor
}

const WORDS: &str = "imds.get=instance-id";

/// Firecracker drops what is written to a second port, and waiting for it would never end.
fn no_second_serial_port(flavour: Flavour) {
    for machine in Machine::ALL {
        let outcome = run(boot(flavour, machine, WORDS).log_port(false), 0);
        assert_eq!(sorted(&outcome).len(), 1, "{outcome}");
        assert!(outcome.defmt.is_empty());
    }
}

/// Firecracker ends by `outb(0x64, 0xfe)`, and says no status: the last line does.
fn no_isa_debug_exit(flavour: Flavour) {
    for machine in Machine::ALL {
        let outcome = run(boot(flavour, machine, WORDS).debug_exit(false), 0);
        assert_eq!(outcome.ending, Ending::Reset, "{outcome}");
        let outcome = run(
            boot(flavour, machine, "imds.get=no-such-key").debug_exit(false),
            3,
        );
        assert_eq!(outcome.ending, Ending::Reset, "{outcome}");
    }
}

/// The floor: the image lies between 1 MiB and 2.
fn two_mebibytes_are_enough(flavour: Flavour) {
    for machine in Machine::ALL {
        run(boot(flavour, machine, "imds.lanes=4").memory(2), 0);
    }
}

/// No RDRAND: the seed comes from the time-stamp counter.
fn no_kvm_and_an_old_processor(flavour: Flavour) {
    run(
        boot(flavour, Machine::Microvm, WORDS).cpu("qemu64,-rdrand"),
        0,
    );
    run(boot(flavour, Machine::Q35, WORDS).cpu("qemu64,+rdrand"), 0);
}

/// An SSE instruction where the unit was never switched on is an invalid opcode: the soft build
/// that boots has none in its way. And there is none elsewhere in it either.
#[test]
fn soft_has_no_floating_point_instruction() {
    let listing = std::process::Command::new("objdump")
        .args(["-d", "--no-show-raw-insn"])
        .arg(image(Flavour::Soft))
        .output()
        .expect("objdump of binutils");
    let listing = String::from_utf8_lossy(&listing.stdout);
    assert!(listing.lines().count() > 10_000, "a listing");
    for register in ["%xmm", "%ymm", "%mm0", "%st("] {
        let line = listing.lines().find(|line| line.contains(register));
        assert_eq!(line, None);
    }
}
