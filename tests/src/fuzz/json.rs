//! Typed documents against serde_json's reading of the same text.

use core::fmt;

use imds_core::flat::Line;
use imds_core::model::{
    DocumentError, IamInfo, IdentityDocument, MaintenanceEvent, MaintenanceEvents, RoleCredentials,
    SpotAction,
};
use imds_mock::Tree;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// An object's members in their order, those with the same name too.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl Members {
    /// The exact spelling counts, then the last (facts §4.5). Null is absent.
    fn get(&self, name: &str) -> Option<&Value> {
        let last = |is: &dyn Fn(&str) -> bool| self.0.iter().rfind(|(key, _)| is(key));
        let (_, value) =
            last(&|key| key == name).or_else(|| last(&|key| key.eq_ignore_ascii_case(name)))?;
        (!value.is_null()).then_some(value)
    }

    fn agree(&self, texts: &[(&str, Option<&str>)]) {
        for (name, ours) in texts {
            match (self.get(name), ours) {
                (None, None) => {}
                (Some(Value::String(theirs)), Some(ours)) => assert_eq!(theirs, ours, "{name}"),
                (theirs, ours) => panic!("{name}: {theirs:?} for serde_json, {ours:?} for us"),
            }
        }
    }
}

/// What serde_json takes for an object is one for us, and what we read in it is what stands there.
pub(super) fn compare(input: &[u8]) {
    check_flat(input);
    if let Ok(theirs) = serde_json::from_slice::<Vec<Value>>(input) {
        let ours = MaintenanceEvents::parse(input).expect("an array");
        assert_eq!(ours.count(), theirs.len());
    }
    let Ok(theirs) = serde_json::from_slice::<Members>(input) else {
        return;
    };
    if let Some(read) = accepted(IdentityDocument::parse(input)) {
        theirs.agree(&[
            ("accountId", read.account_id.as_deref()),
            ("architecture", read.architecture.as_deref()),
            ("availabilityZone", read.availability_zone.as_deref()),
            ("imageId", read.image_id.as_deref()),
            ("instanceId", read.instance_id.as_deref()),
            ("instanceType", read.instance_type.as_deref()),
            ("kernelId", read.kernel_id.as_deref()),
            ("ramdiskId", read.ramdisk_id.as_deref()),
            (
                "pendingTime",
                read.pending_time.as_ref().map(|time| time.as_str()),
            ),
            ("privateIp", read.private_ip.as_deref()),
            ("region", read.region.as_deref()),
            ("version", read.version.as_deref()),
        ]);
        let codes = theirs.get("billingProducts").map(|codes| {
            let codes = codes.as_array().expect("an array for us");
            codes
                .iter()
                .map(|code| code.as_str().expect("a text for us"))
                .collect::<Vec<_>>()
        });
        let ours = read.billing_products.as_ref();
        assert_eq!(
            ours.map(|codes| codes.iter().map(|code| code.as_str()).collect()),
            codes
        );
    }
    if let Some(read) = accepted(IamInfo::parse(input)) {
        theirs.agree(&[
            ("InstanceProfileArn", read.instance_profile_arn.as_deref()),
            ("InstanceProfileId", read.instance_profile_id.as_deref()),
            ("AccountId", read.account_id.as_deref()),
        ]);
    }
    if let Some(read) = accepted(MaintenanceEvent::parse(input)) {
        theirs.agree(&[
            ("EventId", read.event_id.as_deref()),
            ("Code", read.code.as_deref()),
            ("State", read.state.as_deref()),
            ("NotBefore", read.not_before.as_deref()),
            ("NotAfter", read.not_after.as_deref()),
        ]);
    }
    if let Some(read) = accepted(SpotAction::parse(input)) {
        theirs.agree(&[
            ("action", Some(read.action.as_str())),
            ("time", Some(read.time.as_str())),
        ]);
    }
    if let Some(read) = accepted(RoleCredentials::<4096>::parse(input)) {
        let first = |name, other| theirs.get(name).map_or(other, |_| name);
        theirs.agree(&[
            ("AccessKeyId", Some(read.access_key_id())),
            ("SecretAccessKey", Some(read.secret_access_key())),
            (first("Token", "SessionToken"), Some(read.session_token())),
            (
                first("Expiration", "ExpiresAt"),
                Some(read.expiration().as_str()),
            ),
            ("AccountId", read.account_id()),
            ("Type", read.kind()),
        ]);
    }
}

/// Any value, written as a line of the flat form, is read again as it was.
fn check_flat(value: &[u8]) {
    let path = "/latest/user-data";
    let line = Line { path, value }.to_string();
    let json = line.strip_prefix("/latest/user-data\t").expect("its path");
    assert_eq!(json.find('\n'), Some(json.len() - 1), "one line");
    let tree = Tree::from_json(&format!("{{\"user-data\":{json}}}")).expect("a leaf");
    assert_eq!(tree.leaf(path).as_deref(), Some(value));
}

/// The document, of a text that is an object.
fn accepted<T>(read: Result<T, DocumentError>) -> Option<T> {
    if let Err(error @ (DocumentError::NotJson | DocumentError::NotAnObject)) = &read {
        panic!("an object for serde_json, but for us {error}");
    }
    read.ok()
}
