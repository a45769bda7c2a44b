//! What a machine may lack. (What Firecracker demands of the virtio driver is tested against a
//! strict model of its device, beside the driver.)

use imds_boot::{Boot, Ending, Flavour, Image, Machine};

use crate::{boot, both, built, each, other, run, sorted};

both! {
    nothing_but_the_machine_s_library
    the_template_in_a_folder_of_its_own
}

each! {
    no_second_serial_port
    no_isa_debug_exit
    two_mebibytes_are_enough
    no_random_number_generator
}

/// The image to begin with: it has no metadata client in it.
fn nothing_but_the_machine_s_library(flavour: Flavour) {
    for machine in Machine::ALL {
        let hello = Boot::new(other("hello", flavour));
        let outcome = hello.machine(machine).append("a word").run();
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcome.ending, Ending::Code(0), "{outcome}");
        for line in [
            "command line: ",
            "a word",
            "nic: [02, 29, 96, 8f, 6a, 2d] at ",
        ] {
            assert!(outcome.serial.contains(line), "{line}: {outcome}");
        }
    }
}

/// What the documentation tells people to copy, copied and built.
fn the_template_in_a_folder_of_its_own(flavour: Flavour) {
    let mine = other("my-image", flavour);
    for machine in Machine::ALL {
        let outcome = Boot::new(&mine).machine(machine).run();
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcome.ending, Ending::Code(0), "{outcome}");
        assert_eq!(outcome.serial, "instance-id: i-0123456789abcdef0\n");
    }
}

const WORDS: &str = "imds.get=instance-id";

/// The log is off then. (That nothing waits for a port that reads 0, as Firecracker's does, is
/// tested beside the driver of the port: QEMU's missing port reads 0xff.)
fn no_second_serial_port(image: Image) {
    for machine in Machine::ALL {
        let outcome = run(boot(image, machine, WORDS).log_port(false), 0);
        assert_eq!(sorted(&outcome).len(), 1, "{outcome}");
    }
}

/// Firecracker ends by `outb(0x64, 0xfe)`, and says no status: the last line does.
fn no_isa_debug_exit(image: Image) {
    for machine in Machine::ALL {
        let outcome = run(boot(image, machine, WORDS).debug_exit(false), 0);
        assert_eq!(outcome.ending, Ending::Reset, "{outcome}");
        let outcome = run(
            boot(image, machine, "imds.get=no-such-key").debug_exit(false),
            3,
        );
        assert_eq!(outcome.ending, Ending::Reset, "{outcome}");
    }
}

/// The floor: the image lies between 1 MiB and 2.
fn two_mebibytes_are_enough(image: Image) {
    for machine in Machine::ALL {
        run(boot(image, machine, "imds.lanes=4").memory(2), 0);
    }
}

/// The seed comes from the time-stamp counter then; the clock is measured in any case.
fn no_random_number_generator(image: Image) {
    for (cpu, seed) in [("qemu64,-rdrand", "Tsc"), ("qemu64,+rdrand", "Rdrand")] {
        let outcome = run(boot(image, Machine::Microvm, WORDS).cpu(cpu), 0);
        let log = outcome.log(built(image)).expect("a log");
        let line = log.iter().find(|line| line.message.starts_with("clock "));
        let line = &line.expect("a line on the clock").message;
        assert!(
            line.ends_with(&format!(" by the Timer, seed from the {seed}")),
            "{line}"
        );
        let hertz = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        assert!(hertz.is_some_and(|hertz: u64| (500_000_000..10_000_000_000).contains(&hertz)));
    }
}
