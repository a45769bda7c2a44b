//! `credentials`: the role's credentials, in the forms programs want them.

use std::time::{SystemTime, UNIX_EPOCH};

use imds_blocking::Credentials as Granted;
use imds_core::model::{DocumentError, IamInfo, RoleCredentials, Timestamp, role_name};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Context, Stop};
use crate::args::{Credentials, CredentialsFormat};
use crate::failure::{Exit, Failure};
use crate::output::{env, json};
use crate::service::Service;

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

pub(super) fn run(context: &Context<'_>, args: &Credentials) -> Result<Exit, Stop> {
    let service = Service::open(context)?;
    let mut reader = service.reader();
    let listing = reader.value(ROLES)?.unwrap_or_default();
    let Some(role) = role_name(&listing) else {
        return Err(reader.absent(ROLES).into());
    };
    let path = format!("{ROLES}{role}");
    let Some(document) = reader.value(&path)?.map(Zeroizing::new) else {
        return Err(reader.absent(&path).into());
    };
    let granted = parse(&document, &path, &service.endpoint())?;
    if has_expired(granted.expiration(), (context.host.clock)()) {
        tracing::warn!(
            "these credentials expired at {}; the service has not renewed them",
            granted.expiration()
        );
    }
    let text = Zeroizing::new(render(&granted, args.format));
    context.print(text.as_bytes())?;
    Ok(Exit::Ok)
}

fn parse(document: &[u8], path: &str, endpoint: &str) -> Result<Granted, Failure> {
    let error = match RoleCredentials::parse(document) {
        Ok(granted) => return Ok(Box::new(granted)),
        Err(error) => error,
    };
    let DocumentError::NotSuccess { code, message } = &error else {
        return Err(Failure::new(
            Exit::Foreign,
            format!("this is no document of credentials: {path}"),
            format!("{endpoint}: {error}"),
            "look at --endpoint and the profile: something other than EC2 answers there",
        ));
    };
    // The error keeps the beginning of the message alone.
    let info = IamInfo::parse(document).ok();
    let whole = info.as_ref().and_then(|info| info.message.as_deref());
    Err(Failure::new(
        Exit::Other,
        format!("the role got no credentials: {path}"),
        format!("{endpoint}: {code}: {}", whole.unwrap_or(message)),
        error.hint().unwrap_or_default(),
    ))
}

fn has_expired(expiration: &Timestamp, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    });
    expiration.unix_seconds() <= now
}

fn render(granted: &Granted, format: CredentialsFormat) -> String {
    match format {
        CredentialsFormat::CredentialProcess => {
            let version = ("Version", Value::from(1));
            json::render(&object(granted, "SessionToken", [version]))
        }
        CredentialsFormat::Json => {
            let code = ("Code", Value::from("Success"));
            let updated = granted.last_updated().map(Timestamp::as_str);
            let more = [("LastUpdated", updated), ("Type", granted.kind())];
            let more = more
                .into_iter()
                .filter_map(|(name, text)| Some((name, text?.into())));
            json::render(&object(granted, "Token", [code].into_iter().chain(more)))
        }
        CredentialsFormat::Env => variables(granted),
    }
}

fn object(
    granted: &Granted,
    token: &str,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let mut object = Map::new();
    for (name, value) in [
        ("AccessKeyId", granted.access_key_id()),
        ("SecretAccessKey", granted.secret_access_key()),
        (token, granted.session_token()),
        ("Expiration", granted.expiration().as_str()),
    ] {
        object.insert(name.to_owned(), value.into());
    }
    if let Some(account) = granted.account_id() {
        object.insert("AccountId".to_owned(), account.into());
    }
    for (name, value) in more {
        object.insert(name.to_owned(), value);
    }
    object.sort_keys();
    object.into()
}

fn variables(granted: &Granted) -> String {
    let account = granted.account_id();
    [
        ("AWS_ACCESS_KEY_ID", granted.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", granted.secret_access_key()),
        ("AWS_SESSION_TOKEN", granted.session_token()),
        ("AWS_CREDENTIAL_EXPIRATION", granted.expiration().as_str()),
    ]
    .into_iter()
    .chain(account.map(|account| ("AWS_ACCOUNT_ID", account)))
    .map(|(name, value)| format!("export {name}={}\n", env::quoted(value)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use serde_json::json;

    const DOCUMENT: &str = r#"{
  "Code" : "Success",
  "LastUpdated" : "2029-12-31T18:00:00Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIA1",
  "SecretAccessKey" : "secret/'quoted'",
  "Token" : "token==",
  "Expiration" : "2030-01-01T00:00:00Z",
  "AccountId" : "012345678901"
}"#;

    fn granted() -> Granted {
        parse(DOCUMENT.as_bytes(), ROLES, "http://a").unwrap()
    }

    fn rendered_json(format: CredentialsFormat) -> Value {
        serde_json::from_str(&render(&granted(), format)).unwrap()
    }

    #[test]
    fn credential_process_gets_the_number_one_and_a_session_token() {
        assert_eq!(
            rendered_json(CredentialsFormat::CredentialProcess),
            json!({
                "Version": 1,
                "AccessKeyId": "ASIA1",
                "SecretAccessKey": "secret/'quoted'",
                "SessionToken": "token==",
                "Expiration": "2030-01-01T00:00:00Z",
                "AccountId": "012345678901",
            })
        );
    }

    #[test]
    fn json_keeps_the_names_of_the_service() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(rendered_json(CredentialsFormat::Json), document);
    }

    #[test]
    fn variables_are_quoted_for_a_shell() {
        assert_eq!(
            render(&granted(), CredentialsFormat::Env),
            "export AWS_ACCESS_KEY_ID='ASIA1'\n\
             export AWS_SECRET_ACCESS_KEY='secret/'\\''quoted'\\'''\n\
             export AWS_SESSION_TOKEN='token=='\n\
             export AWS_CREDENTIAL_EXPIRATION='2030-01-01T00:00:00Z'\n\
             export AWS_ACCOUNT_ID='012345678901'\n"
        );
    }

    #[test]
    fn refusals_name_code_whole_message_and_what_to_do() {
        let message =
            "a message that is longer than what the error itself has room for, as some are";
        let refused = |code: &str| {
            let document = format!(r#"{{"Code":"{code}","Message":"{message}"}}"#);
            parse(document.as_bytes(), ROLES, "http://a").unwrap_err()
        };
        let failure = refused("AssumeRoleUnauthorizedAccess");
        assert_eq!(failure.exit, Exit::Other);
        let seen = format!("http://a: AssumeRoleUnauthorizedAccess: {message}");
        assert_eq!(failure.seen, seen);
        assert!(failure.fix.contains("trust policy"));
        assert!(refused("InstanceProfileNotFound").fix.contains("attach"));
        assert!(refused("Weather").fix.contains("later"));
    }

    #[test]
    fn what_is_no_document_is_foreign_and_not_quoted() {
        for text in ["", "hunter2", "{\"SecretAccessKey\": \"hunter2\"}"] {
            let failure = parse(text.as_bytes(), ROLES, "http://a").unwrap_err();
            assert_eq!(failure.exit, Exit::Foreign);
            assert!(!failure.text(false).contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn credentials_expire_at_their_second() {
        let expiration = Timestamp::parse("2021-09-21T23:33:13Z").unwrap();
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(!has_expired(&expiration, at(1_632_267_192)));
        assert!(has_expired(&expiration, at(1_632_267_193)));
    }
}
