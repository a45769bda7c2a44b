//! What images ask of DHCP.

use core::fmt;
use core::time::Duration;

/// How long a server may take. EC2's answers within milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// When to ask again: a lost packet should not cost ten seconds.
pub const RETRY: Duration = Duration::from_secs(1);

/// Nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLease;

impl fmt::Display for NoLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no answer from a DHCP server in {} seconds; give a static address with ip=, \
             or ip=ll on Firecracker",
            PATIENCE.as_secs()
        )
    }
}
