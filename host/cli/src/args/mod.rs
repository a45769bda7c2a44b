//! The command line.
//!
//! Flags that have a variable or a profile key beside them are kept as text here: one place reads
//! them all, so that a bad value gets the same error wherever it was written.

mod global;

use core::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use imds_mock::Profile;

use crate::failure::Exit;
pub use global::{Color, Global, LogFormat, PlatformCheck};

/// Read EC2 instance metadata.
///
/// Data goes to standard output, everything else to standard error.
#[derive(Parser, Debug)]
#[command(
    name = "imdsctl",
    version,
    max_term_width = 100,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  imdsctl get instance-id
  imdsctl dump | jq -r '.\"meta-data\".placement.region'
  imdsctl --mock dump -o tree           # without an instance: a server of its own
  imdsctl list network/interfaces/macs";

const ENVIRONMENT: &str = "\
Environment: AWS_EC2_METADATA_DISABLED, AWS_EC2_METADATA_V1_DISABLED,
AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE,
AWS_METADATA_SERVICE_TIMEOUT, AWS_METADATA_SERVICE_NUM_ATTEMPTS, AWS_PROFILE, AWS_CONFIG_FILE,
NO_COLOR. `imdsctl config` prints what is in force, and why.";

const GET_EXAMPLES: &str = "\
Examples:
  imdsctl get instance-id placement/region
  imdsctl get tags/instance/Name --default unnamed
  imdsctl get spot/instance-action --wait-for 5m
  imdsctl get -o json user-data";

const LIST_EXAMPLES: &str = "\
Examples:
  imdsctl list
  imdsctl list -o json tags/instance
  imdsctl list /";

const DUMP_EXAMPLES: &str = "\
Examples:
  imdsctl dump | jq -r '.\"meta-data\".\"instance-id\"'
  imdsctl dump placement -o tree
  imdsctl dump --decode dynamic/instance-identity
  eval \"$(imdsctl dump -o env)\"; echo \"$IMDS_META_DATA_INSTANCE_ID\"
  imdsctl dump --include credentials,user-data > all.json";

const CREDENTIALS_EXAMPLES: &str = "\
Examples:
  credential_process = /usr/bin/imdsctl credentials      (in ~/.aws/config)
  eval \"$(imdsctl credentials --format env)\"
  imdsctl credentials --format json | jq -r .Expiration";

const REGION_EXAMPLES: &str = "\
Examples:
  export AWS_REGION=\"$(imdsctl region)\"";

const USER_DATA_EXAMPLES: &str = "\
Examples:
  imdsctl user-data > user-data
  imdsctl user-data | gunzip";

const CONFIG_EXAMPLES: &str = "\
Examples:
  imdsctl config
  imdsctl --timeout 2s config first-byte-timeout";

const MOCK_EXAMPLES: &str = "\
Examples:
  imdsctl mock
  imdsctl mock --profile disabled --listen 127.0.0.1:0
  imdsctl dump --include all > tree.json; imdsctl mock --data tree.json
  imdsctl --endpoint http://127.0.0.1:1338 get instance-id";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(imdsctl completions bash)
  imdsctl completions zsh > \"${fpath[1]}/_imdsctl\"
  imdsctl completions fish > ~/.config/fish/completions/imdsctl.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  imdsctl man | man -l -
  imdsctl man dump > imdsctl-dump.1";

/// The parser, with examples, variables and exit codes below its help.
#[must_use]
pub fn command() -> clap::Command {
    let codes: String = Exit::TABLE
        .into_iter()
        .map(|(exit, meaning)| format!("\n  {:3}  {meaning}", exit.code()))
        .collect();
    Cli::command().after_help(format!("{EXAMPLES}\n\n{ENVIRONMENT}\n\nExit codes:{codes}"))
}

/// Names of the servers that the built-in one can play, for errors and completions.
fn profile() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name))
        .try_map(|name| name.parse::<Profile>())
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print the values of paths
    ///
    /// A path may begin with `/`, `latest/` or a version date; `dynamic/...`, `meta-data/...` and
    /// `user-data` are taken below `latest`, any other name below `latest/meta-data`.
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// Print the names in a directory, one a line
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Walk the tree and print all of it
    ///
    /// Credentials, identity credentials, SSH keys of EC2 Instance Connect and user-data are left
    /// out unless asked for with --include, or by a PREFIX that is one of them. Nodes that failed
    /// are listed on standard error, and the exit code names the worst cause.
    ///
    /// `-o env` names a variable `IMDS_` and the path without its version, in capitals, with `_`
    /// for everything that is not a letter or a digit: `/latest/meta-data/instance-id` is
    /// `IMDS_META_DATA_INSTANCE_ID`. A value that a shell cannot hold is base64 under the name with
    /// `_BASE64` behind it. Paths that would share a name are left out and reported.
    #[command(after_help = DUMP_EXAMPLES)]
    Dump(Dump),
    /// Print the credentials of the instance's role
    #[command(after_help = CREDENTIALS_EXAMPLES)]
    Credentials(Credentials),
    /// Print the region
    ///
    /// Where it has no key of its own, it comes from the instance identity document.
    #[command(after_help = REGION_EXAMPLES)]
    Region,
    /// Print the user-data, byte for byte
    #[command(after_help = USER_DATA_EXAMPLES)]
    UserData,
    /// Print every setting in force and where it came from
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(Config),
    /// Serve metadata as EC2 does, for tests
    #[command(after_help = MOCK_EXAMPLES)]
    Mock(Mock),
    /// Print a completion script
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The page of this command
        command: Option<String>,
    },
}

