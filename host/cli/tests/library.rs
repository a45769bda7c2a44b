//! The program as a function: no process, and nothing of the real machine is looked at.

use std::ffi::OsString;

use imds_mock::server::spawn;
use imds_mock::{Mock, Profile};
use imdsctl::Host;
use imdsctl::host::Stream;

struct Ran {
    code: u8,
    out: String,
    err: String,
}

/// Runs `args` on a machine with these variables; `terminal` says whether a person looks at it.
fn run(args: &[&str], variables: &[(&str, &str)], terminal: bool) -> Ran {
    let ((out, out_text), (err, err_text)) =
        (Stream::captured(terminal), Stream::captured(terminal));
    let host = Host::made_up(variables.iter().copied(), out, err);
    let args = ["imdsctl"].iter().chain(args).map(OsString::from);
    let code = imdsctl::run(args, host);
    Ran {
        code,
        out: out_text.text(),
        err: err_text.text(),
    }
}

#[test]
fn variables_are_those_of_the_host_and_no_others() {
    let server = spawn(Mock::new(Profile::Ec2)).expect("a free port");
    let url = server.url();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    let ran = run(&["get", "instance-id"], &variables, false);
    assert_eq!((ran.code, ran.out.as_str()), (0, "i-0123456789abcdef0"));
}

#[test]
fn a_person_gets_a_final_newline_colours_and_no_leftover_of_progress() {
    let ran = run(&["--mock", "get", "instance-id"], &[], true);
    assert_eq!(ran.out, "i-0123456789abcdef0\n");
    let ran = run(&["--mock", "get", "nope"], &[], true);
    assert_eq!(ran.code, 3);
    assert!(ran.err.starts_with("\x1b[1;31merror:"), "{}", ran.err);
    let ran = run(&["--mock", "get", "nope"], &[("NO_COLOR", "1")], true);
    assert!(ran.err.starts_with("error:"), "{}", ran.err);
    let ran = run(&["--mock", "dump"], &[], true);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.is_empty() || ran.err.ends_with("\r\x1b[K"),
        "{:?}",
        ran.err
    );
}

#[test]
fn usage_errors_are_told_without_a_process_too() {
    let ran = run(&["get"], &[], false);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("<PATH>") && ran.out.is_empty());
    let ran = run(&["--version"], &[], false);
    assert!(ran.code == 0 && ran.out.starts_with("imdsctl ") && ran.err.is_empty());
}
