//! Exit codes, and the three parts of every error: what went wrong, what was seen, what to do.

use core::fmt;

/// Why the command ended. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well, or only vanished nodes are missing.
    Ok = 0,
    /// Anything without a code of its own.
    Other = 1,
    /// Usage, or a bad setting.
    Usage = 2,
    /// 404.
    Absent = 3,
    /// This machine is plainly not an EC2 instance.
    NotOnEc2 = 4,
    /// 403 on the token, or on a GET.
    TurnedOff = 5,
    /// Connected, and the request for a token stayed unanswered.
    NoToken = 6,
    /// Refused, no route, connect timeout.
    Unreachable = 7,
    /// 429 or 503 until the budget was spent.
    Throttled = 8,
    /// Not IMDS, malformed, too large, truncated.
    Foreign = 9,
    /// Turned off by configuration.
    Disabled = 10,
    /// Time ran out in the middle of an answer.
    Deadline = 13,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The worst comes first; what is not in the list does not compete.
const WORST_FIRST: [Exit; 11] = [
    Exit::Interrupted,
    Exit::Disabled,
    Exit::NotOnEc2,
    Exit::TurnedOff,
    Exit::NoToken,
    Exit::Unreachable,
    Exit::Throttled,
    Exit::Deadline,
    Exit::Foreign,
    Exit::Other,
    Exit::Absent,
];

impl Exit {
    /// Every exit and what it means, for help and manual.
    pub const TABLE: [(Self, &'static str); 13] = [
        (
            Self::Ok,
            "all is well, or a dump lacks only nodes that vanished",
        ),
        (Self::Other, "anything without a code of its own"),
        (Self::Usage, "usage, or a bad setting"),
        (Self::Absent, "absent (404)"),
        (Self::NotOnEc2, "not on EC2"),
        (Self::TurnedOff, "turned off or forbidden (403)"),
        (
            Self::NoToken,
            "connected, but no token came back (hop limit)",
        ),
        (
            Self::Unreachable,
            "unreachable: refused, no route, connect timeout",
        ),
        (Self::Throttled, "throttled: 429 or 503 to the last try"),
        (Self::Foreign, "not IMDS, malformed, too large, truncated"),
        (Self::Disabled, "disabled by configuration"),
        (Self::Deadline, "out of time in the middle of an answer"),
        (Self::Interrupted, "interrupted by Ctrl-C"),
    ];

    /// The number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit of a cause that the protocol's own table numbers.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        Self::TABLE
            .into_iter()
            .map(|(exit, _)| exit)
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::Other)
    }

    /// The cause in one or two words, as `--log-format json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Other => "other",
            Self::Usage => "usage",
            Self::Absent => "absent",
            Self::NotOnEc2 => "not-on-ec2",
            Self::TurnedOff => "turned-off",
            Self::NoToken => "token-no-reply",
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::Foreign => "not-imds",
            Self::Disabled => "disabled",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
        }
    }

    /// The worse of two: of many failures the exit code names one.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        WORST_FIRST
            .into_iter()
            .find(|exit| *exit == self || *exit == other)
            .unwrap_or(if self == Self::Ok { other } else { self })
    }

    /// Whether the next path of the same command would fail the same way.
    #[must_use]
    pub fn concerns_every_path(self) -> bool {
        !matches!(
            self,
            Self::Ok | Self::Absent | Self::Other | Self::Foreign | Self::Deadline
        )
    }
}

/// An error for a person: cause, evidence, fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code it leads to.
    pub exit: Exit,
    /// What went wrong, with the path or the setting it went wrong with.
    pub what: String,
    /// What was seen.
    pub seen: String,
    /// What to do about it.
    pub fix: String,
}

impl Failure {
    /// A failure in its three parts.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        seen: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            what: what.into(),
            seen: seen.into(),
            fix: fix.into(),
        }
    }

    /// A command line that cannot be obeyed, or a setting that means nothing.
    pub fn usage(what: impl Into<String>, seen: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, seen, fix)
    }

    /// The lines for stderr.
    #[must_use]
    pub fn text(&self, color: bool) -> String {
        let (bold, dim, plain) = if color {
            ("\x1b[1;31m", "\x1b[2m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let mut text = format!("{bold}error:{plain} {}\n", printable(&self.what));
        for (label, part) in [("seen:", &self.seen), ("fix: ", &self.fix)] {
            if !part.is_empty() {
                text.push_str(&format!("  {dim}{label}{plain} {}\n", printable(part)));
            }
        }
        text
    }

    /// The same as one JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let object = serde_json::json!({
            "level": "ERROR",
            "message": self.what,
            "cause": self.exit.name(),
            "exit": self.exit.code(),
            "seen": self.seen,
            "fix": self.fix,
        });
        format!("{object}\n")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}; {})", self.what, self.seen, self.fix)
    }
}

impl core::error::Error for Failure {}

/// Text from elsewhere, made safe for a terminal: control characters are shown, not obeyed.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown = c.is_control();
            let escaped = shown.then(|| c.escape_default());
            escaped.into_iter().flatten().chain((!shown).then_some(c))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_cause_wins_in_the_order_of_the_table() {
        let order = [
            Exit::TurnedOff,
            Exit::NoToken,
            Exit::Unreachable,
            Exit::Throttled,
            Exit::Deadline,
            Exit::Foreign,
            Exit::Other,
        ];
        for (at, worse) in order.iter().enumerate() {
            for better in &order[at..] {
                assert_eq!(worse.worst(*better), *worse);
                assert_eq!(better.worst(*worse), *worse);
            }
        }
    }

    #[test]
    fn a_failure_beats_ok_in_either_order() {
        assert_eq!(Exit::Ok.worst(Exit::Absent), Exit::Absent);
        assert_eq!(Exit::Usage.worst(Exit::Ok), Exit::Usage);
        assert_eq!(Exit::Ok.worst(Exit::Usage), Exit::Usage);
        assert_eq!(Exit::Ok.worst(Exit::Ok), Exit::Ok);
    }

    #[test]
    fn codes_come_back_as_the_exit_they_came_from() {
        for (exit, _) in Exit::TABLE {
            assert_eq!(Exit::from_code(exit.code()), exit);
        }
        assert_eq!(Exit::from_code(99), Exit::Other);
    }

    #[test]
    fn an_error_has_three_parts_one_line_each() {
        let failure = Failure::new(Exit::Absent, "no such path: /a", "404", "list /");
        assert_eq!(
            failure.text(false),
            "error: no such path: /a\n  seen: 404\n  fix:  list /\n"
        );
        assert!(failure.text(true).contains("\x1b[1;31merror:"));
    }

    #[test]
    fn an_error_as_json_is_one_line_with_the_cause() {
        let line = Failure::new(Exit::NoToken, "w", "s\nt", "f").json();
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["cause"], "token-no-reply");
        assert_eq!(value["exit"], 6);
    }

    #[test]
    fn a_peer_cannot_drive_the_terminal_through_an_error() {
        let failure = Failure::new(Exit::Other, "a\x1b[2Jb", "c\rd", "");
        assert_eq!(failure.text(false), "error: a\\u{1b}[2Jb\n  seen: c\\rd\n");
    }
}
