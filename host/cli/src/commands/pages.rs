//! `completions` and `man`: pages made from the command line's own description.

use clap_complete::Shell;
use clap_mangen::Man;

use super::{Context, Stop};
use crate::args;
use crate::failure::{Exit, Failure};

const NAME: &str = "imdsctl";

/// Prints a completion script.
pub(super) fn completions(context: &Context<'_>, shell: Shell) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), NAME, &mut script);
    context.print(&script)?;
    Ok(Exit::Ok)
}

/// Prints the manual page of the program or of one command.
pub(super) fn man(context: &Context<'_>, command: Option<&str>) -> Result<Exit, Stop> {
    let mut program = args::command();
    // Gives the commands their full names and the global flags.
    program.build();
    let page = match command {
        None => page(program, true)?,
        Some(name) => {
            let Some(command) = program.find_subcommand(name) else {
                let names: Vec<&str> = program
                    .get_subcommands()
                    .map(clap::Command::get_name)
                    .collect();
                return Err(Failure::usage(
                    format!("no such command: {name}"),
                    format!("the commands are {}", names.join(", ")),
                    "give one of them, or none for the page of the program",
                )
                .into());
            };
            page(command.clone(), false)?
        }
    };
    context.print(&page)?;
    Ok(Exit::Ok)
}

fn page(command: clap::Command, whole_program: bool) -> Result<Vec<u8>, Stop> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if whole_program {
        man.render_subcommands_section(&mut page)?;
        section(
            &mut page,
            "ENVIRONMENT",
            ENVIRONMENT
                .iter()
                .map(|(name, text)| ((*name).to_owned(), *text)),
        );
        section(
            &mut page,
            "FILES",
            FILES.iter().map(|(name, text)| ((*name).to_owned(), *text)),
        );
    }
    if let Some(help) = command.get_after_help() {
        examples(&mut page, &help.to_string());
    }
    let codes = Exit::TABLE
        .into_iter()
        .map(|(exit, text)| (exit.code().to_string(), text));
    section(&mut page, "EXIT STATUS", codes);
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn section<'a>(page: &mut Vec<u8>, title: &str, entries: impl Iterator<Item = (String, &'a str)>) {
    page.extend_from_slice(format!(".SH \"{title}\"\n").as_bytes());
    for (name, text) in entries {
        page.extend_from_slice(
            format!(".TP\n\\fB{}\\fR\n{}\n", roff(&name), roff(text)).as_bytes(),
        );
    }
}

/// The examples of a help text: its first paragraph, as it stands there.
fn examples(page: &mut Vec<u8>, help: &str) {
    let first = help.split("\n\n").next().unwrap_or_default();
    let Some(lines) = first.strip_prefix("Examples:\n") else {
        return;
    };
    page.extend_from_slice(format!(".SH \"EXAMPLES\"\n.nf\n{}\n.fi\n", roff(lines)).as_bytes());
}

/// Text in which roff finds nothing to do.
fn roff(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
}

const ENVIRONMENT: [(&str, &str); 9] = [
    (
        "AWS_EC2_METADATA_DISABLED",
        "`true`: no request is made, and the exit code is 10.",
    ),
    (
        "AWS_EC2_METADATA_V1_DISABLED",
        "`false`: as --allow-v1, requests without a token where the service refuses tokens.",
    ),
    (
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "Base URL of the service. Beats every mode.",
    ),
    (
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "`IPv4` or `IPv6`.",
    ),
    (
        "AWS_METADATA_SERVICE_TIMEOUT",
        "Seconds to wait for a connection and for the first byte of an answer, each: 1 to 3600.",
    ),
    (
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
        "Tries for each request: 1 to 255.",
    ),
    (
        "AWS_PROFILE",
        "The profile whose keys are read; otherwise `default`.",
    ),
    (
        "AWS_CONFIG_FILE",
        "The file the profile stands in; otherwise ~/.aws/config.",
    ),
    ("NO_COLOR", "No colours, unless --color=always."),
];

const FILES: [(&str, &str); 2] = [
    (
        "~/.aws/config",
        "In the active profile: disable_ec2_metadata, ec2_metadata_v1_disabled, \
         ec2_metadata_service_endpoint, ec2_metadata_service_endpoint_mode, \
         metadata_service_timeout, metadata_service_num_attempts. \
         A flag beats the environment, and the environment this file.",
    ),
    (
        "/sys/class/dmi/id/, /sys/hypervisor/uuid",
        "Read to tell whether this is an EC2 instance at all, where the default address is in use.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_program_holds_settings_and_exit_codes() {
        let mut program = args::command();
        program.build();
        let page = String::from_utf8(page(program, true).unwrap()).unwrap();
        for text in [
            ".SH \"EXIT STATUS\"",
            ".SH \"EXAMPLES\"\n.nf\n  imdsctl get instance\\-id\n",
            "AWS_METADATA_SERVICE_TIMEOUT",
            "~/.aws/config",
            "user\\-data",
        ] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn roff_finds_nothing_to_do_in_a_text() {
        assert_eq!(roff(r"a-b\c'd"), r"a\-b\ec\(aqd");
    }
}
