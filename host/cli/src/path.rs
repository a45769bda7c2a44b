//! What a person types as a path, as the path the service knows.

use imds_core::path::{META_DATA, is_version, root_of};

use crate::failure::Failure;

/// The absolute path meant by `typed`.
///
/// A leading `/`, `latest/` or a version date may be there or not; `meta-data/…`, `dynamic/…` and
/// `user-data` are taken below `latest`, any other bare name below `latest/meta-data`. A final `/`
/// stays: it says "directory".
pub fn absolute(typed: &str) -> Result<String, Failure> {
    if typed.contains("://") {
        return Err(Failure::usage(
            format!("a URL where a path is wanted: {typed}"),
            "the text holds `://`",
            "give the path alone, like `instance-id`; set another address with --endpoint",
        ));
    }
    let names: Vec<&str> = typed.split('/').filter(|name| !name.is_empty()).collect();
    let Some(first) = names.first() else {
        return if typed.is_empty() {
            Err(Failure::usage(
                "an empty path",
                "nothing to ask for",
                "give a path like `instance-id`, or `/` for the root",
            ))
        } else {
            Ok("/".to_owned())
        };
    };
    let root = root_of(first);
    let end = if typed.ends_with('/') { "/" } else { "" };
    Ok(format!("{root}{}{end}", names.join("/")))
}

/// The path of a directory to start at: nothing given means `/latest/meta-data/`.
pub fn absolute_or_meta_data(typed: Option<&str>) -> Result<String, Failure> {
    typed.map_or_else(|| Ok(META_DATA.to_owned()), absolute)
}

/// `path` without its version: `meta-data/instance-id` for `/latest/meta-data/instance-id`.
#[must_use]
pub fn below_version(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    match path.split_once('/') {
        Some((first, rest)) if is_version(first) => rest,
        None if is_version(path) => "",
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn means(typed: &str, path: &str) {
        assert_eq!(absolute(typed).unwrap(), path, "{typed}");
    }

    #[test]
    fn bare_names_are_meta_data() {
        means("instance-id", "/latest/meta-data/instance-id");
        means("/instance-id", "/latest/meta-data/instance-id");
        means("placement/region", "/latest/meta-data/placement/region");
    }

    #[test]
    fn categories_are_below_latest() {
        means("meta-data/instance-id", "/latest/meta-data/instance-id");
        means("dynamic/", "/latest/dynamic/");
        means("/dynamic/fws", "/latest/dynamic/fws");
        means("user-data", "/latest/user-data");
    }

    #[test]
    fn versions_are_absolute() {
        means("latest", "/latest");
        means("latest/", "/latest/");
        means("/latest/meta-data/", "/latest/meta-data/");
        means(
            "2021-03-23/meta-data/ami-id",
            "/2021-03-23/meta-data/ami-id",
        );
        means("1.0/meta-data", "/1.0/meta-data");
    }

    #[test]
    fn what_only_looks_like_a_date_is_a_name() {
        means("2021-3-23", "/latest/meta-data/2021-3-23");
        means("2021-03-23-1", "/latest/meta-data/2021-03-23-1");
        means("latest2", "/latest/meta-data/latest2");
    }

    #[test]
    fn slashes_are_collapsed_and_the_last_one_stays() {
        means("//latest//meta-data//", "/latest/meta-data/");
        means("/", "/");
        means("//", "/");
    }

    #[test]
    fn names_are_left_as_typed() {
        means(
            "tags/instance/a b%20c",
            "/latest/meta-data/tags/instance/a b%20c",
        );
    }

    #[test]
    fn nothing_and_urls_are_refused_by_name() {
        assert!(absolute("").unwrap_err().what.contains("empty path"));
        let url = absolute("http://169.254.169.254/latest/").unwrap_err();
        assert!(url.what.contains("URL"));
        assert!(url.fix.contains("--endpoint"));
    }

    #[test]
    fn the_version_can_be_taken_off() {
        assert_eq!(below_version("/latest/meta-data/a"), "meta-data/a");
        assert_eq!(below_version("/2021-03-23/user-data"), "user-data");
        assert_eq!(below_version("/latest"), "");
        assert_eq!(below_version("/"), "");
        assert_eq!(below_version("/other/x"), "other/x");
    }
}
