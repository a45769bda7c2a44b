//! The way from settings to answers: which service, under which limits, and what its errors mean
//! here.
use imds_blocking::{Client, Dial, Options};
use imds_core::config::{Pace, Target};
use imds_core::{Config, Endpoint};
use imds_mock::{Mock, Profile, Running};

use crate::commands::Context;
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::platform;
use crate::settings::Settings;
use crate::settings::value::Mode;

/// The service this command asks.
pub(crate) struct Service {
    settings: Settings,
    /// Why this machine is plainly not on EC2, where that would matter.
    elsewhere: Option<String>,
    /// The built-in server lives as long as the command.
    _mock: Option<Running>,
}

impl Service {
    /// Reads the settings and starts the built-in server if it is wanted. Sends nothing.
    pub(crate) fn open(context: &Context<'_>) -> Result<Self, Failure> {
        let settings = Settings::read(context.flags, context.host)?;
        settings.permit()?;
        if let Some(warning) = &settings.profile.warning {
            tracing::warn!("{warning}");
        }
        let (settings, mock) = match context.flags.mock {
            None => (settings, None),
            Some(profile) => {
                let server = start_mock(profile)?;
                let endpoint = Endpoint::parse(&server.url()).map_err(|error| {
                    Failure::new(
                        Exit::Other,
                        "the built-in server has no address",
                        error.to_string(),
                        "",
                    )
                })?;
                (settings.redirected_to(endpoint), Some(server))
            }
        };
        let ask = settings.platform_check.value && settings.is_default_endpoint();
        let elsewhere = ask
            .then(|| platform::plainly_elsewhere(&context.host.sysfs))
            .flatten();
        let service = Self {
            settings,
            elsewhere,
            _mock: mock,
        };
        tracing::info!(endpoint = service.endpoint(), "asking");
        Ok(service)
    }

    /// Where requests go, for messages.
    pub(crate) fn endpoint(&self) -> String {
        match (&self.settings.endpoint, self.settings.mode.value) {
            (None, Mode::Auto) => format!("{} and {}", Endpoint::IPV4, Endpoint::IPV6),
            _ => self.settings.first_endpoint().to_string(),
        }
    }

    /// The same for the protocol.
    pub(crate) fn config(&self) -> Config {
        let settings = &self.settings;
        let target = match (&settings.endpoint, settings.mode.value) {
            (None, Mode::Auto) => Target::Auto,
            _ => Target::One(settings.first_endpoint()),
        };
        let mut config = Config::new(target);
        config.timeouts.connect = settings.connect.value;
        config.timeouts.first_byte = settings.first_byte.value;
        config.timeouts.operation = Some(settings.operation.value);
        config.attempts = settings.attempts.value;
        config.allow_v1 = settings.allow_v1.value;
        config.pace = settings.pace.value.map(|rate| Pace {
            burst: rate,
            per_second: rate,
        });
        config
    }

    /// Where the firmware plainly names another machine, tries one connection before a walk begins,
    /// and fails if none comes about.
    pub(crate) fn first_connection(&self, path: &str) -> Result<(), Failure> {
        let Some(evidence) = &self.elsewhere else {
            return Ok(());
        };
        match self.client(self.one_attempt()).get(path) {
            Err(error) if explain::is_without_connection(error) => {
                Err(explain::not_on_ec2(error, evidence, path, &self.endpoint()))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn one_attempt(&self) -> Config {
        Config {
            attempts: 1,
            ..self.config()
        }
    }

    /// A reader of single values.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            client: self.client(self.config()),
            service: self,
            unproven: self.elsewhere.as_deref(),
        }
    }

    /// An error about `path`, in its three parts.
    pub(crate) fn failure(&self, error: imds_core::Error, path: &str) -> Failure {
        let mut failure = explain::failure(error, path, &self.endpoint());
        if let (Some(interface), true) = (
            &self.settings.interface,
            explain::is_without_connection(error),
        ) {
            failure
                .seen
                .push_str(&format!(", from interface `{}`", interface.value));
            "look at --interface: is it there and up, and may this user bind to it?"
                .clone_into(&mut failure.fix);
        }
        failure
    }

    /// A client of many lanes, for walks.
    pub(crate) fn shared_client(&self) -> imds_tokio::Client {
        let mut builder = imds_tokio::Client::builder()
            .config(self.config())
            .lanes(self.settings.lanes.value);
        if let Some(interface) = &self.settings.interface {
            builder = builder.interface(interface.value.as_str());
        }
        builder.build()
    }

    fn client(&self, config: Config) -> Client {
        let dial = Dial {
            interface: self
                .settings
                .interface
                .as_ref()
                .map(|set| set.value.clone()),
            ..Dial::default()
        };
        Client::with_dial(config, dial)
    }
}

/// Reads single values, one after the other.
pub(crate) struct Reader<'a> {
    client: Client,
    service: &'a Service,
    /// Why this is plainly not EC2, until something has answered.
    unproven: Option<&'a str>,
}

