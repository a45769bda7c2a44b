//! How a machine ended: by QEMU's status, and by the image's own last line.

use core::fmt;

/// What QEMU's exit says. An image writes a byte `v` to the port of `isa-debug-exit`, and QEMU's status is
/// `2 * v + 1`; so 0, QEMU's own success, is never the image's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The image ended with this exit code: `v` was 0x10 + code.
    Code(u8),
    /// The image panicked.
    Panic,
    /// The processor met an exception.
    Exception,
    /// The stack overflowed.
    StackOverflow,
    /// The machine was reset or switched off without a status, as it is where there is no `isa-debug-exit`. The last
    /// line tells the code.
    Reset,
    /// QEMU ended with another status: most often its own, 1, with a message.
    Other(i32),
    /// QEMU was ended by this signal, not by us.
    Signal(i32),
    /// The time limit was up, and QEMU was killed.
    TimedOut,
}

/// `v` of exit code 0.
const CODES: i32 = 0x10;
const PANIC: i32 = 0x30;
const EXCEPTION: i32 = 0x31;
const STACK_OVERFLOW: i32 = 0x32;

impl Ending {
    /// What this exit status of QEMU means.
    #[must_use]
    pub fn of_status(status: i32) -> Self {
        if status == 0 {
            return Self::Reset;
        }
        if status & 1 == 0 {
            return Self::Other(status);
        }
        match status >> 1 {
            v @ CODES..PANIC => u8::try_from(v - CODES).map_or(Self::Other(status), Self::Code),
            PANIC => Self::Panic,
            EXCEPTION => Self::Exception,
            STACK_OVERFLOW => Self::StackOverflow,
            _ => Self::Other(status),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Panic => f.write_str("panic"),
            Self::Exception => f.write_str("processor exception"),
            Self::StackOverflow => f.write_str("stack overflow"),
            Self::Reset => f.write_str("reset without a status"),
            Self::Other(status) => write!(f, "QEMU's status {status}"),
            Self::Signal(signal) => write!(f, "QEMU ended by signal {signal}"),
            Self::TimedOut => f.write_str("time limit"),
        }
    }
}

/// The last line that an image prints, `exit=N cause=NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLine {
    /// The exit code.
    pub code: u8,
    /// Why.
    pub cause: String,
}

impl LastLine {
    /// Whether the platform wrote it, and not the application.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        matches!(
            self.cause.as_str(),
            "panic" | "exception" | "stack-overflow"
        )
    }

    /// Reads the last line of a serial port's text, which has to be complete.
    #[must_use]
    pub fn of(serial: &str) -> Option<Self> {
        let complete = serial.strip_suffix('\n')?;
        let complete = complete.strip_suffix('\r').unwrap_or(complete);
        let line = complete.rsplit('\n').next()?;
        let (code, cause) = line.strip_prefix("exit=")?.split_once(" cause=")?;
        let plain = |text: &str, legal: fn(&u8) -> bool| {
            !text.is_empty() && text.as_bytes().iter().all(legal)
        };
        if !plain(code, u8::is_ascii_digit) || !plain(cause, u8::is_ascii_graphic) {
            return None;
        }
        Some(Self {
            code: code.parse().ok()?,
            cause: cause.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_twice_the_value_and_one() {
        let ending = |v: i32| Ending::of_status(v << 1 | 1);
        assert_eq!(Ending::of_status(33), Ending::Code(0));
        assert_eq!(ending(0x10), Ending::Code(0));
        assert_eq!(ending(0x19), Ending::Code(9));
        assert_eq!(ending(0x2f), Ending::Code(31));
        assert_eq!(ending(0x30), Ending::Panic);
        assert_eq!(ending(0x31), Ending::Exception);
        assert_eq!(ending(0x32), Ending::StackOverflow);
        assert_eq!(ending(0x33), Ending::Other(0x67));
        assert_eq!(ending(0x0f), Ending::Other(0x1f));
    }

    #[test]
    fn qemus_own_statuses_are_not_the_images() {
        assert_eq!(Ending::of_status(0), Ending::Reset);
        assert_eq!(Ending::of_status(1), Ending::Other(1));
        assert_eq!(Ending::of_status(34), Ending::Other(34));
    }

    #[test]
    fn the_last_line_is_read_with_either_end_of_line() {
        let expected = Some(LastLine {
            code: 7,
            cause: "token-timeout".into(),
        });
        for serial in [
            "exit=7 cause=token-timeout\n",
            "/latest\t\"x\"\nexit=0 cause=ok\nexit=7 cause=token-timeout\r\n",
        ] {
            assert_eq!(LastLine::of(serial), expected, "{serial:?}");
        }
    }

    #[test]
    fn anything_else_is_no_last_line() {
        for serial in [
            "",
            "\n",
            "exit=7 cause=token-timeout",
            "exit=7 cause=token-timeout\nmore\n",
            "exit=7 cause=token-timeout\n\n",
            "exit= cause=ok\n",
            "exit=+7 cause=ok\n",
            "exit=256 cause=ok\n",
            "exit=7 cause=\n",
            "exit=7 cause=two words\n",
            " exit=7 cause=ok\n",
        ] {
            assert_eq!(LastLine::of(serial), None, "{serial:?}");
        }
    }
}
