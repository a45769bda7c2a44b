//! `-o json`

use serde_json::Value;

/// Two spaces of indentation, one newline at the end.
#[must_use]
pub fn render(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_the_last_line_ends() {
        let value = serde_json::json!({"a": "é", "b": 1});
        assert_eq!(render(&value), "{\n  \"a\": \"é\",\n  \"b\": 1\n}\n");
    }
}
