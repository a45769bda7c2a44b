//! What the service says about the instance profile.

use heapless::String;

use super::decode::is_success;
use super::error::{DocumentError, hint};
use super::members::Object;
use super::time::Timestamp;

/// `iam/info` (facts §2.2, §5.2), and `identity-credentials/ec2/info`, which has an account id in
/// place of a profile.
///
/// A `Code` that is not a success is part of what it says, not an error. It also reads the code
/// and the whole message of a credentials document that is [`DocumentError::NotSuccess`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct IamInfo {
    /// `Code`; absent counts as success.
    pub code: Option<String<64>>,
    /// `Message`, as far as it fits; a longer one ends in `…`.
    pub message: Option<String<512>>,
    /// `LastUpdated`. One that is not a time counts as absent: nothing depends on it.
    pub last_updated: Option<Timestamp>,
    /// `InstanceProfileArn`.
    pub instance_profile_arn: Option<String<256>>,
    /// `InstanceProfileId`: `AIPA…`.
    pub instance_profile_id: Option<String<128>>,
    /// `AccountId`.
    pub account_id: Option<String<32>>,
}

impl IamInfo {
    /// Reads the body of a 200.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let document = Object::new(body)?;
        let mut read = Self {
            code: None,
            message: None,
            last_updated: document.last_updated(),
            instance_profile_arn: None,
            instance_profile_id: None,
            account_id: None,
        };
        if !document.code(read.code.insert(String::new()).as_mut_view())? {
            read.code = None;
        }
        document.prose_or_none("Message", &mut read.message);
        document.text("InstanceProfileArn", &mut read.instance_profile_arn)?;
        document.text("InstanceProfileId", &mut read.instance_profile_id)?;
        document.text("AccountId", &mut read.account_id)?;
        Ok(read)
    }

    /// Does the service vouch for the profile?
    ///
    /// It may, and yet say in the message that the profile holds no role (facts §5.2).
    pub fn is_success(&self) -> bool {
        self.code.as_ref().is_none_or(|code| is_success(code))
    }

    /// What to do about a code that is not a success, or a profile without a role.
    pub fn hint(&self) -> Option<&'static str> {
        let roleless = "Instance Profile does not contain a role";
        match (&self.code, &self.message) {
            (Some(code), _) if !is_success(code) => Some(hint(code)),
            (_, Some(message)) if message.starts_with(roleless) => {
                Some("the instance profile holds no role: add one to it")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> Result<IamInfo, DocumentError> {
        IamInfo::parse(body)
    }

    #[test]
    fn a_profile_is_read() {
        let info = parse(
            br#"{
  "Code" : "Success",
  "LastUpdated" : "2021-09-21T17:31:21Z",
  "InstanceProfileArn" : "arn:aws:iam::012345678901:instance-profile/web-server-role",
  "InstanceProfileId" : "AIPAIOSFODNN7EXAMPLE1"
}"#,
        )
        .unwrap();
        assert!(info.is_success());
        assert_eq!(info.hint(), None);
        assert_eq!(
            info.instance_profile_arn.unwrap(),
            "arn:aws:iam::012345678901:instance-profile/web-server-role"
        );
        assert_eq!(info.instance_profile_id.unwrap(), "AIPAIOSFODNN7EXAMPLE1");
        assert_eq!(info.last_updated.unwrap().unix_seconds(), 1_632_245_481);
        assert_eq!((info.message, info.account_id), (None, None));
    }

    #[test]
    fn a_lost_profile_is_told_with_its_whole_message() {
        let message = "Instance Profile with Id AIPAIOSFODNN7EXAMPLE1 cannot be found. Please see \
                       documentation at https://docs.aws.amazon.com/ for more details.";
        let body = std::format!(r#"{{"Code":"InstanceProfileNotFound","Message":"{message}"}}"#);
        let info = parse(body.as_bytes()).unwrap();
        assert!(!info.is_success());
        assert_eq!(info.message.as_deref(), Some(message));
        assert!(info.hint().unwrap().contains("attach it again"));
    }

    #[test]
    fn a_profile_without_a_role_is_a_success_with_a_hint() {
        let info =
            parse(br#"{"Code":"Success","Message":"Instance Profile does not contain a role. x"}"#)
                .unwrap();
        assert!(info.is_success());
        assert!(info.hint().unwrap().contains("no role"));
    }

    #[test]
    fn an_absent_code_is_a_success() {
        assert!(parse(b"{}").unwrap().is_success());
        assert!(parse(br#"{"Code":null}"#).unwrap().is_success());
        assert!(parse(br#"{"Code":"SUCCESS"}"#).unwrap().is_success());
        assert!(!parse(br#"{"Code":""}"#).unwrap().is_success());
    }

    #[test]
    fn the_account_of_the_instance_identity_is_read() {
        let info = parse(br#"{"Code" : "Success", "AccountId" : "012345678901"}"#).unwrap();
        assert_eq!(info.account_id.unwrap(), "012345678901");
    }

    #[test]
    fn members_of_a_wrong_type_are_named_and_the_message_is_let_go() {
        let error = |body: &[u8]| parse(body).unwrap_err();
        assert_eq!(error(br#"{"Code":200}"#), DocumentError::WrongType("Code"));
        assert_eq!(
            error(br#"{"InstanceProfileArn":[]}"#),
            DocumentError::WrongType("InstanceProfileArn")
        );
        assert_eq!(parse(br#"{"Message":{"a":1}}"#).unwrap().message, None);
        assert_eq!(parse(br#"{"LastUpdated":5}"#).unwrap().last_updated, None);
        assert_eq!(
            parse(br#"{"LastUpdated":"soon"}"#).unwrap().last_updated,
            None
        );
    }
}