/// `get`
#[derive(Args, Debug)]
pub struct Get {
    /// Paths, like `instance-id` or `dynamic/instance-identity/document`
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// Form of the values
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: GetOutput,
    /// Print TEXT for a path that is absent, and succeed
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub default: Option<String>,
    /// While a path is absent or the service does not answer yet, ask again for this long
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub wait_for: Option<String>,
}

/// `-o` of `get`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GetOutput {
    /// The exact bytes; a newline after each of several values, and at the end on a terminal
    #[default]
    Raw,
    /// A JSON string; with several paths an object of them
    Json,
}

/// `list`
#[derive(Args, Debug)]
pub struct List {
    /// A directory [default: /latest/meta-data/]
    pub path: Option<String>,
    /// Form of the names
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: ListOutput,
}

/// `-o` of `list`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListOutput {
    /// One name a line
    #[default]
    Raw,
    /// A JSON array of strings
    Json,
}

/// `dump`
#[derive(Args, Debug)]
pub struct Dump {
    /// Where to start [default: /latest/]
    pub prefix: Option<String>,
    /// Form of the tree
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: DumpOutput,
    /// Turn values that are JSON into JSON, and values of several lines into arrays
    #[arg(long)]
    pub decode: bool,
    /// Print this too, though it is secret or large
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub include: Vec<Include>,
}

/// `-o` of `dump`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DumpOutput {
    /// Directories are objects, keys sorted
    #[default]
    Json,
    /// The same as YAML
    Yaml,
    /// Lines for a shell: `IMDS_META_DATA_INSTANCE_ID='...'`
    Env,
    /// Lines of path, tab, JSON string
    Flat,
    /// A drawing
    Tree,
}

/// `--include` of `dump`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// Credentials of the instance's role
    Credentials,
    /// Credentials of the instance's own identity
    IdentityCredentials,
    /// Keys that EC2 Instance Connect pushed
    SshKeys,
    /// What the instance was started with
    UserData,
    /// All of these
    All,
}

/// `credentials`
#[derive(Args, Debug)]
pub struct Credentials {
    /// Form of the credentials
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: CredentialsFormat,
}

/// `--format` of `credentials`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialsFormat {
    /// What `credential_process` in ~/.aws/config wants
    #[default]
    CredentialProcess,
    /// Lines of `export NAME='value'` for a shell
    Env,
    /// The fields under the names the service gives them
    Json,
}

/// `config`
#[derive(Args, Debug)]
pub struct Config {
    /// Print the value of this setting alone
    pub name: Option<String>,
}

/// `mock`
#[derive(Args, Debug)]
pub struct Mock {
    /// Which server to play
    #[arg(long, value_name = "PROFILE", default_value = "ec2", value_parser = profile())]
    pub profile: Profile,
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1338")]
    pub listen: SocketAddr,
    /// The tree to serve: a JSON file as `imdsctl dump` prints it, without PREFIX or --decode
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub data: Option<PathBuf>,
    /// Whether requests without a token are refused
    #[arg(long, value_enum, value_name = "WHAT")]
    pub tokens: Option<Tokens>,
    /// Wait this long before every answer
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub delay: Option<String>,
}

/// `--tokens` of `mock`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// IMDSv2 alone
    Required,
    /// IMDSv1 as well
    Optional,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_defaults_in_the_help_are_those_in_force() {
        use crate::settings::{LANES, value::shown};
        let core = imds_core::Config::default();
        let connect = shown(core.timeouts.connect);
        let pace = core.pace.map_or(0, |pace| pace.per_second);
        for (flag, default) in [
            (
                "timeout",
                format!("{connect} and {}", shown(core.timeouts.first_byte)),
            ),
            ("connect-timeout", connect),
            ("attempts", core.attempts.to_string()),
            ("lanes", LANES.to_string()),
            ("pace", pace.to_string()),
        ] {
            let command = command();
            let mut flags = command.get_arguments();
            let flag = flags.find(|arg| arg.get_long() == Some(flag)).unwrap();
            let help = flag.get_help().unwrap().to_string();
            assert!(help.ends_with(&format!("[default: {default}]")), "{help}");
        }
    }

    #[test]
    fn mock_takes_a_profile_only_behind_an_equals_sign() {
        let cli = Cli::try_parse_from(["imdsctl", "--mock", "get", "ami-id"]).unwrap();
        assert_eq!(cli.global.mock, Some(Profile::Ec2));
        let cli = Cli::try_parse_from(["imdsctl", "get", "ami-id", "--mock=mmds"]).unwrap();
        assert_eq!(cli.global.mock, Some(Profile::Mmds));
        assert!(Cli::try_parse_from(["imdsctl", "--mock=ec3", "region"]).is_err());
    }

    #[test]
    fn mock_and_endpoint_exclude_each_other() {
        assert!(
            Cli::try_parse_from(["imdsctl", "--mock", "--endpoint=http://a", "region"]).is_err()
        );
    }

    #[test]
    fn includes_may_be_one_list_or_many_flags() {
        for args in [
            &["imdsctl", "dump", "--include", "credentials,user-data"][..],
            &[
                "imdsctl",
                "dump",
                "--include",
                "credentials",
                "--include=user-data",
            ],
        ] {
            let Command::Dump(dump) = Cli::try_parse_from(args).unwrap().command else {
                panic!("not a dump");
            };
            assert_eq!(dump.include, [Include::Credentials, Include::UserData]);
        }
    }
}
