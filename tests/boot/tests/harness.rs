//! The harness itself, on images of a few instructions: what they say and how they end is told right, and nothing is left
//! of a boot. Needs QEMU.

mod pvh;

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use imds_boot::{Boot, Ending, LastLine, Machine, Outcome};
use pvh::Code;
use rustix::process::{Pid, Signal, kill_process};

fn run(boot: Boot) -> Outcome {
    boot.run().expect("QEMU runs")
}

#[test]
fn every_machine_boots_and_tells_its_exit_code() {
    let image = Code::default()
        .print("hello\nexit=7 cause=none\n")
        .log("second")
        .exit(0x17)
        .image("code");
    for machine in Machine::ALL {
        let outcome = run(Boot::new(&image).machine(machine));
        assert_eq!(outcome.ending, Ending::Code(7), "{outcome}");
        assert_eq!(outcome.exit_code(), Some(7));
        assert_eq!(outcome.result(), "hello\n");
        assert_eq!(outcome.defmt, b"second");
        assert!(!outcome.crashed());
    }
}

#[test]
fn crashes_are_told_apart() {
    for (value, ending) in [
        (0x30, Ending::Panic),
        (0x31, Ending::Exception),
        (0x32, Ending::StackOverflow),
    ] {
        let image = Code::default().exit(value).image(&format!("crash-{value}"));
        let outcome = run(Boot::new(image));
        assert_eq!(outcome.ending, ending, "{outcome}");
        assert!(outcome.crashed() && outcome.exit_code().is_none());
    }
}

#[test]
fn without_a_status_the_last_line_tells_the_code() {
    let image = Code::default()
        .print("exit=3 cause=absent\n")
        .exit(0x10)
        .reset()
        .image("reset");
    for machine in Machine::ALL {
        let outcome = run(Boot::new(&image).machine(machine).debug_exit(false));
        assert_eq!(outcome.ending, Ending::Reset, "{outcome}");
        let cause = "absent".into();
        assert_eq!(outcome.last_line(), Some(LastLine { code: 3, cause }));
        assert_eq!(outcome.exit_code(), Some(3));
    }
}

#[test]
fn without_a_second_port_there_is_no_log() {
    let image = Code::default().log("lost").exit(0x10).image("no-log");
    let outcome = run(Boot::new(image).log_port(false));
    assert_eq!((outcome.ending, outcome.defmt), (Ending::Code(0), vec![]));
}

#[test]
fn a_boot_that_never_ends_is_ended_and_what_it_said_is_kept() {
    let image = Code::default().print("waiting\n").image("still");
    let mut streamed = Vec::new();
    let outcome = Boot::new(image)
        .timeout(Duration::from_secs(2))
        .run_with(|bytes| streamed.extend_from_slice(bytes))
        .expect("QEMU runs");
    assert_eq!(outcome.ending, Ending::TimedOut);
    assert_eq!(outcome.serial, "waiting\n");
    assert_eq!(streamed, b"waiting\n");
}

#[test]
fn what_qemu_has_to_say_is_told() {
    let image = Code::default().image("refused");
    let outcome = run(Boot::new(image).qemu_args(["-device", "flux-capacitor"]));
    assert_eq!(outcome.ending, Ending::Other(1));
    assert!(outcome.stderr.contains("flux-capacitor"), "{outcome}");
}

#[test]
fn a_missing_image_is_an_error_before_anything_is_started() {
    let error = Boot::new("/nowhere/image").run().expect_err("no such file");
    assert!(error.to_string().starts_with("/nowhere/image: "), "{error}");
}

/// A boot by the program, with a folder of its own for its files.
struct Program {
    command: Command,
    files: std::path::PathBuf,
}

fn program(image: &Path, arguments: &[&str]) -> Program {
    let name = format!("files-of-{}", image.file_name().expect("a file").display());
    // Not below the target folder: a socket's path has to be short.
    let files = env::temp_dir().join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&files).expect("a folder for its files");
    let mut command = Command::new(env!("CARGO_BIN_EXE_imds-boot"));
    command.args(arguments).arg(image).env("TMPDIR", &files);
    Program { command, files }
}

impl Program {
    /// Nothing is left.
    fn assert_clean(self) {
        fs::remove_dir(&self.files).expect("nothing is left in it");
    }
}

#[test]
fn the_program_has_the_exit_code_of_the_image() {
    let code = Code::default().print("said\n").exit(0x19).image("bin-code");
    let crash = Code::default().exit(0x30).image("bin-crash");
    let still = Code::default().image("bin-still");
    for (image, limit, code, stdout, stderr) in [
        (code, "60", 9, "said\n", ""),
        (
            crash,
            "60",
            101,
            "",
            "imds-boot: the image crashed: panic\n",
        ),
        (
            still,
            "1",
            124,
            "",
            "imds-boot: still running after 1 s, ended; --timeout says how long\n",
        ),
    ] {
        let mut program = program(&image, &["--timeout", limit]);
        let output = program.command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
        assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
        program.assert_clean();
    }
}

#[test]
fn a_signal_leaves_neither_qemu_nor_files_behind() {
    let image = Code::default().print("up\n").image("bin-signal");
    for signal in [Signal::INT, Signal::TERM] {
        let mut program = program(&image, &[]);
        let mut child = program
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the guest is up");
        assert_eq!(line, "up\n");
        assert_eq!(qemus_of(&image), 1);
        kill_process(Pid::from_child(&child), signal).expect("it is there");
        assert_eq!(child.wait().expect("it ends").code(), Some(130));
        assert_eq!(qemus_of(&image), 0);
        program.assert_clean();
    }
}

/// How many processes but ours have this image on their command line and are no `imds-boot`.
fn qemus_of(image: &Path) -> usize {
    let image = image.to_str().expect("a plain path");
    let processes = fs::read_dir("/proc").expect("Linux");
    processes
        .filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok())
        .filter(|line| {
            let line = String::from_utf8_lossy(line);
            line.contains("qemu-system") && line.split('\0').any(|word| word == image)
        })
        .count()
}