impl Reader<'_> {
    /// Does `call`, about `path`.
    ///
    /// Where the firmware plainly names another machine, the first connection is tried once and not
    /// again: if it fails, that is the answer. If it stands, this place has a metadata service of
    /// its own, and all is as usual.
    pub(crate) fn ask<T>(
        &mut self,
        path: &str,
        call: impl Fn(&mut Client) -> Result<T, imds_core::Error>,
    ) -> Result<T, Failure> {
        if let Some(evidence) = self.unproven {
            match call(&mut self.service.client(self.service.one_attempt())) {
                Err(error) if explain::is_without_connection(error) => {
                    return Err(explain::not_on_ec2(
                        error,
                        evidence,
                        path,
                        &self.service.endpoint(),
                    ));
                }
                Ok(value) => {
                    self.unproven = None;
                    return Ok(value);
                }
                Err(_) => self.unproven = None,
            }
        }
        call(&mut self.client).map_err(|error| self.service.failure(error, path))
    }

    /// Fails if `path` cannot be asked for at all. A walk that is begun and dropped says so, and
    /// sends nothing.
    pub(crate) fn check(&mut self, path: &str) -> Result<(), Failure> {
        let begun = self.client.walk(path, Options::default()).map(drop);
        begun.map_err(|error| self.service.failure(error, path))
    }

    /// The bytes at `path`; `None` is 404.
    pub(crate) fn value(&mut self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let value = self.ask(path, |client| client.get(path))?;
        match &value {
            Some(value) => tracing::debug!(path, bytes = value.len(), "read"),
            None => tracing::debug!(path, "absent"),
        }
        Ok(value)
    }

    /// 404 about `path`, as an error.
    pub(crate) fn absent(&self, path: &str) -> Failure {
        explain::absent(path, &self.service.endpoint())
    }
}

/// A server of this kind on a free port of 127.0.0.1.
fn start_mock(profile: Profile) -> Result<Running, Failure> {
    imds_mock::server::spawn(Mock::new(profile)).map_err(|error| {
        Failure::new(
            Exit::Other,
            "the built-in server does not start",
            error.to_string(),
            "look at the limits of this machine: ports, threads, descriptors",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Global, PlatformCheck};
    use crate::host::{Host, Stream};
    use crate::terminal::Messages;
    use imds_core::{Error, Fault, Phase, Reason};
    use std::fs;
    use std::path::PathBuf;

    const NO_ROUTE: Error = Error::Transport(Phase::Connect, Fault::Unreachable);

    /// A service on a machine of that vendor. Nothing is ever sent: the calls of these tests answer
    /// by themselves.
    fn service_on(vendor: &str, flags: &Global) -> Service {
        use core::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let sysfs: PathBuf =
            std::env::temp_dir().join(format!("imdsctl-vendor-{}-{number}", std::process::id()));
        fs::create_dir_all(sysfs.join("class/dmi/id")).unwrap();
        fs::write(sysfs.join("class/dmi/id/sys_vendor"), vendor).unwrap();
        let (out, _) = Stream::captured(false);
        let mut host = Host::made_up([], out.clone(), out);
        host.sysfs.clone_from(&sysfs);
        let service = Service::open(&Context {
            host: &host,
            flags,
            messages: &Messages::new(flags, &host),
        });
        fs::remove_dir_all(&sysfs).unwrap();
        service.unwrap()
    }

    /// The exits of two calls that both fail with `error`, and how often the service was asked.
    fn asked_twice(service: &Service, error: Error) -> ([Exit; 2], u32) {
        let asked = core::cell::Cell::new(0);
        let mut reader = service.reader();
        let mut ask = || {
            let call = |_: &mut Client| -> Result<(), Error> {
                asked.set(asked.get() + 1);
                Err(error)
            };
            reader.ask("/x", call).unwrap_err().exit
        };
        let exits = [ask(), ask()];
        (exits, asked.get())
    }

    #[test]
    fn without_a_connection_another_machine_is_not_on_ec2_after_one_try() {
        let service = service_on("Google", &Global::default());
        let not_on_ec2 = [Exit::NotOnEc2, Exit::NotOnEc2];
        assert_eq!(asked_twice(&service, NO_ROUTE), (not_on_ec2, 2));
        assert_eq!(
            asked_twice(&service, Error::Timeout(Reason::Connect)),
            (not_on_ec2, 2)
        );
    }

    #[test]
    fn once_something_has_answered_another_machine_is_like_any() {
        let service = service_on("Google", &Global::default());
        let silent = Error::Timeout(Reason::TokenReply);
        // Asked with one attempt first, then with all of them.
        assert_eq!(
            asked_twice(&service, silent),
            ([Exit::NoToken, Exit::NoToken], 3)
        );
    }

    #[test]
    fn without_a_connection_the_interface_is_the_first_to_look_at() {
        let flags = Global {
            interface: Some("eth7".to_owned()),
            ..Global::default()
        };
        let failure = service_on("", &flags).failure(NO_ROUTE, "/x");
        assert!(failure.seen.contains("`eth7`") && failure.fix.contains("--interface"));
        let silent = Error::Timeout(Reason::TokenReply);
        assert!(
            !service_on("", &flags)
                .failure(silent, "/x")
                .fix
                .contains("--interface")
        );
    }

    #[test]
    fn unknown_firmware_other_endpoints_and_no_check_are_never_not_on_ec2() {
        let unreachable = ([Exit::Unreachable, Exit::Unreachable], 2);
        assert_eq!(
            asked_twice(&service_on("Amazon EC2", &Global::default()), NO_ROUTE),
            unreachable
        );
        assert_eq!(
            asked_twice(&service_on("", &Global::default()), NO_ROUTE),
            unreachable
        );
        let endpoint = Global {
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            ..Global::default()
        };
        assert_eq!(
            asked_twice(&service_on("Google", &endpoint), NO_ROUTE),
            unreachable
        );
        let off = Global {
            platform_check: PlatformCheck::Off,
            ..Global::default()
        };
        assert_eq!(
            asked_twice(&service_on("Google", &off), NO_ROUTE),
            unreachable
        );
    }
}
