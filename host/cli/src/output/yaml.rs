//! `-o yaml`: the data of `-o json` as YAML.
//!
//! Strings are always quoted or literal blocks. Emitters in general leave `12:34:56:01:23:45`,
//! `2021-09-21` and `no` plain, and a reader of YAML 1.1, which most readers are, takes a MAC
//! address for a number, a date for a date and a name for `false`.

use serde_json::{Map, Value};

/// The document.
#[must_use]
pub fn render(value: &Value) -> String {
    let mut out = String::new();
    if !collection(&mut out, value, 0) {
        scalar(&mut out, value, 0);
        out.push('\n');
    }
    out
}

/// Writes an object or array that has something in it; says whether it was one.
fn collection(out: &mut String, value: &Value, depth: usize) -> bool {
    if let Value::Object(object) = value
        && !object.is_empty()
    {
        mapping(out, object, depth);
    } else if let Value::Array(items) = value
        && !items.is_empty()
    {
        sequence(out, items, depth);
    } else {
        return false;
    }
    true
}

fn mapping(out: &mut String, object: &Map<String, Value>, depth: usize) {
    for (key, value) in object {
        indent(out, depth);
        out.push_str(&key_text(key));
        out.push(':');
        nested(out, value, depth);
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(out, depth);
        out.push('-');
        nested(out, item, depth);
    }
}

/// What stands behind a `key:` or a `-`.
fn nested(out: &mut String, value: &Value, depth: usize) {
    let mut below = String::from("\n");
    if collection(&mut below, value, depth + 1) {
        out.push_str(&below);
        return;
    }
    out.push(' ');
    scalar(out, value, depth + 1);
    out.push('\n');
}

fn scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(text) if fits_block(text) => {
            out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                out.push('\n');
                if !line.is_empty() {
                    indent(out, depth.max(1));
                    out.push_str(line);
                }
            }
        }
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn indent(out: &mut String, depth: usize) {
    out.push_str(&"  ".repeat(depth));
}

/// Several lines that a literal block keeps as they are: no leading blank (it would be taken for
/// indentation), at most one newline at the end, and nothing but printable characters.
fn fits_block(text: &str) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    lines.contains('\n')
        && !lines.ends_with('\n')
        && !lines.starts_with([' ', '\t', '\n'])
        && lines
            .chars()
            .all(|c| c == '\n' || c == '\t' || is_plainly_printable(c))
}

/// Printable, and no line break of any YAML version.
fn is_plainly_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// A key goes plain where no reader could take it for anything but that text.
fn key_text(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !SPECIAL_WORDS.contains(&key.to_ascii_lowercase().as_str());
    if plain { key.to_owned() } else { quoted(key) }
}

/// Words that stand for a value in some version of YAML.
const SPECIAL_WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// In double quotes, with the escapes that JSON and YAML share.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plainly_printable(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_that_look_like_something_else_are_quoted() {
        let value = json!({"date": "2021-09-21", "id": "012", "mac": "12:34:56:01:23:45", "nil": "~", "no": "no"});
        assert_eq!(
            render(&value),
            "date: \"2021-09-21\"\nid: \"012\"\nmac: \"12:34:56:01:23:45\"\nnil: \"~\"\n\"no\": \"no\"\n"
        );
    }

    #[test]
    fn directories_nest_and_lines_are_blocks() {
        let tree = super::super::tests::sample()
            .below("/latest", false)
            .into_json();
        assert_eq!(
            render(&tree),
            r#"dynamic:
  document: |-
    {
      "region" : "eu-west-1"
    }
meta-data:
  ami-id: "ami-1"
  mac: "12:34:56:01:23:45"
  public-keys:
    "0=my key":
      openssh-key: "ssh-ed25519 AAAA it's\n"
  security-groups: |-
    one
    two
user-data:
  base64: "H4sA"
"#
        );
    }

    #[test]
    fn blocks_that_would_change_the_text_are_quoted_instead() {
        for text in [
            "  a\nb",
            "\na",
            "a\n\n",
            "a\r\nb",
            "a\n\u{85}b",
            "a\u{0}\nb",
            "a\n\u{2028}b",
        ] {
            assert!(render(&json!(text)).starts_with('"'), "{text:?}");
        }
        assert_eq!(render(&json!("a\n\nb\n")), "|\n  a\n\n  b\n");
        assert_eq!(render(&json!("a\u{1b}b")), "\"a\\u001Bb\"\n");
    }

    #[test]
    fn decoded_values_keep_their_types() {
        let value =
            json!({"list-1": ["a", {"x_y": null}, []], "none-1": {}, "num_1": 1.5, "yes_1": true});
        assert_eq!(
            render(&value),
            "list-1:\n  - \"a\"\n  -\n    x_y: null\n  - []\nnone-1: {}\nnum_1: 1.5\nyes_1: true\n"
        );
    }
}
