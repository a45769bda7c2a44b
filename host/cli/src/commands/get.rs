//! `get`: values of paths.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value};

use super::{Context, Stop};
use crate::args::{Get, GetOutput};
use crate::failure::{Exit, Failure};
use crate::output::{json, value_of};
use crate::path;
use crate::pauses::Pauses;
use crate::service::{Reader, Service};
use crate::settings::value;

pub(super) fn run(context: &Context<'_>, args: &Get) -> Result<Exit, Stop> {
    // Whatever is wrong with the command line is said before the first request.
    let paths = args
        .paths
        .iter()
        .map(|typed| path::absolute(typed))
        .collect::<Result<Vec<_>, _>>()?;
    let wait = args.wait_for.as_deref().map(wait_for).transpose()?;
    let service = Service::open(context)?;
    let mut reader = service.reader();
    for path in &paths {
        reader.check(path)?;
    }

    let several = paths.len() > 1;
    let mut worst = Exit::Ok;
    let mut object = Map::new();
    for (typed, path) in args.paths.iter().zip(&paths) {
        let value = match value_at(&mut reader, path, wait, args.default.as_deref()) {
            Ok(value) => value,
            Err(failure) if several && !failure.exit.concerns_every_path() => {
                context.messages.failure(&failure);
                worst = worst.worst(failure.exit);
                continue;
            }
            Err(failure) => {
                if !object.is_empty() {
                    print_object(context, object)?;
                }
                return Err(failure.into());
            }
        };
        match (args.output, several) {
            (GetOutput::Raw, false) => context.print_raw(path, &value)?,
            (GetOutput::Raw, true) => context.print_line(path, &value)?,
            (GetOutput::Json, false) => {
                context.print(json::render(&value_of(&value, false)).as_bytes())?
            }
            (GetOutput::Json, true) => {
                object.insert(typed.clone(), value_of(&value, false));
            }
        }
    }
    if args.output == GetOutput::Json && several {
        print_object(context, object)?;
    }
    Ok(worst)
}

fn print_object(context: &Context<'_>, mut object: Map<String, Value>) -> Result<(), Stop> {
    object.sort_keys();
    context.print(json::render(&Value::Object(object)).as_bytes())
}

/// The value, or the default, or why there is neither; with `wait` not before that has passed.
fn value_at(
    reader: &mut Reader<'_>,
    path: &str,
    wait: Option<Duration>,
    default: Option<&str>,
) -> Result<Vec<u8>, Failure> {
    let mut pauses = Pauses::within(wait.unwrap_or_default());
    loop {
        let asked = Instant::now();
        let mut failure = match reader.value(path) {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => reader.absent(path),
            Err(failure) => failure,
        };
        let not_yet = matches!(
            failure.exit,
            Exit::Absent | Exit::Unreachable | Exit::Throttled
        );
        let pause = if not_yet {
            pauses.after(asked.elapsed())
        } else {
            None
        };
        match (pause, default) {
            (Some(pause), _) => {
                tracing::info!(
                    path,
                    pause = value::shown(pause),
                    "not yet: {}",
                    failure.seen
                );
                thread::sleep(pause);
            }
            (None, Some(text)) if failure.exit == Exit::Absent => {
                return Ok(text.as_bytes().to_vec());
            }
            (None, _) => {
                if let (true, Some(wait)) = (not_yet, wait) {
                    failure
                        .seen
                        .push_str(&format!(", for {}", value::shown(wait)));
                }
                return Err(failure);
            }
        }
    }
}

fn wait_for(text: &str) -> Result<Duration, Failure> {
    value::wait(text).map_err(|expected| {
        Failure::usage(
            "bad setting: flag --wait-for",
            format!("`{text}` is not a valid time"),
            format!("it must be {expected}"),
        )
    })
}
