//! `dump`: all of the tree.

use core::time::Duration;
use std::time::Instant;

use imds_core::walk::{self, Why};
use imds_tokio::Node;
use tokio::signal::unix::{SignalKind, signal};

use super::{Context, Stop};
use crate::args::{Dump, DumpOutput, Include};
use crate::explain;
use crate::failure::{Exit, Failure};
use crate::output::{Leaves, env, flat, json, tree, yaml};
use crate::path;
use crate::service::Service;

const ROOT: &str = "/latest/";

pub(super) fn run(context: &Context<'_>, args: &Dump) -> Result<Exit, Stop> {
    let prefix = match &args.prefix {
        Some(typed) => path::absolute(typed)?,
        None => ROOT.to_owned(),
    };
    let service = Service::open(context)?;
    service.first_connection(&prefix)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no_runtime(&error))?;
    let found = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| no_runtime(&error))?;
        tokio::select! {
            found = walk(context, &service, &prefix, &args.include) => found.map(Some),
            _ = interrupt.recv() => Ok(None),
        }
    })?;
    match found {
        None => Ok(Exit::Interrupted),
        Some(found) => print(context, args, &prefix, found),
    }
}

/// What a walk brought.
#[derive(Default)]
struct Found {
    leaves: Leaves,
    /// Nodes without a value for a reason that counts, and how many of them.
    worst: Option<Failure>,
    failed: usize,
}

impl Found {
    fn count(&mut self, failure: Failure) {
        self.failed += 1;
        let worse = match &self.worst {
            None => true,
            Some(worst) => worst.exit.worst(failure.exit) != worst.exit,
        };
        if worse {
            self.worst = Some(failure);
        }
    }

    /// Takes note of a node that gave no value.
    fn miss(
        &mut self,
        context: &Context<'_>,
        service: &Service,
        name: &str,
        is_start: bool,
        why: Why,
    ) {
        let failure = match why {
            Why::Absent if is_start => explain::absent(name, &service.endpoint()),
            Why::Absent => {
                tracing::info!(path = name, "vanished: {why}");
                return;
            }
            Why::LeftOut(_) => {
                tracing::info!(path = name, "{why}");
                return;
            }
            Why::Failed(error) => service.failure(error, name),
            // A line that is no name, and whatever a later core may find.
            Why::BadName(_) | _ => Failure::new(
                why.cause()
                    .map_or(Exit::Other, |cause| Exit::from_code(cause.exit_code())),
                format!("{why}: {name}"),
                format!("{}: a listing with that line in it", service.endpoint()),
                "the other nodes are good; this one cannot be asked for",
            ),
        };
        if !is_start {
            let messages = context.messages;
            messages.missing(name, failure.exit, &why.to_string());
        }
        self.count(failure);
    }
}

async fn walk(
    context: &Context<'_>,
    service: &Service,
    prefix: &str,
    include: &[Include],
) -> Result<Found, Failure> {
    let client = service.shared_client();
    let mut walk = client.walk(prefix, walk::Options::include(included(include)));
    let mut found = Found::default();
    let mut progress = context.messages.progress();
    let mut shown = Instant::now();
    while let Some(node) = walk.next().await {
        match node {
            Ok(Node::Leaf { path, value }) => {
                tracing::debug!(path, bytes = value.len(), "read");
                found.leaves.insert(path, value);
            }
            Ok(Node::Missing { path, name, why }) => {
                let is_start = same_node(&path, prefix) && !matches!(why, Why::BadName(_));
                let name = full_name(&path, &name);
                found.miss(context, service, &name, is_start, why);
            }
            // The walk itself is over; what came before is still good.
            Err(error) => {
                found.count(service.failure(error, prefix));
                break;
            }
        }
        if shown.elapsed() >= Duration::from_millis(100) {
            shown = Instant::now();
            progress.show(&format!(
                "{}, {} failed",
                counted(found.leaves.len(), "value"),
                found.failed
            ));
        }
    }
    Ok(found)
}

