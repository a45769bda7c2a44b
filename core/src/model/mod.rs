//! Typed documents: what the JSON values of the service mean (facts §2.2, §2.4, §5, §6).
//!
//! Each is read from the whole body of a 200, which the caller has, into a value of fixed size.
//! An unknown member never makes a document unreadable, whatever it holds; a known one that is
//! not what it should be is an error with its name. Names of members compare without regard to
//! case, and of one that is repeated the exact spelling counts, then the last.
//!
//! The body is the caller's, to wipe where it holds secrets.
//!
//! ```
//! use imds_core::model::{Action, SpotAction};
//!
//! let body = br#"{"action": "stop", "time": "2017-09-18T08:22:00Z", "mood": "\ud83d\ude00"}"#;
//! let notice = SpotAction::parse(body)?;
//! assert_eq!(notice.action, Action::Stop);
//! assert_eq!(notice.time.unix_seconds(), 1_505_722_920);
//! # Ok::<(), imds_core::model::DocumentError>(())
//! ```

mod credentials;
mod decode;
mod error;
mod iam;
mod identity;
mod maintenance;
mod members;
mod prose;
mod read;
mod secret;
mod spot;
mod time;

pub use self::credentials::{MAX_KEY, RoleCredentials, role_name};
pub use self::error::{Code, DocumentError, Excerpt};
pub use self::iam::IamInfo;
pub use self::identity::{IdentityDocument, ProductCodes};
pub use self::maintenance::{MaintenanceEvent, MaintenanceEvents};
pub use self::read::{IDENTITY, REGION, ROLES, ReadError};
pub use self::secret::Secret;
pub use self::spot::{Action, Rebalance, SpotAction, spot_termination_time};
pub use self::time::Timestamp;
