//! Every setting: its value, and where that came from.
//!
//! A flag beats the environment, the environment the profile, the profile the default; an endpoint
//! from any of them beats a mode from any of them. Only the value in force is read: a broken
//! variable behind a flag does no harm.

pub mod profile;
pub mod table;
pub mod value;

use core::fmt;
use core::time::Duration;

use imds_core::Endpoint;

use crate::args::{Global, PlatformCheck};
use crate::failure::{Exit, Failure};
use crate::host::Host;
use profile::{Profile, text_of};
use value::{Expected, Mode};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A flag of this command.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A key of the active profile.
    Profile {
        /// The key.
        key: &'static str,
        /// The profile's name.
        profile: String,
        /// The file it stands in.
        file: String,
    },
    /// It follows from other settings.
    Derived(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Profile { key, profile, file } => {
                write!(f, "{key} of profile `{profile}` in {file}")
            }
            Self::Derived(from) => write!(f, "follows from {from}"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Set<T> {
    fn by_default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Set<U> {
        Set {
            value: change(self.value),
            origin: self.origin,
        }
    }
}

/// Everything that can be set from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The profile that was looked at.
    pub profile: Profile,
    /// IMDS must not be asked at all.
    pub disabled: Set<bool>,
    /// An endpoint, if one was named: it beats the mode.
    pub endpoint: Option<Set<Endpoint>>,
    /// Which of the two usual addresses.
    pub mode: Set<Mode>,
    /// The interface to send from.
    pub interface: Option<Set<String>>,
    /// Requests without a token are allowed.
    pub allow_v1: Set<bool>,
    /// Longest wait for a connection.
    pub connect: Set<Duration>,
    /// Longest wait for the first byte of an answer.
    pub first_byte: Set<Duration>,
    /// Longest time for one value, tries and pauses included.
    pub operation: Set<Duration>,
    /// Tries for each request.
    pub attempts: Set<u8>,
    /// Connections of a walk.
    pub lanes: Set<u8>,
    /// Requests a second of a walk, or no limit.
    pub pace: Set<Option<u16>>,
    /// Whether the firmware is asked who it is.
    pub platform_check: Set<bool>,
}

/// Connections of a walk unless asked otherwise.
pub(crate) const LANES: u8 = 8;

impl Settings {
    /// Reads flags, environment and profile.
    pub fn read(flags: &Global, host: &Host) -> Result<Self, Failure> {
        let profile = Profile::of(host)?;
        let from = Sources {
            host,
            profile: &profile,
        };
        let core = imds_core::Config::default();

        let disabled = from
            .find(
                "switch",
                None,
                "AWS_EC2_METADATA_DISABLED",
                "disable_ec2_metadata",
                value::boolean,
            )?
            .unwrap_or(Set::by_default(false));
        let endpoint = from.find(
            "endpoint",
            flag("--endpoint", flags.endpoint.as_ref()),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "ec2_metadata_service_endpoint",
            value::endpoint,
        )?;
        let mode = match (&endpoint, flags.ipv4, flags.ipv6) {
            (None, true, _) => Set {
                value: Mode::Ipv4,
                origin: Origin::Flag("--ipv4"),
            },
            (None, _, true) => Set {
                value: Mode::Ipv6,
                origin: Origin::Flag("--ipv6"),
            },
            (None, false, false) => from
                .find(
                    "endpoint mode",
                    None,
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                    "ec2_metadata_service_endpoint_mode",
                    value::mode,
                )?
                .unwrap_or(Set::by_default(Mode::Auto)),
            (Some(_), ..) => Set {
                value: Mode::Auto,
                origin: Origin::Derived("endpoint"),
            },
        };
        let allow_v1 = if flags.allow_v1 {
            Set {
                value: true,
                origin: Origin::Flag("--allow-v1"),
            }
        } else {
            from.find(
                "switch",
                None,
                "AWS_EC2_METADATA_V1_DISABLED",
                "ec2_metadata_v1_disabled",
                value::boolean,
            )?
            .map_or(Set::by_default(core.allow_v1), |set| {
                set.map(|disabled| !disabled)
            })
        };

        let both = match flag("--timeout", flags.timeout.as_ref()) {
            Some((name, text)) => Some(read("timeout", Origin::Flag(name), text, value::timeout)?),
            None => from.find(
                "timeout",
                None,
                "AWS_METADATA_SERVICE_TIMEOUT",
                "metadata_service_timeout",
                value::whole_seconds,
            )?,
        };
        let connect = match flag("--connect-timeout", flags.connect_timeout.as_ref()) {
            Some((name, text)) => Some(read("timeout", Origin::Flag(name), text, value::timeout)?),
            None => both.clone(),
        };
        let attempts = from.find(
            "number of attempts",
            flag("--attempts", flags.attempts.as_ref()),
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
            "metadata_service_num_attempts",
            value::attempts,
        )?;
        let untouched = both.is_none() && connect.is_none() && attempts.is_none();
        let connect = connect.unwrap_or(Set::by_default(core.timeouts.connect));
        let first_byte = both.unwrap_or(Set::by_default(core.timeouts.first_byte));
        let attempts = attempts.unwrap_or(Set::by_default(core.attempts));
        let usual = core.timeouts.operation.unwrap_or(Duration::ZERO);
        let needed = whole_operation(connect.value, first_byte.value, attempts.value);
        let operation = if untouched || needed <= usual {
            Set::by_default(usual)
        } else {
            Set {
                value: needed,
                origin: Origin::Derived("timeouts and attempts"),
            }
        };

        let interface = flag("--interface", flags.interface.as_ref())
            .map(|(name, text)| read("interface", Origin::Flag(name), text, value::interface))
            .transpose()?;
        let lanes = match flag("--lanes", flags.lanes.as_ref()) {
            Some((name, text)) => read("number of lanes", Origin::Flag(name), text, value::lanes)?,
            None => Set::by_default(LANES),
        };
        let pace = match flag("--pace", flags.pace.as_ref()) {
            Some((name, text)) => read("pace", Origin::Flag(name), text, value::pace)?,
            None => Set::by_default(core.pace.map(|pace| pace.per_second)),
        };
        let platform_check = match flags.platform_check {
            PlatformCheck::Auto => Set::by_default(true),
            PlatformCheck::Off => Set {
                value: false,
                origin: Origin::Flag("--platform-check"),
            },
        };

        Ok(Self {
            disabled,
            endpoint,
            mode,
            interface,
            allow_v1,
            connect,
            first_byte,
            operation,
            attempts,
            lanes,
            pace,
            platform_check,
            profile,
        })
    }

    /// Fails where the configuration forbids every request.
    pub fn permit(&self) -> Result<(), Failure> {
        if !self.disabled.value {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Disabled,
            "the metadata service is disabled by configuration; no request was made",
            format!("`true` from {}", self.disabled.origin),
            "unset it, or set it to `false`",
        ))
    }

    /// Whether one of the two addresses of the real service is in use.
    #[must_use]
    pub fn is_default_endpoint(&self) -> bool {
        self.endpoint
            .as_ref()
            .is_none_or(|endpoint| endpoint.value.is_default())
    }

    /// The address a person would look at: of two it is the one that is tried first.
    #[must_use]
    pub fn first_endpoint(&self) -> Endpoint {
        match (&self.endpoint, self.mode.value) {
            (Some(endpoint), _) => endpoint.value.clone(),
            (None, Mode::Ipv6) => Endpoint::IPV6,
            (None, Mode::Auto | Mode::Ipv4) => Endpoint::IPV4,
        }
    }

    /// Sends every request of this command to `endpoint`, whatever was set.
    #[must_use]
    pub fn redirected_to(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(Set {
            value: endpoint,
            origin: Origin::Flag("--mock"),
        });
        self.interface = None;
        self
    }
}