fn print(context: &Context<'_>, args: &Dump, prefix: &str, mut found: Found) -> Result<Exit, Stop> {
    if found.leaves.is_empty()
        && let Some(failure) = found.worst
    {
        return Err(failure.into());
    }
    let object = || found.leaves.below(prefix, args.decode);
    let text = match args.output {
        DumpOutput::Json => json::render(&object().into_json()),
        DumpOutput::Yaml => yaml::render(&object().into_json()),
        DumpOutput::Flat => flat::render(&found.leaves, args.decode),
        DumpOutput::Tree => tree::render(prefix, &object()),
        DumpOutput::Env => {
            let lines = env::render(&found.leaves, args.decode);
            for (name, paths) in &lines.collisions {
                let why = format!("left out: {} would all be {name}", paths.join(", "));
                context.messages.missing(name, Exit::Other, &why);
                found.count(Failure::new(
                    Exit::Other,
                    format!("paths that share a variable's name: {name}"),
                    paths.join(", "),
                    "use another output format, or `get` these paths",
                ));
            }
            lines.text
        }
    };
    context.print(text.as_bytes())?;
    match found.worst {
        None => Ok(Exit::Ok),
        Some(worst) => Err(summary(worst, found.failed, found.leaves.len()).into()),
    }
}

/// The last word on a dump that lacks something: how much, and the worst of the causes.
fn summary(worst: Failure, failed: usize, values: usize) -> Failure {
    let (failed, values) = (counted(failed, "node"), counted(values, "value"));
    Failure {
        exit: worst.exit,
        what: format!("the dump is not complete: {failed} failed, {values} printed"),
        seen: format!("worst: {} ({})", worst.what, worst.seen),
        fix: worst.fix,
    }
}

fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

fn included(wanted: &[Include]) -> walk::Include {
    wanted.iter().fold(walk::Include::NONE, |set, one| {
        set | match one {
            Include::Credentials => walk::Include::CREDENTIALS,
            Include::IdentityCredentials => walk::Include::IDENTITY_CREDENTIALS,
            Include::SshKeys => walk::Include::SSH_KEYS,
            Include::UserData => walk::Include::USER_DATA,
            Include::All => walk::Include::ALL,
        }
    })
}

fn same_node(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// A line of a listing as a path, whatever its bytes.
fn full_name(path: &str, name: &[u8]) -> String {
    if name.is_empty() {
        return path.to_owned();
    }
    format!(
        "{}/{}",
        path.trim_end_matches('/'),
        String::from_utf8_lossy(name)
    )
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Other,
        "the walk cannot start",
        error.to_string(),
        "look at the limits of this machine: threads, descriptors",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(exit: Exit) -> Failure {
        Failure::new(exit, exit.name(), "", "")
    }

    #[test]
    fn the_worst_failure_is_the_one_that_is_told() {
        let mut found = Found::default();
        for exit in [
            Exit::Other,
            Exit::Throttled,
            Exit::Foreign,
            Exit::NoToken,
            Exit::Deadline,
        ] {
            found.count(failure(exit));
        }
        assert_eq!(
            (found.failed, found.worst.unwrap().exit),
            (5, Exit::NoToken)
        );
    }

    #[test]
    fn includes_add_up() {
        assert_eq!(included(&[]), walk::Include::NONE);
        let two = included(&[Include::Credentials, Include::UserData]);
        assert!(two.contains(walk::Include::CREDENTIALS) && two.contains(walk::Include::USER_DATA));
        assert!(!two.contains(walk::Include::SSH_KEYS));
        assert_eq!(included(&[Include::All]), walk::Include::ALL);
    }

    #[test]
    fn names_that_are_no_names_are_still_shown() {
        assert_eq!(
            full_name("/latest/tags/", b"a\xff"),
            "/latest/tags/a\u{fffd}"
        );
        assert_eq!(full_name("/latest/tags/", b""), "/latest/tags/");
    }
}
