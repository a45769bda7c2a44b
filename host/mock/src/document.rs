//! The JSON documents that carry dates (facts §5.1, §6).

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{date, random::Random};

/// The life of role credentials on EC2: about six hours (facts §1.12).
pub const CREDENTIALS_LIFE: u64 = 6 * 60 * 60;

/// The document of a role's credentials, laid out as EC2 does, with obviously invented keys. Times are Unix seconds.
#[must_use]
pub fn credentials(updated: u64, expiration: u64) -> String {
    // Real tokens begin so; they make up most of a document of about 1.5 KB.
    let token = format!("IQoJb3JpZ2luX2VjE{}", opaque(0x1a3, 640));
    format!(
        "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{}\",\n  \"Type\" : \"AWS-HMAC\",\n  \
         \"AccessKeyId\" : \"ASIAIOSFODNN7EXAMPLE\",\n  \
         \"SecretAccessKey\" : \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\",\n  \"Token\" : \"{token}\",\n  \
         \"Expiration\" : \"{}\"\n}}",
        date::iso(updated),
        date::iso(expiration)
    )
}

/// Role credentials at this moment: six hours ahead.
pub(crate) fn fresh_credentials(unix: u64) -> Vec<u8> {
    credentials(unix, unix.saturating_add(CREDENTIALS_LIFE)).into_bytes()
}

/// `iam/info`.
pub(crate) fn iam_info(unix: u64) -> Vec<u8> {
    format!(
        "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{}\",\n  \
         \"InstanceProfileArn\" : \"arn:aws:iam::012345678901:instance-profile/web-server-role\",\n  \
         \"InstanceProfileId\" : \"AIPAIOSFODNN7EXAMPLE1\"\n}}",
        date::iso(unix)
    )
    .into_bytes()
}

/// `identity-credentials/ec2/info`.
pub(crate) fn identity_info(unix: u64) -> Vec<u8> {
    format!(
        "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{}\",\n  \"AccountId\" : \"012345678901\"\n}}",
        date::iso(unix)
    )
    .into_bytes()
}

/// This many reproducible bytes as one line of base64.
pub(crate) fn opaque(seed: u64, length: usize) -> String {
    let mut bytes = vec![0; length];
    Random::new(seed).fill(&mut bytes);
    BASE64_STANDARD.encode(bytes)
}

/// The same in lines of this width, without a final line feed.
pub(crate) fn opaque_lines(seed: u64, length: usize, width: usize) -> String {
    let mut text = String::new();
    for (i, c) in opaque(seed, length).chars().enumerate() {
        if i > 0 && i % width == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text
}
