use std::path::PathBuf;

use super::*;
use crate::host::Stream;

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
const TIMEOUT: &str = "AWS_METADATA_SERVICE_TIMEOUT";
const ATTEMPTS: &str = "AWS_METADATA_SERVICE_NUM_ATTEMPTS";

/// A config file that is removed with the value.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(text: &str) -> Self {
        use core::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("imdsctl-config-{}-{number}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn with(variables: &[(&str, &str)], file: &str, flags: &Global) -> Result<Settings, Failure> {
    let file = ConfigFile::new(file);
    let path = file.0.display().to_string();
    let (out, _) = Stream::captured(false);
    let variables = variables
        .iter()
        .copied()
        .chain([("AWS_CONFIG_FILE", path.as_str())]);
    Settings::read(flags, &Host::made_up(variables, out.clone(), out))
}

fn env(variables: &[(&str, &str)]) -> Result<Settings, Failure> {
    with(variables, "", &Global::default())
}

fn endpoint_of(variables: &[(&str, &str)], profile: &str, flags: &Global) -> String {
    let file = format!("[default]\n{profile}\n");
    let settings = with(variables, &file, flags).unwrap();
    settings.first_endpoint().to_string()
}

fn flags(change: impl FnOnce(&mut Global)) -> Global {
    let mut flags = Global::default();
    change(&mut flags);
    flags
}

/// The fourteen vectors of smithy-rs (`imds-endpoint-tests.json`), their "builder" being our flags.
#[test]
fn the_endpoint_vectors_of_the_rust_sdk_hold() {
    let none = Global::default();
    let ipv6 = flags(|flags| flags.ipv6 = true);
    let v4 = "http://169.254.169.254";
    let v6 = "http://[fd00:ec2::254]";

    assert_eq!(endpoint_of(&[], "", &none), v4, "1");
    assert_eq!(
        endpoint_of(&[(ENDPOINT, "http://override:456")], "", &none),
        "http://override:456",
        "2"
    );
    let key = "ec2_metadata_service_endpoint = http://override:456";
    assert_eq!(endpoint_of(&[], key, &none), "http://override:456", "3");
    let key = "ec2_metadata_service_endpoint = http://wrong:456";
    assert_eq!(
        endpoint_of(&[(ENDPOINT, "http://override:456")], key, &none),
        "http://override:456",
        "4"
    );

    let error = env(&[(MODE, "error")]).unwrap_err();
    assert!(
        error.seen.contains("`error` is not a valid endpoint mode"),
        "5: {error}"
    );
    assert!(error.what.contains(MODE), "5: {error}");

    assert_eq!(endpoint_of(&[(MODE, "IPv4")], "", &none), v4, "6");
    assert_eq!(endpoint_of(&[(MODE, "IPv6")], "", &none), v6, "7");
    assert_eq!(endpoint_of(&[(MODE, "ipV6")], "", &none), v6, "8");
    assert_eq!(
        endpoint_of(&[], "ec2_metadata_service_endpoint_mode = IPv6", &none),
        v6,
        "9"
    );

    let file = "[default]\nec2_metadata_service_endpoint_mode = IPv7\n";
    let error = with(&[], file, &none).unwrap_err();
    assert!(
        error.seen.contains("`IPv7` is not a valid endpoint mode"),
        "10: {error}"
    );

    // Ours: https cannot work, and the error says so.
    let https = flags(|flags| flags.endpoint = Some("https://custom".to_owned()));
    let file = "[default]\nec2_metadata_service_endpoint_mode = IPv6\n";
    let error = with(&[], file, &https).unwrap_err();
    assert!(
        error.fix.contains("https") && error.what.contains("--endpoint"),
        "11: {error}"
    );

    let key = "ec2_metadata_service_endpoint_mode = IPv4";
    assert_eq!(endpoint_of(&[], key, &ipv6), v6, "12");

    let error = env(&[(ENDPOINT, "not a uri")]).unwrap_err();
    assert!(error.fix.contains("invalid uri character"), "13: {error}");

    assert_eq!(
        endpoint_of(&[(ENDPOINT, "http://169.254.169.200")], "", &ipv6),
        "http://169.254.169.200",
        "14"
    );
}

