//! `list`: names in a directory.

use serde_json::Value;

use super::{Context, Stop};
use crate::args::{List, ListOutput};
use crate::failure::Exit;
use crate::output::json;
use crate::path;
use crate::service::Service;

pub(super) fn run(context: &Context<'_>, args: &List) -> Result<Exit, Stop> {
    let path = path::absolute_or_meta_data(args.path.as_deref())?;
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let Some(names) = reader.ask(&path, |client| client.list(&path))? else {
        return Err(reader.absent(&path).into());
    };
    match args.output {
        ListOutput::Raw => {
            let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
            context.print(lines.as_bytes())?;
        }
        ListOutput::Json => {
            let names: Value = names.into_iter().collect();
            context.print(json::render(&names).as_bytes())?;
        }
    }
    Ok(Exit::Ok)
}
