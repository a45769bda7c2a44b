//! Settings from flags, environment and profile, as the real binary sees them.

mod common;

use std::path::PathBuf;

use common::{imdsctl, run, serve};
use imds_mock::Profile;

#[test]
fn bad_settings_are_exit_2_and_named() {
    for (name, value) in [
        ("AWS_METADATA_SERVICE_TIMEOUT", "0"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "0.5"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "1e9"),
        ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "0"),
        ("AWS_EC2_METADATA_DISABLED", "yes"),
        ("AWS_EC2_METADATA_V1_DISABLED", "1"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv7"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "https://h"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://user@h"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h?q"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fe80::1%eth0]"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h:0"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "not a uri"),
    ] {
        run(imdsctl(&["config"]).env(name, value))
            .ends_with(2)
            .says(&[name, "seen: ", "fix:  it must be "]);
    }
    for flag in [
        "--timeout=0",
        "--connect-timeout=x",
        "--attempts=0",
        "--lanes=0",
        "--lanes=1000",
        "--pace=fast",
        "--endpoint=https://h",
        "--interface=a/b",
    ] {
        let name = flag.split('=').next().unwrap();
        run(&mut imdsctl(&[flag, "config"]))
            .ends_with(2)
            .says(&[name, "fix:  it must be "]);
    }
}

#[test]
fn an_empty_variable_is_unset() {
    let mut command = imdsctl(&["config", "first-byte-timeout"]);
    command.env("AWS_METADATA_SERVICE_TIMEOUT", "");
    assert_eq!(run(&mut command).ends_with(0).text(), "1s\n");
}

#[test]
fn config_prints_every_value_with_its_origin() {
    let mut command = imdsctl(&["config", "--attempts=4"]);
    command.env("AWS_METADATA_SERVICE_TIMEOUT", "2");
    let ran = run(&mut command).ends_with(0);
    let row = |name: &str| {
        let line = ran
            .text()
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap();
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("attempts"), "attempts 4 flag --attempts");
    assert_eq!(
        row("connect-timeout"),
        "connect-timeout 2s environment AWS_METADATA_SERVICE_TIMEOUT"
    );
    assert_eq!(row("lanes"), "lanes 8 default");
    assert_eq!(row("token-ttl"), "token-ttl 21600s default");
    assert_eq!(row("max-depth"), "max-depth 12 default");
    assert_eq!(row("max-nodes"), "max-nodes 20000 default");
}

#[test]
fn config_with_a_name_prints_the_bare_value() {
    assert_eq!(
        run(&mut imdsctl(&["config", "endpoint"]))
            .ends_with(0)
            .text(),
        "http://169.254.169.254\n"
    );
    assert_eq!(
        run(&mut imdsctl(&["config", "endpoint", "--ipv6"]))
            .ends_with(0)
            .text(),
        "http://[fd00:ec2::254]\n"
    );
    run(&mut imdsctl(&["config", "nope"]))
        .ends_with(2)
        .says(&["endpoint-mode", "max-walk"]);
}

#[test]
fn the_profile_of_the_config_file_is_used() {
    let server = serve(Profile::Ec2);
    let file = Scratch::file(&format!(
        "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:1\n\
         [profile mine]\nec2_metadata_service_endpoint = {}\n",
        server.url()
    ));
    let mut command = imdsctl(&["region"]);
    command
        .env("AWS_CONFIG_FILE", &file.0)
        .env("AWS_PROFILE", "mine");
    assert_eq!(run(&mut command).ends_with(0).text(), "eu-central-1\n");

    let file = Scratch::file("\u{feff}[default]\nmetadata_service_num_attempts = 7\n");
    let mut command = imdsctl(&["config", "attempts"]);
    command.env("AWS_CONFIG_FILE", &file.0);
    assert_eq!(run(&mut command).ends_with(0).text(), "7\n");

    let file = Scratch::file("[default]\nmetadata_service_timeout = soon\n");
    let mut command = imdsctl(&["config"]);
    command.env("AWS_CONFIG_FILE", &file.0);
    run(&mut command).ends_with(2).says(&[
        "metadata_service_timeout of profile `default` in ",
        &file.0.display().to_string(),
    ]);
}

#[test]
fn an_endpoint_of_the_environment_beats_a_mode_flag() {
    let server = serve(Profile::Ec2);
    let mut command = imdsctl(&["--ipv6", "region"]);
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
    assert_eq!(run(&mut command).ends_with(0).text(), "eu-central-1\n");
}

#[test]
fn colour_goes_where_it_is_wanted() {
    let ran = run(&mut imdsctl(&["--mock", "get", "nope", "--color=always"])).ends_with(3);
    assert!(ran.err.contains("\x1b[1;31merror:"));
    let ran = run(&mut imdsctl(&["--mock", "get", "nope"])).ends_with(3);
    assert!(!ran.err.contains('\x1b'));
    let ran = run(&mut imdsctl(&["--color=always", "--help"])).ends_with(0);
    assert!(ran.text().contains('\x1b') && ran.text().contains("Exit codes:"));
}

/// A file that is removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn file(text: &str) -> Self {
        use core::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("imdsctl-test-{}-{number}", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