#[test]
fn a_flag_beats_the_environment_and_that_the_profile() {
    let file = "[default]\nmetadata_service_num_attempts = 7\n";
    let by_flag = flags(|flags| flags.attempts = Some("9".to_owned()));
    let settings = with(&[(ATTEMPTS, "8")], file, &by_flag).unwrap();
    assert_eq!(
        (settings.attempts.value, settings.attempts.origin),
        (9, Origin::Flag("--attempts"))
    );

    let settings = with(&[(ATTEMPTS, "8")], file, &Global::default()).unwrap();
    assert_eq!(
        (settings.attempts.value, settings.attempts.origin),
        (8, Origin::Environment(ATTEMPTS))
    );

    let settings = with(&[], file, &Global::default()).unwrap();
    assert_eq!(settings.attempts.value, 7);
    assert!(
        settings
            .attempts
            .origin
            .to_string()
            .starts_with("metadata_service_num_attempts of profile `default` in ")
    );
}

#[test]
fn an_empty_variable_is_unset_and_so_is_an_empty_key() {
    let file = "[default]\nmetadata_service_timeout =\nec2_metadata_service_endpoint_mode = \n";
    let variables = [
        (TIMEOUT, ""),
        (ENDPOINT, ""),
        (MODE, ""),
        (ATTEMPTS, ""),
        ("AWS_EC2_METADATA_DISABLED", ""),
    ];
    let settings = with(&variables, file, &Global::default()).unwrap();
    assert_eq!(settings.first_byte.origin, Origin::Default);
    assert_eq!(settings.mode.value, Mode::Auto);
    assert!(!settings.disabled.value);
}

#[test]
fn bad_numbers_are_errors_that_name_the_variable_and_the_range() {
    for text in ["0", "0.5", "1e9", "-1", "1000000000"] {
        let error = env(&[(TIMEOUT, text)]).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(
            error.what.contains(TIMEOUT) && error.fix.contains("1 to 3600"),
            "{error}"
        );
        assert!(error.seen.contains(&format!("`{text}`")), "{error}");
    }
    for text in ["0", "-1", "256", "1.5"] {
        let error = env(&[(ATTEMPTS, text)]).unwrap_err();
        assert!(
            error.what.contains(ATTEMPTS) && error.fix.contains("1 to 255"),
            "{error}"
        );
    }
    for text in ["0", "1000", "x"] {
        let lanes = flags(|flags| flags.lanes = Some(text.to_owned()));
        let error = with(&[], "", &lanes).unwrap_err();
        assert!(
            error.what.contains("--lanes") && error.fix.contains("1 to 64"),
            "{error}"
        );
    }
}

#[test]
fn bad_keys_are_errors_that_name_file_profile_and_key() {
    let file = "[profile x]\nmetadata_service_timeout = 0\n";
    let error = with(&[("AWS_PROFILE", "x")], file, &Global::default()).unwrap_err();
    assert!(
        error
            .what
            .contains("metadata_service_timeout of profile `x` in "),
        "{error}"
    );
    assert!(error.what.contains("imdsctl-config-"), "{error}");
}

