//! What the command line asks for.

use core::sync::atomic::AtomicBool;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use imds_boot::report::{Row, Sizes, cortex_m, measure, table};
use imds_boot::{
    Boot, Ending, Error, Flavour, Image, Machine, Outcome, Stack, build, build_cortex_m,
};
use imds_mock::{Mock, Profile, Tree};
use imds_peer::Wire;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::arguments::{Arguments, BootArguments, Command, ReportArguments};

/// As Rust's own panics.
const CRASHED: u8 = 101;
/// As `timeout`'s.
const TIMED_OUT: u8 = 124;
/// As `timeout`'s own failures.
const NOT_RUN: u8 = 125;
/// As a shell's for a command that was ended by SIGINT.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let result = match &arguments.command {
        Some(Command::Report(report)) => print_report(report).map(|()| 0),
        None => boot(&arguments.boot),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        eprintln!("imds-boot: {error}");
        if matches!(error, Error::Interrupted) {
            INTERRUPTED
        } else {
            NOT_RUN
        }
    }))
}

/// A flag that signals raise, so that nobody has to be killed in the middle of things.
fn interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Fails for signals that cannot be had; these can.
        let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
    }
    flag
}

fn boot(arguments: &BootArguments) -> Result<u8, Error> {
    let Some(image) = &arguments.image else {
        return Err(Error::File(
            PathBuf::from("IMAGE"),
            io::Error::new(io::ErrorKind::InvalidInput, "which one? see --help"),
        ));
    };
    let mut mock = Mock::new(arguments.profile);
    if let Some(path) = &arguments.data {
        mock = mock.tree(read_tree(path)?);
    }
    let machine = match arguments.machine {
        Some(machine) => machine,
        None => {
            let elf = fs::read(image).map_err(|error| Error::File(image.clone(), error))?;
            Machine::of_image(&elf)
        }
    };
    let mut boot = Boot::new(image)
        .machine(machine)
        .memory(arguments.memory)
        .mock(mock)
        .append(&command_line(arguments))
        .timeout(arguments.timeout)
        .interrupt(interrupt());
    if let Some(seed) = arguments.lossy {
        eprintln!("imds-boot: a wire with faults, of seed {seed}");
        boot = boot.wire(Wire::lossy(seed));
    }
    if let Some(model) = &arguments.cpu {
        boot = boot.cpu(model);
    }
    let mut stdout = io::stdout();
    let mut unwritten = None;
    let outcome = boot.run_with(|bytes| {
        if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // Whoever closed the pipe has read enough; the boot goes on to its exit code.
            if error.kind() != io::ErrorKind::BrokenPipe {
                unwritten.get_or_insert(error);
            }
        }
    })?;
    if let Some(error) = unwritten {
        return Err(Error::File(PathBuf::from("standard output"), error));
    }
    if arguments.log {
        match outcome.log(image) {
            Ok(lines) => lines.iter().for_each(|line| eprintln!("{line}")),
            // The boot itself may have gone well.
            Err(error) => eprintln!("imds-boot: {error}"),
        }
    }
    if arguments.verbose {
        tell(&outcome);
    }
    Ok(exit_code(&outcome))
}

fn read_tree(path: &Path) -> Result<Tree, Error> {
    let bad = |error| Error::File(path.to_owned(), error);
    let text = fs::read_to_string(path).map_err(bad)?;
    Tree::from_json(&text).map_err(|error| bad(io::Error::other(error.to_string())))
}

/// The words given, or some that show what the image can do.
fn command_line(arguments: &BootArguments) -> String {
    let given: Vec<&str> = arguments
        .append
        .iter()
        .chain(&arguments.words)
        .map(String::as_str)
        .collect();
    if !given.is_empty() {
        return given.join(" ");
    }
    if arguments.profile == Profile::Mmds {
        return "ip=ll imds.walk=/latest".into();
    }
    "imds.get=instance-id imds.get=placement/region imds.walk=tags/ imds.walk=/latest/".into()
}

