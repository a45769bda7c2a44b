//! `region` and `user-data`: single values with a name of their own.

use imds_blocking::ReadError;

use super::{Context, Stop};
use crate::failure::{Exit, Failure};
use crate::service::Service;

const REGION: &str = "/latest/meta-data/placement/region";
const USER_DATA: &str = "/latest/user-data";

/// Prints the region as a line; where it has no key of its own, from the identity document.
pub(super) fn region(context: &Context<'_>) -> Result<Exit, Stop> {
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let region = reader.ask(REGION, |client| match client.region() {
        Ok(region) => Ok(Ok(region)),
        Err(ReadError::Document(error)) => Ok(Err(error)),
        Err(ReadError::Imds(error)) => Err(error),
    })?;
    let region = region.map_err(|error| {
        Failure::new(
            Exit::Foreign,
            format!("no region: {REGION} is absent, and the identity document cannot be read"),
            format!("{}: {error}", service.endpoint()),
            "look at --endpoint and the profile: something other than EC2 answers there",
        )
    })?;
    let Some(region) = region else {
        return Err(reader.absent(REGION).into());
    };
    context.print(format!("{}\n", region.trim()).as_bytes())?;
    Ok(Exit::Ok)
}

/// Prints the user-data byte for byte.
pub(super) fn user_data(context: &Context<'_>) -> Result<Exit, Stop> {
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let Some(bytes) = reader.value(USER_DATA)? else {
        return Err(reader.absent(USER_DATA).into());
    };
    context.print_raw(USER_DATA, &bytes)?;
    Ok(Exit::Ok)
}
