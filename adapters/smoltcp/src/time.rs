//! The stack's time as the core's, and back. Both count microseconds from the same start.

use smoltcp::time::Instant;

/// The core's word for an instant of the stack; before the start is the start.
pub(crate) fn core(at: Instant) -> imds_core::Instant {
    imds_core::Instant::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}

/// The stack's word for an instant of the core.
pub(crate) fn stack(at: imds_core::Instant) -> Instant {
    Instant::from_micros(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}
