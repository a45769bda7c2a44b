//! Flags of every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use imds_mock::Profile;

use super::profile;

const CONNECTION: &str = "Connection";
const OUTPUT: &str = "Messages";

/// Flags of every command.
#[derive(Args, Debug, Clone, Default)]
pub struct Global {
    /// Base URL of the service, like `http://127.0.0.1:1338`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = CONNECTION,
        conflicts_with = "mock"
    )]
    pub endpoint: Option<String>,
    /// Use the IPv4 address of the service
    #[arg(long, global = true, help_heading = CONNECTION, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use the IPv6 address of the service
    #[arg(long, global = true, help_heading = CONNECTION)]
    pub ipv6: bool,
    /// Send from this network interface
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = CONNECTION,
        conflicts_with = "mock"
    )]
    pub interface: Option<String>,
    /// Longest wait for a connection and for the first byte of an answer, each: `500ms`, `1.5s`,
    /// `2` [default: 250ms and 1s]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        help_heading = CONNECTION,
        allow_hyphen_values = true
    )]
    pub timeout: Option<String>,
    /// Longest wait for a connection [default: 250ms]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        help_heading = CONNECTION,
        allow_hyphen_values = true
    )]
    pub connect_timeout: Option<String>,
    /// How often each request is tried [default: 3]
    #[arg(
        long,
        global = true,
        value_name = "N",
        help_heading = CONNECTION,
        allow_hyphen_values = true
    )]
    pub attempts: Option<String>,
    /// Connections of a dump, 1 to 64 [default: 8]
    #[arg(
        long,
        global = true,
        value_name = "N",
        help_heading = CONNECTION,
        allow_hyphen_values = true
    )]
    pub lanes: Option<String>,
    /// Requests a second of a dump, or `off` [default: 96]
    #[arg(
        long,
        global = true,
        value_name = "N|off",
        help_heading = CONNECTION,
        allow_hyphen_values = true
    )]
    pub pace: Option<String>,
    /// Fall back to IMDSv1 where the service refuses tokens
    #[arg(long, global = true, help_heading = CONNECTION)]
    pub allow_v1: bool,
    /// Run against a built-in server that plays PROFILE (default: ec2); `imdsctl mock --help` lists
    /// them
    #[arg(
        long,
        global = true,
        value_name = "PROFILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "ec2",
        value_parser = profile(),
        hide_possible_values = true,
        help_heading = CONNECTION
    )]
    pub mock: Option<Profile>,
    /// Whether the firmware is asked, once a connection has failed, if this is an EC2 instance at
    /// all
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        help_heading = CONNECTION
    )]
    pub platform_check: PlatformCheck,
    /// Root of sysfs, for tests of the platform check
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    pub sysfs: Option<PathBuf>,

    /// No warnings, no progress
    #[arg(short, long, global = true, help_heading = OUTPUT, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: once what is done, twice every value, three times everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = OUTPUT)]
    pub verbose: u8,
    /// How messages on standard error are written
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        help_heading = OUTPUT
    )]
    pub log_format: LogFormat,
    /// When messages are coloured; `auto` obeys NO_COLOR
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        help_heading = OUTPUT
    )]
    pub color: Color,
}

/// `--platform-check`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlatformCheck {
    /// Ask, where the default address is in use
    #[default]
    Auto,
    /// Never ask
    Off,
}

/// `--log-format`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// `--color`
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
