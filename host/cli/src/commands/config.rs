//! `config`: what is in force, and why.

use super::{Context, Stop};
use crate::args::Config;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::settings::table::{self, Row};

pub(super) fn run(context: &Context<'_>, args: &Config) -> Result<Exit, Stop> {
    let settings = Settings::read(context.flags, context.host)?;
    if let Some(warning) = &settings.profile.warning {
        tracing::warn!("{warning}");
    }
    let mut rows = table::rows(&settings);
    if let (Some(profile), Some(row)) = (
        context.flags.mock,
        rows.iter_mut().find(|row| row.name == "endpoint"),
    ) {
        row.value = format!("built-in server, {profile}");
        row.origin = "flag --mock".to_owned();
    }
    let Some(name) = &args.name else {
        context.print(table_text(&rows).as_bytes())?;
        return Ok(Exit::Ok);
    };
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        return Err(Failure::usage(
            format!("no such setting: {name}"),
            format!("the settings are {}", names.join(", ")),
            "give one of them, or none for the whole table",
        )
        .into());
    };
    context.print(format!("{}\n", row.value).as_bytes())?;
    Ok(Exit::Ok)
}

fn table_text(rows: &[Row]) -> String {
    let width = |length: fn(&Row) -> usize| rows.iter().map(length).max().unwrap_or(0);
    let (names, values) = (width(|row| row.name.len()), width(|row| row.value.len()));
    rows.iter()
        .map(|row| {
            format!(
                "{:names$}  {:values$}  {}\n",
                row.name, row.value, row.origin
            )
        })
        .collect()
}
