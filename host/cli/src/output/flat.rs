//! `-o flat`: path, tab, JSON, one line a leaf. The boot image prints the same.

use imds_core::flat::Line;

use super::{Leaves, value_of};

/// The lines, sorted by path.
#[must_use]
pub fn render(leaves: &Leaves, decode: bool) -> String {
    leaves
        .iter()
        .map(|(path, value)| match decode {
            true => format!("{path}\t{}\n", value_of(value, true)),
            false => Line { path, value }.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boot image has no other JSON writer to compare with.
    #[test]
    fn a_value_is_the_json_that_serde_json_writes() {
        let all: String = ('\0'..='\u{ffff}')
            .chain(['\u{1f600}', '\u{10ffff}'])
            .collect();
        let bytes: Vec<u8> = (0..=255).collect();
        for value in [
            all.as_bytes(),
            &bytes,
            &bytes[128..],
            &bytes[129..],
            &bytes[130..],
        ] {
            let line = Line { path: "/p", value }.to_string();
            assert_eq!(line, format!("/p\t{}\n", value_of(value, false)));
        }
    }

    #[test]
    fn every_leaf_is_one_line() {
        let text = render(&super::super::tests::sample(), false);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "/latest/dynamic/document\t\"{\\n  \\\"region\\\" : \\\"eu-west-1\\\"\\n}\"",
                "/latest/meta-data/ami-id\t\"ami-1\"",
                "/latest/meta-data/mac\t\"12:34:56:01:23:45\"",
                "/latest/meta-data/public-keys/0=my key/openssh-key\t\"ssh-ed25519 AAAA it's\\n\"",
                "/latest/meta-data/security-groups\t\"one\\ntwo\"",
                "/latest/user-data\t{\"base64\":\"H4sA\"}",
            ]
        );
    }
}