#[test]
fn booleans_other_than_true_and_false_are_errors() {
    for name in ["AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_V1_DISABLED"] {
        for text in ["1", "yes", "off"] {
            let error = env(&[(name, text)]).unwrap_err();
            assert!(
                error.what.contains(name) && error.fix.contains("`true` or `false`"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_broken_variable_behind_a_flag_does_no_harm() {
    let by_flag = flags(|flags| flags.endpoint = Some("http://127.0.0.1:1".to_owned()));
    let settings = with(&[(ENDPOINT, "junk"), (MODE, "junk")], "", &by_flag).unwrap();
    assert_eq!(settings.first_endpoint().to_string(), "http://127.0.0.1:1");
}

#[test]
fn a_password_in_an_endpoint_is_not_repeated() {
    let error = env(&[(ENDPOINT, "http://me:hunter2@host")]).unwrap_err();
    let text = error.text(false);
    assert!(!text.contains("hunter2") && text.contains("user"), "{text}");
}

#[test]
fn v1_is_allowed_only_in_so_many_words() {
    const V1: &str = "AWS_EC2_METADATA_V1_DISABLED";
    assert!(!env(&[]).unwrap().allow_v1.value);
    assert!(!env(&[(V1, "")]).unwrap().allow_v1.value);
    assert!(!env(&[(V1, "true")]).unwrap().allow_v1.value);
    assert!(env(&[(V1, "False")]).unwrap().allow_v1.value);
    let file = "[default]\nec2_metadata_v1_disabled = false\n";
    assert!(with(&[], file, &Global::default()).unwrap().allow_v1.value);
    assert!(
        !with(&[(V1, "true")], file, &Global::default())
            .unwrap()
            .allow_v1
            .value
    );
    let by_flag = flags(|flags| flags.allow_v1 = true);
    assert!(with(&[(V1, "true")], "", &by_flag).unwrap().allow_v1.value);
}

#[test]
fn disabled_is_an_error_that_names_its_switch() {
    let error = env(&[("AWS_EC2_METADATA_DISABLED", "TRUE")])
        .unwrap()
        .permit()
        .unwrap_err();
    assert_eq!(error.exit, Exit::Disabled);
    assert!(error.seen.contains("AWS_EC2_METADATA_DISABLED"), "{error}");
    let file = "[default]\ndisable_ec2_metadata = true\n";
    assert!(
        with(&[], file, &Global::default())
            .unwrap()
            .permit()
            .is_err()
    );
    let variable = [("AWS_EC2_METADATA_DISABLED", "false")];
    assert!(
        with(&variable, file, &Global::default())
            .unwrap()
            .permit()
            .is_ok()
    );
}

#[test]
fn a_timeout_sets_connect_and_first_byte_each() {
    let settings = env(&[(TIMEOUT, "2")]).unwrap();
    assert_eq!(settings.connect.value, Duration::from_secs(2));
    assert_eq!(settings.first_byte.value, Duration::from_secs(2));
    let by_flag = flags(|flags| flags.connect_timeout = Some("100ms".to_owned()));
    let settings = with(&[(TIMEOUT, "2")], "", &by_flag).unwrap();
    assert_eq!(settings.connect.value, Duration::from_millis(100));
    assert_eq!(settings.first_byte.value, Duration::from_secs(2));
}

#[test]
fn a_longer_timeout_makes_the_operation_longer_and_never_shorter() {
    let usual = env(&[]).unwrap().operation;
    assert_eq!(usual.origin, Origin::Default);
    let longer = env(&[(TIMEOUT, "10")]).unwrap().operation;
    assert!(longer.value >= Duration::from_secs(60), "{longer:?}");
    assert!(matches!(longer.origin, Origin::Derived(_)));
    let short = flags(|flags| {
        flags.timeout = Some("10ms".to_owned());
        flags.attempts = Some("1".to_owned());
    });
    assert_eq!(with(&[], "", &short).unwrap().operation.value, usual.value);
}

#[test]
fn the_mock_beats_every_endpoint_and_interface() {
    let settings = env(&[(ENDPOINT, "http://169.254.169.254")]).unwrap();
    assert!(settings.is_default_endpoint());
    let mock = Endpoint::parse("http://127.0.0.1:9").unwrap();
    let settings = settings.redirected_to(mock.clone());
    assert!(!settings.is_default_endpoint());
    assert_eq!(settings.first_endpoint(), mock);
}
