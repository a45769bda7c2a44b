//! Every setting in force as rows of a table, the fixed limits too.

use core::time::Duration;

use imds_core::Config;

use super::value::shown;
use super::{Origin, Set, Settings};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name, as `imdsctl config NAME` takes it.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where the value came from.
    pub origin: String,
}

/// All of them.
#[must_use]
pub fn rows(settings: &Settings) -> Vec<Row> {
    let core = Config::default();
    let mut rows = Vec::new();
    let mut add = |name, value: String, origin: String| {
        rows.push(Row {
            name,
            value,
            origin,
        })
    };

    let endpoint_origin = settings
        .endpoint
        .as_ref()
        .map_or_else(|| by_mode(settings), |set| set.origin.to_string());
    add(
        "disabled",
        settings.disabled.value.to_string(),
        settings.disabled.origin.to_string(),
    );
    add(
        "endpoint",
        settings.first_endpoint().to_string(),
        endpoint_origin,
    );
    // An endpoint beats every mode.
    let mode = if settings.endpoint.is_some() {
        "unused"
    } else {
        settings.mode.value.name()
    };
    add(
        "endpoint-mode",
        mode.to_owned(),
        settings.mode.origin.to_string(),
    );
    let interface = settings.interface.as_ref();
    add(
        "interface",
        interface.map_or_else(|| "any".to_owned(), |set| set.value.clone()),
        interface
            .map_or(&Origin::Default, |set| &set.origin)
            .to_string(),
    );
    add(
        "allow-v1",
        settings.allow_v1.value.to_string(),
        settings.allow_v1.origin.to_string(),
    );

    let mut time = |name, set: &Set<Duration>| add(name, shown(set.value), set.origin.to_string());
    time("connect-timeout", &settings.connect);
    time("first-byte-timeout", &settings.first_byte);
    time(
        "body-idle-timeout",
        &Set::by_default(core.timeouts.body_idle),
    );
    time("operation-timeout", &settings.operation);
    add(
        "attempts",
        settings.attempts.value.to_string(),
        settings.attempts.origin.to_string(),
    );
    let mut fixed = |name, value: String| add(name, value, Origin::Default.to_string());
    fixed("backoff-base", shown(core.backoff_base));
    fixed("backoff-cap", shown(core.backoff_cap));
    fixed("token-ttl", format!("{}s", core.token_ttl));
    add(
        "lanes",
        settings.lanes.value.to_string(),
        settings.lanes.origin.to_string(),
    );
    let pace = settings
        .pace
        .value
        .map_or_else(|| "off".to_owned(), |rate| rate.to_string());
    add("pace", pace, settings.pace.origin.to_string());
    let check = if settings.platform_check.value {
        "auto"
    } else {
        "off"
    };
    add(
        "platform-check",
        check.to_owned(),
        settings.platform_check.origin.to_string(),
    );

    let mut fixed = |name, value: String| add(name, value, Origin::Default.to_string());
    fixed("max-value", format!("{} bytes", core.limits.value));
    fixed("max-depth", core.limits.depth.to_string());
    fixed("max-nodes", core.limits.nodes.to_string());
    fixed("max-walk", format!("{} bytes", core.limits.walk));
    fixed("max-retry-after", shown(core.limits.retry_after));
    fixed("max-head", format!("{} bytes", imds_core::http::MAX_HEAD));
    fixed("max-headers", imds_core::http::MAX_HEADERS.to_string());
    fixed("max-token", format!("{} bytes", imds_tokio::MAX_TOKEN));
    fixed("max-path", format!("{} bytes", imds_core::path::MAX_PATH));

    let profile = &settings.profile;
    add(
        "profile",
        profile.name.clone(),
        "AWS_PROFILE or default".to_owned(),
    );
    let file = profile.file.as_ref();
    add(
        "config-file",
        file.map_or_else(|| "none".to_owned(), |file| file.display().to_string()),
        "AWS_CONFIG_FILE or home".to_owned(),
    );
    rows
}

fn by_mode(settings: &Settings) -> String {
    if settings.mode.origin == Origin::Default {
        Origin::Default.to_string()
    } else {
        Origin::Derived("endpoint-mode").to_string()
    }
}
