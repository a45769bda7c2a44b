//! The command line.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use imds_boot::{Flavour, Machine, Stack};
use imds_mock::Profile;

/// Boots an image in QEMU, against a metadata service of its own.
///
/// The image's serial port goes to stdout as it comes. The network card ends in this program: a DHCP server and a mock
/// of the metadata service, with nothing of the host's network behind it.
///
/// The exit code is the image's. A panic, a stack overflow or an exception of the processor is 101, the time limit 124,
/// and a failure to boot at all 125.
#[derive(Debug, Parser)]
#[command(
    name = "imds-boot",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        imds-boot image\n  \
        imds-boot --machine q35 --log image imds.get=/latest/meta-data/instance-id\n  \
        imds-boot --profile mmds image ip=ll imds.walk=/latest\n  \
        imds-boot --lossy 42 image\n  \
        imds-boot report"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) boot: BootArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Builds the project's images, boots each on every machine, and prints their figures as a table
    Report(ReportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BootArguments {
    /// The machine: microvm, microvm-acpi, pc or q35; lm3s6965evb, if the image is of Arm. Without a word microvm, or that
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Option<Machine>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 8)]
    pub(crate) memory: u32,
    /// The kind of server: ec2, ec2-legacy, v1-only, v1-only-405, disabled, mmds, hop-limited, html or html-405
    #[arg(long, value_name = "PROFILE", default_value_t = Profile::Ec2)]
    pub(crate) profile: Profile,
    /// Serves these data, in the form of `imdsctl dump`
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Loses, delays, doubles and swaps frames, as this seed decides
    #[arg(long, value_name = "SEED")]
    pub(crate) lossy: Option<u64>,
    /// Words for the kernel command line, as the WORDS are; may repeat
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Vec<String>,
    /// The processor, in the words of QEMU's -cpu
    #[arg(long, value_name = "MODEL")]
    pub(crate) cpu: Option<String>,
    /// Prints the image's log to stderr, once it has ended
    #[arg(long)]
    pub(crate) log: bool,
    /// Prints to stderr what was run, how it ended, and what came over the network
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The time limit in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// The image: an ELF file, with a PVH note if it is of x86-64
    pub(crate) image: Option<PathBuf>,
    /// The kernel command line. Without one (and without --append) it asks for the instance's id and region, its tags,
    /// and then everything; with the profile mmds, for everything, from a link-local address. Options may stand among the words
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// How many boots on each machine
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) runs: usize,
    /// Only the image over this stack, smoltcp or embassy; may repeat
    #[arg(long, value_name = "STACK")]
    pub(crate) stack: Vec<Stack>,
    /// Only this build, stock or soft; may repeat
    #[arg(long, value_name = "FLAVOUR")]
    pub(crate) flavour: Vec<Flavour>,
    /// Only this machine; may repeat
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Vec<Machine>,
    /// Only the image for the Cortex-M3
    #[arg(long, conflicts_with_all = ["stack", "flavour", "machine", "image"])]
    pub(crate) cortex_m: bool,
    /// This image, already built, instead of the project's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stack", "flavour"])]
    pub(crate) image: Option<PathBuf>,
    /// The kernel command line of the boots
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "imds.walk=/latest",
        allow_hyphen_values = true
    )]
    pub(crate) append: String,
}

impl ReportArguments {
    /// Whether only images of x86-64 are asked for.
    pub(crate) fn is_of_x86(&self) -> bool {
        self.image.is_some()
            || !(self.stack.is_empty() && self.flavour.is_empty() && self.machine.is_empty())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        Ok(0) | Err(_) => Err("a number of seconds, at least 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_the_image() {
        // Behind, because a runner of cargo has the image in front of what the user says.
        let arguments = Arguments::parse_from([
            "imds-boot",
            "--memory=4",
            "image",
            "imds.get=/a",
            "--machine=q35",
            "--",
            "-x",
        ]);
        let boot = arguments.boot;
        assert_eq!((boot.machine, boot.memory), (Some(Machine::Q35), 4));
        assert_eq!(boot.words, ["imds.get=/a", "-x"]);
    }

    #[test]
    fn report_is_a_command() {
        let arguments = Arguments::parse_from(["imds-boot", "report", "--runs", "3"]);
        let Some(Command::Report(report)) = arguments.command else {
            panic!("no command");
        };
        assert_eq!(report.runs, 3);
    }

    #[test]
    fn a_limit_of_no_time_is_refused() {
        assert!(Arguments::try_parse_from(["imds-boot", "--timeout", "0", "image"]).is_err());
    }
}