/// Everything but the serial port, which was told already.
fn tell(outcome: &Outcome) {
    let text = outcome.to_string();
    let end = text.len() - outcome.serial.len();
    let told = text[..end].trim_end().trim_end_matches("serial port:");
    eprintln!("{}", told.trim_end());
}

fn exit_code(outcome: &Outcome) -> u8 {
    if outcome.crashed() {
        eprintln!("imds-boot: the image crashed: {}", outcome.ending);
        return CRASHED;
    }
    if let Some(code) = outcome.exit_code() {
        if outcome.last_line().is_none() {
            // It may be QEMU's own 1.
            eprint!("{}", outcome.stderr);
        }
        return code;
    }
    let took = outcome.wall.as_secs();
    match outcome.ending {
        Ending::TimedOut => {
            eprintln!("imds-boot: still running after {took} s, ended; --timeout says how long");
            TIMED_OUT
        }
        Ending::Reset => {
            eprintln!("imds-boot: the machine was reset, and the image told no exit code");
            NOT_RUN
        }
        Ending::Code(_)
        | Ending::Panic
        | Ending::Exception
        | Ending::StackOverflow
        | Ending::Other(_)
        | Ending::Signal(_) => {
            eprintln!(
                "imds-boot: {}\n{}",
                outcome.ending,
                outcome.stderr.trim_end()
            );
            NOT_RUN
        }
    }
}

/// The images of x86-64, then the one for the Cortex-M3; or one of the two, if only that is asked for.
fn print_report(arguments: &ReportArguments) -> Result<(), Error> {
    let flag = interrupt();
    if !arguments.cortex_m {
        print_x86(arguments, &flag)?;
    }
    if arguments.is_of_x86() {
        return Ok(());
    }
    eprintln!(
        "imds-boot: {} boots of the image for a Cortex-M3",
        arguments.runs
    );
    let tables = cortex_m(build_cortex_m()?, arguments.runs, |boot| {
        boot.append(&arguments.append).interrupt(Arc::clone(&flag))
    })?;
    // They follow each other in a text.
    let between = if arguments.cortex_m { "" } else { "\n" };
    print!("{between}{tables}");
    Ok(())
}

fn print_x86(arguments: &ReportArguments, flag: &Arc<AtomicBool>) -> Result<(), Error> {
    let images = images(arguments)?;
    let machines = or_all(&arguments.machine, &Machine::ALL);
    let mut rows = Vec::new();
    for (name, image) in images {
        let sizes = Sizes::of(&image)?;
        for &machine in machines {
            eprintln!("imds-boot: {} boots of {name} on {machine}", arguments.runs);
            let boots = measure(&image, arguments.runs, || {
                Boot::new(&image)
                    .machine(machine)
                    .append(&arguments.append)
                    .interrupt(Arc::clone(flag))
            })?;
            rows.push(Row {
                image: name.clone(),
                sizes,
                machine,
                boots,
            });
        }
    }
    print!("{}", table(&rows));
    Ok(())
}

/// The images to measure, by name.
fn images(arguments: &ReportArguments) -> Result<Vec<(String, PathBuf)>, Error> {
    if let Some(image) = &arguments.image {
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        return Ok(vec![(name.into_owned(), image.clone())]);
    }
    let flavours = or_all(&arguments.flavour, &Flavour::ALL);
    or_all(&arguments.stack, &Stack::ALL)
        .iter()
        .flat_map(|&stack| {
            flavours
                .iter()
                .map(move |&flavour| Image { stack, flavour })
        })
        .map(|image| Ok((image.to_string(), build(image)?.to_owned())))
        .collect()
}

fn or_all<'a, T>(chosen: &'a [T], all: &'a [T]) -> &'a [T] {
    if chosen.is_empty() { all } else { chosen }
}
