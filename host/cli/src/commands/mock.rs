//! `mock`: the built-in server in the foreground.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use imds_mock::{Exchange, Fault, Mock, Tree};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Context, Stop};
use crate::args::{self, Tokens};
use crate::failure::{Exit, Failure};
use crate::settings::value;

pub(super) fn run(context: &Context<'_>, args: &args::Mock) -> Result<Exit, Stop> {
    let mock = configured(context, args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot_serve(args, &error))?;
    runtime.block_on(serve(context, args, mock))
}

fn configured(context: &Context<'_>, args: &args::Mock) -> Result<Mock, Failure> {
    if let Some(profile) = context.flags.mock {
        return Err(Failure::usage(
            format!("--mock={profile} says nothing to `imdsctl mock`"),
            "this command is the server, and asks none",
            format!("say `imdsctl mock --profile {profile}`"),
        ));
    }
    let mut mock = Mock::new(args.profile);
    if let Some(file) = &args.data {
        let bad = |seen: String, fix: &str| {
            Failure::usage(
                format!("bad setting: flag --data: {}", file.display()),
                seen,
                fix,
            )
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| bad(error.to_string(), "name a file that can be read"))?;
        let tree = Tree::from_json(&text)
            .map_err(|error| bad(error.to_string(), "give JSON as `imdsctl dump` prints it"))?;
        if !has_category(&text) {
            tracing::warn!(
                "{}: no `meta-data`, `dynamic` or `user-data` at its top; \
                 a dump to serve is one without a PREFIX",
                file.display()
            );
        }
        mock = mock.tree(tree);
    }
    if let Some(tokens) = args.tokens {
        mock = mock.tokens(match tokens {
            Tokens::Required => imds_mock::Tokens::Required,
            Tokens::Optional => imds_mock::Tokens::Optional,
        });
    }
    if let Some(text) = &args.delay {
        let delay = value::delay(text).map_err(|expected| {
            Failure::usage(
                "bad setting: flag --delay",
                format!("`{text}` is not a valid time"),
                format!("it must be {expected}"),
            )
        })?;
        mock = mock.fault(Fault::any().delay(delay));
    }
    Ok(mock)
}

/// Whether a tree has at its top what stands below a version.
fn has_category(json: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(json)
        .is_ok_and(|top| top.keys().any(|name| imds_core::path::is_category(name)))
}

async fn serve(context: &Context<'_>, args: &args::Mock, mock: Mock) -> Result<Exit, Stop> {
    let failed = |error: std::io::Error| Stop::Failed(cannot_serve(args, &error));
    // Before the first line is printed: whoever reads it may send a signal at once.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let listener = TcpListener::bind(args.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    context.print(format!("http://{address}\n").as_bytes())?;
    context.host.out.clone().flush()?;

    let messages = context.messages.clone();
    let observe = move |exchange: &Exchange| messages.request(exchange);
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    imds_mock::server::run(listener, Arc::new(Mutex::new(mock)), observe, shutdown).await;
    Ok(Exit::Ok)
}

fn cannot_serve(args: &args::Mock, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Other,
        format!("cannot serve at {}", args.listen),
        error.to_string(),
        "give another address with --listen; port 0 picks a free one",
    )
}
