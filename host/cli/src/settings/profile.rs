//! The active profile of `~/.aws/config`.
//!
//! An INI file with manners of its own: `[profile name]` but `[default]`, comments only behind
//! white space, and indented lines that are settings *of the setting above* and not of the profile.
//! General INI readers take the indented ones for settings of the section, which is why this one
//! exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::host::Host;

/// The profile in use and what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The file it was looked for in; `None` where neither `AWS_CONFIG_FILE` nor `HOME` names one.
    pub file: Option<PathBuf>,
    /// Why nothing could be read from the file, if that is worth a warning.
    pub warning: Option<String>,
    /// Every setting of it that stands on a line of its own, keys in lower case.
    pub values: BTreeMap<String, String>,
}

impl Profile {
    /// The profile `AWS_PROFILE` (or `default`) of the file `AWS_CONFIG_FILE` (or `~/.aws/config`).
    pub fn of(host: &Host) -> Result<Self, Failure> {
        let name = match host.variable("AWS_PROFILE") {
            Some(name) => text_of("AWS_PROFILE", name)?,
            None => "default".to_owned(),
        };
        let (file, asked_for) = match host.variable("AWS_CONFIG_FILE") {
            Some(file) => (Some(expand_home(Path::new(file), host)), true),
            None => (host.home().map(|home| home.join(".aws/config")), false),
        };
        let mut profile = Self {
            name,
            file,
            ..Self::default()
        };
        let Some(file) = profile.file.clone() else {
            return Ok(profile);
        };
        let text = match std::fs::read(&file) {
            Ok(bytes) => {
                // Editors of another system put a mark in front.
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
                String::from_utf8_lossy(bytes).into_owned()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked_for => {
                return Ok(profile);
            }
            Err(error) => {
                profile.warning = Some(format!("{} is not read: {error}", file.display()));
                return Ok(profile);
            }
        };
        let named = profile.name.clone();
        match values_of(&text, &named) {
            Ok(Some(values)) => profile.values = values,
            Ok(None) => {
                if named != "default" {
                    profile.warning =
                        Some(format!("{} holds no profile `{named}`", file.display()));
                }
            }
            Err(line) => {
                return Err(Failure::usage(
                    format!("{}, line {line}: not a setting", file.display()),
                    format!("a line of profile `{named}` without `=`"),
                    "write it as `key = value`, or put `#` before it",
                ));
            }
        }
        Ok(profile)
    }
}

/// The text of a variable that must be text.
pub fn text_of(name: &str, value: &std::ffi::OsStr) -> Result<String, Failure> {
    value.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(
            format!("bad setting: {name}"),
            "bytes that are not UTF-8",
            format!("set {name} to plain text, or leave it empty"),
        )
    })
}

fn expand_home(file: &Path, host: &Host) -> PathBuf {
    match (file.strip_prefix("~"), host.home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => file.to_owned(),
    }
}

