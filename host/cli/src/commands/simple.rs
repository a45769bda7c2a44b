//! `region` and `user-data`: single values with a name of their own.

use super::{Context, Stop};
use crate::failure::Exit;
use crate::service::Service;

const REGION: &str = "/latest/meta-data/placement/region";
const USER_DATA: &str = "/latest/user-data";

/// Prints the region as a line.
pub(super) fn region(context: &Context<'_>) -> Result<Exit, Stop> {
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let Some(region) = reader.value(REGION)? else {
        return Err(reader.absent(REGION).into());
    };
    context.print(region.trim_ascii())?;
    context.print(b"\n")?;
    Ok(Exit::Ok)
}

/// Prints the user-data byte for byte.
pub(super) fn user_data(context: &Context<'_>) -> Result<Exit, Stop> {
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let Some(bytes) = reader.value(USER_DATA)? else {
        return Err(reader.absent(USER_DATA).into());
    };
    context.print_raw(&bytes)?;
    Ok(Exit::Ok)
}
