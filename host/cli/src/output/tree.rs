//! `-o tree`: a drawing for people, with the values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Node;
use crate::failure::printable;

/// The drawing, under the name of where it starts.
#[must_use]
pub fn render(root: &str, node: &Node) -> String {
    let mut out = String::new();
    out.push_str(&printable(root));
    match node {
        Node::Directory(names) => {
            out.push('\n');
            directory(&mut out, names, "");
        }
        Node::Leaf(value) => leaf(&mut out, value, ""),
    }
    out
}

fn directory(out: &mut String, names: &BTreeMap<String, Node>, margin: &str) {
    let last = names.len().saturating_sub(1);
    for (at, (name, node)) in names.iter().enumerate() {
        let (branch, below) = if at == last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        out.push_str(margin);
        out.push_str(branch);
        out.push_str(&printable(name));
        let margin = format!("{margin}{below}");
        match node {
            Node::Directory(names) => {
                out.push_str(if name.ends_with('/') { "\n" } else { "/\n" });
                directory(out, names, &margin);
            }
            Node::Leaf(value) => leaf(out, value, &margin),
        }
    }
}

/// One line behind the name; several lines below it.
fn leaf(out: &mut String, value: &Value, margin: &str) {
    let text = match value {
        Value::String(text) => text.clone(),
        // Bytes are one long line and not worth three.
        Value::Object(object) if object.len() == 1 && object.contains_key("base64") => {
            value.to_string()
        }
        Value::Object(_) | Value::Array(_) => format!("{value:#}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if text.contains('\n') {
        out.push_str(":\n");
        for line in text.split('\n') {
            out.push_str(format!("{margin}  {}", printable(line)).trim_end());
            out.push('\n');
        }
    } else {
        out.push_str(format!(": {}", printable(text)).trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_has_every_value_at_its_name() {
        let node = super::super::tests::sample().below("/latest", false);
        assert_eq!(
            render("/latest/", &node),
            "\
/latest/
├── dynamic/
│   └── document:
│         {
│           \"region\" : \"eu-west-1\"
│         }
├── meta-data/
│   ├── ami-id: ami-1
│   ├── mac: 12:34:56:01:23:45
│   ├── public-keys/
│   │   └── 0=my key/
│   │       └── openssh-key: ssh-ed25519 AAAA it's
│   └── security-groups:
│         one
│         two
└── user-data: {\"base64\":\"H4sA\"}
"
        );
    }

    #[test]
    fn a_value_cannot_drive_the_terminal() {
        let node = Node::Leaf("\x1b]0;x\x07".into());
        assert_eq!(render("/a", &node), "/a: \\u{1b}]0;x\\u{7}\n");
    }
}