/// Time for a token and a value, every try of both at its slowest, with a second between tries.
fn whole_operation(connect: Duration, first_byte: Duration, attempts: u8) -> Duration {
    let tries = u32::from(attempts);
    let pauses = Duration::from_secs(u64::from(tries.saturating_sub(1)));
    ((connect + first_byte) * tries + pauses) * 2
}

fn flag<'a>(name: &'static str, value: Option<&'a String>) -> Option<(&'static str, &'a str)> {
    value.map(|value| (name, value.as_str()))
}

struct Sources<'a> {
    host: &'a Host,
    profile: &'a Profile,
}

impl Sources<'_> {
    /// The first of flag, variable and profile key that says something.
    fn find<T>(
        &self,
        what: &str,
        flag: Option<(&'static str, &str)>,
        variable: &'static str,
        key: &'static str,
        reader: impl Fn(&str) -> Result<T, Expected>,
    ) -> Result<Option<Set<T>>, Failure> {
        if let Some((name, text)) = flag {
            return read(what, Origin::Flag(name), text, reader).map(Some);
        }
        if let Some(text) = self.host.variable(variable) {
            let text = text_of(variable, text)?;
            return read(what, Origin::Environment(variable), &text, reader).map(Some);
        }
        match self.profile.values.get(key) {
            Some(text) if !text.is_empty() => {
                let file = self.profile.file.as_ref();
                let origin = Origin::Profile {
                    key,
                    profile: self.profile.name.clone(),
                    file: file.map_or_else(String::new, |file| file.display().to_string()),
                };
                read(what, origin, text, reader).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Reads a value, or says what is wrong with it, where it stands and what is allowed.
fn read<T>(
    what: &str,
    origin: Origin,
    text: &str,
    reader: impl Fn(&str) -> Result<T, Expected>,
) -> Result<Set<T>, Failure> {
    match reader(text) {
        Ok(value) => Ok(Set { value, origin }),
        Err(expected) => Err(Failure::usage(
            format!("bad setting: {origin}"),
            format!("`{}` is not a valid {what}", without_password(text)),
            format!("it must be {expected}"),
        )),
    }
}

/// A URL's user and password have no place in a message.
fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}***{}", &text[..scheme + 3], &text[at..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