/// The settings of profile `wanted`, `None` where there is no such section; `Err` is the number of
/// a line within the section that is no setting. Lines of other sections are nobody's business
/// here.
fn values_of(text: &str, wanted: &str) -> Result<Option<BTreeMap<String, String>>, usize> {
    // `[profile default]` beats `[default]` where both exist.
    let spelled_out = sections(text).any(|section| section == (wanted, true));
    let mut found = None;
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let indented = line.starts_with([' ', '\t']);
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.starts_with('[') && !indented {
            inside = section_name(trimmed).is_some_and(|(name, long)| {
                name == wanted && (long || wanted == "default" && !spelled_out)
            });
            if inside {
                found.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        if indented || !inside {
            continue;
        }
        let (key, value) = trimmed.split_once('=').ok_or(number + 1)?;
        let values = found.get_or_insert_with(BTreeMap::new);
        values.insert(
            key.trim().to_ascii_lowercase(),
            without_comment(value).to_owned(),
        );
    }
    Ok(found)
}

fn sections(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.lines()
        .filter(|line| line.starts_with('['))
        .filter_map(section_name)
}

/// The profile a section line names, and whether it said `profile` in front.
fn section_name(line: &str) -> Option<(&str, bool)> {
    let inner = line.strip_prefix('[')?.split_once(']')?.0.trim();
    match inner.strip_prefix("profile") {
        Some(rest) if rest.starts_with([' ', '\t']) => {
            let name = rest.trim();
            let quoted = name
                .strip_prefix('"')
                .and_then(|name| name.strip_suffix('"'));
            Some((quoted.unwrap_or(name), true))
        }
        _ => Some((inner, false)),
    }
}

/// A value ends where a `#` or `;` follows white space.
fn without_comment(value: &str) -> &str {
    let mut after_blank = false;
    for (at, c) in value.char_indices() {
        if after_blank && matches!(c, '#' | ';') {
            return value[..at].trim();
        }
        after_blank = c.is_whitespace();
    }
    value.trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Stream;

    const FILE: &str = "\
# a comment
[default]
region = eu-west-1
ec2_metadata_service_endpoint = http://default:1
[profile work]
EC2_Metadata_Service_Endpoint_Mode=IPv6   # not IPv4
s3 =
  metadata_service_timeout = 9
  addressing_style = path
metadata_service_num_attempts = 4
url = http://x/#kept
[profile \"two words\"]
metadata_service_timeout = 2
[services x]
this is no setting
[profile work]
metadata_service_timeout = 3
";

    fn values(profile: &str) -> BTreeMap<String, String> {
        values_of(FILE, profile).unwrap().unwrap()
    }

    #[test]
    fn the_default_profile_needs_no_prefix() {
        assert_eq!(
            values("default")["ec2_metadata_service_endpoint"],
            "http://default:1"
        );
    }

    #[test]
    fn other_profiles_need_one() {
        assert_eq!(values("work")["ec2_metadata_service_endpoint_mode"], "IPv6");
        assert_eq!(values_of("[work]\na = b\n", "work").unwrap(), None);
    }

    #[test]
    fn profile_default_beats_default() {
        let text = "[default]\na = 1\n[profile default]\na = 2\n[default]\na = 3\n";
        assert_eq!(values_of(text, "default").unwrap().unwrap()["a"], "2");
    }

    #[test]
    fn names_may_be_quoted() {
        assert_eq!(values("two words")["metadata_service_timeout"], "2");
    }

    #[test]
    fn nested_settings_are_not_settings_of_the_profile() {
        let nested_only = "[default]\ns3 =\n  metadata_service_timeout = 9\n";
        let found = values_of(nested_only, "default").unwrap().unwrap();
        assert!(!found.contains_key("metadata_service_timeout"));
        assert_eq!(values("work")["metadata_service_num_attempts"], "4");
    }

    #[test]
    fn a_profile_in_two_places_is_one_profile() {
        assert_eq!(values("work")["metadata_service_timeout"], "3");
    }

    #[test]
    fn comments_need_white_space_before_them() {
        assert_eq!(values("work")["url"], "http://x/#kept");
    }

    #[test]
    fn an_unknown_profile_is_none() {
        assert_eq!(values_of(FILE, "nobody").unwrap(), None);
    }

    #[test]
    fn a_bad_line_counts_only_in_the_active_profile() {
        assert_eq!(values_of("[default]\nnonsense\n", "default"), Err(2));
        assert_eq!(
            values_of("[profile x]\nnonsense\n[default]\n", "default"),
            Ok(Some(BTreeMap::new()))
        );
    }

    #[test]
    fn a_named_file_that_is_missing_is_a_warning_and_the_usual_one_is_not() {
        let (out, _) = Stream::captured(false);
        let named = Host::made_up(
            [("AWS_CONFIG_FILE", "/nonexistent/config")],
            out.clone(),
            out.clone(),
        );
        let profile = Profile::of(&named).unwrap();
        assert!(profile.warning.unwrap().contains("/nonexistent/config"));

        let usual = Host::made_up([("HOME", "/nonexistent")], out.clone(), out);
        let profile = Profile::of(&usual).unwrap();
        assert_eq!(profile.warning, None);
        assert_eq!(
            profile.file,
            Some(PathBuf::from("/nonexistent/.aws/config"))
        );
    }

    #[test]
    fn a_tilde_in_the_file_name_is_the_home_directory() {
        let (out, _) = Stream::captured(false);
        let host = Host::made_up([("HOME", "/home/u")], out.clone(), out);
        assert_eq!(
            expand_home(Path::new("~/a/b"), &host),
            Path::new("/home/u/a/b")
        );
        assert_eq!(expand_home(Path::new("/a~"), &host), Path::new("/a~"));
    }
}
