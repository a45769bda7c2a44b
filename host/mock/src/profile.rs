//! Which server the mock plays.

use core::{fmt, str::FromStr};

/// A kind of metadata server. Each has a name, the same on the command line and in `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// `ec2`: EC2 as captured from 2019 on: HTTP/1.1, closes unless asked to keep alive, a directory may be asked
    /// without its slash (facts §1.6–1.8).
    Ec2,
    /// `ec2-legacy`: EC2 as captured until 2018 and on old instances since: HTTP/1.0, always closes, 301 for a
    /// directory asked without its slash (facts §1.6, §1.8).
    Ec2Legacy,
    /// `v1-only`: no tokens at all; the PUT is 404, as from the look-alikes of other clouds (facts §1.3, §1.14).
    V1Only,
    /// `v1-only-405`: the same, but the PUT is 405.
    V1Only405,
    /// `disabled`: the service is switched off, everything is 403 (facts §1.3).
    Disabled,
    /// `mmds`: Firecracker's microVM metadata service (facts §9.2, §9.3).
    Mmds,
    /// `hop-limited`: EC2 seen from one hop too far: everything works but the answer to the PUT never arrives
    /// (facts §1.10).
    HopLimited,
    /// `html`: not a metadata server: 200 and a web page to everything, the PUT included.
    Html,
    /// `html-405`: not a metadata server: 405 to the PUT, 200 and a web page to every GET.
    Html405,
}

impl Profile {
    /// Every profile, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Ec2,
        Self::Ec2Legacy,
        Self::V1Only,
        Self::V1Only405,
        Self::Disabled,
        Self::Mmds,
        Self::HopLimited,
        Self::Html,
        Self::Html405,
    ];

    /// The name that [`FromStr`] accepts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Ec2Legacy => "ec2-legacy",
            Self::V1Only => "v1-only",
            Self::V1Only405 => "v1-only-405",
            Self::Disabled => "disabled",
            Self::Mmds => "mmds",
            Self::HopLimited => "hop-limited",
            Self::Html => "html",
            Self::Html405 => "html-405",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or(UnknownProfile)
    }
}

/// The text names no [`Profile`]. Its message lists the names there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a profile; there are")?;
        for (i, profile) in Profile::ALL.into_iter().enumerate() {
            write!(f, "{} {profile}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownProfile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_the_name_it_prints() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_list() {
        let error = "ec3".parse::<Profile>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a profile; there are ec2, ec2-legacy, v1-only, v1-only-405, disabled, mmds, hop-limited, html, html-405"
        );
    }
}
