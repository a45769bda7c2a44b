//! `-o flat`: path, tab, JSON, one line a leaf. The boot image prints the same.

use super::{Leaves, value_of};

/// The lines, sorted by path.
#[must_use]
pub fn render(leaves: &Leaves, decode: bool) -> String {
    leaves
        .iter()
        .map(|(path, value)| format!("{path}\t{}\n", value_of(value, decode)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
