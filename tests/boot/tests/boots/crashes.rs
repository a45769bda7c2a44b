//! Panics, exceptions of the processor and stack overflows print what happened and end the machine
//! with a status of their own. That is the platform's, and the same for every image.

use imds_boot::{Boot, Ending, Flavour, Machine, Outcome};

use crate::{both, other};

both! { a_panic an_exception a_stack_overflow sse }

/// Boots the image that crashes in this way.
#[track_caller]
fn crash(flavour: Flavour, machine: Machine, how: &str) -> Outcome {
    let boot = Boot::new(other("crash", flavour))
        .machine(machine)
        .append(how);
    boot.run().unwrap_or_else(|error| panic!("{error}"))
}

/// Insists on this ending, on these words before it, and on this last line.
#[track_caller]
fn assert_ends(outcome: &Outcome, ending: Ending, words: &str, last: &str) {
    assert_eq!(outcome.ending, ending, "{outcome}");
    assert!(outcome.serial.contains(words), "{outcome}");
    assert_eq!(outcome.serial.lines().next_back(), Some(last), "{outcome}");
}

fn a_panic(flavour: Flavour) {
    for machine in Machine::ALL {
        let outcome = crash(flavour, machine, "crash=panic");
        let (words, last) = ("as it was asked to", "exit=1 cause=panic");
        assert_ends(&outcome, Ending::Panic, words, last);
    }
}

fn an_exception(flavour: Flavour) {
    for (how, words) in [
        ("crash=invalid", "exception 6"),
        ("crash=null", "exception 14"),
    ] {
        let outcome = crash(flavour, Machine::Microvm, how);
        assert_ends(&outcome, Ending::Exception, words, "exit=1 cause=exception");
    }
}

fn a_stack_overflow(flavour: Flavour) {
    for machine in Machine::ALL {
        let outcome = crash(flavour, machine, "crash=stack");
        let (words, last) = ("stack overflow", "exit=1 cause=stack-overflow");
        assert_ends(&outcome, Ending::StackOverflow, words, last);
    }
}

/// The soft build leaves SSE off, so that an instruction of it that crept in is found out by any
/// boot; the stock build has to switch it on.
fn sse(flavour: Flavour) {
    let outcome = crash(flavour, Machine::Microvm, "crash=sse");
    match flavour {
        Flavour::Stock => {
            assert_eq!(outcome.ending, Ending::Code(2), "{outcome}");
            assert!(outcome.serial.contains("SSE works"), "{outcome}");
        }
        Flavour::Soft => {
            assert_ends(
                &outcome,
                Ending::Exception,
                "exception 6",
                "exit=1 cause=exception",
            );
        }
    }
}
