//! Typed documents.

use imds_core::model::{DocumentError, ReadError};
use imds_core::{Error, Peer};
use imds_mock::{Fault, Mock, Profile};
use imds_tests::{World, config};

use crate::common::{ec2, ec2_with, small};

const ROLE: &str = "/latest/meta-data/iam/security-credentials/web-server-role";

#[test]
fn the_credentials_are_those_of_the_role() {
    for profile in [Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds] {
        let mut world = World::<1>::new(Mock::new(profile), config());
        let key = world.access_key().unwrap().expect("there is a role");
        let document = world.mock().data().leaf(ROLE).expect("it is in the tree");
        let document = String::from_utf8(document).expect("text");
        assert!(document.contains(&format!("\"{key}\"")), "{profile}");
        assert_eq!((world.puts(), world.gets()), (1, 2));
    }
}

#[test]
fn an_instance_without_a_role_has_no_credentials() {
    let mut world = World::<1>::new(ec2_with(small()), config());
    assert_eq!(world.access_key(), Ok(None));
    assert_eq!(world.gets(), 1);
}

#[test]
fn a_role_that_cannot_be_assumed_is_said_by_name() {
    let fault = Fault::on("GET", ROLE).body(r#"{"Code": "AssumeRoleUnauthorizedAccess"}"#);
    let mut world = World::<1>::new(ec2().fault(fault), config());
    let error = world.access_key().unwrap_err();
    assert!(
        matches!(error, ReadError::Document(DocumentError::NotSuccess { .. })),
        "{error:?}"
    );
}

#[test]
fn a_document_that_cannot_be_read_is_the_error_of_its_get() {
    let fault = Fault::on("GET", ROLE).status(403);
    let mut world = World::<1>::new(ec2().fault(fault), config());
    let error = ReadError::Imds(Error::Peer(Peer::Forbidden));
    assert_eq!(world.access_key(), Err(error));
}

#[test]
fn the_identity_document_says_which_instance_this_is() {
    let mut world = World::<1>::new(ec2(), config());
    let document = world.identity_document().unwrap().expect("there is one");
    let id = document.instance_id.expect("an id");
    assert_eq!(
        Some(id.as_bytes()),
        world.get(crate::common::ID).unwrap().as_deref()
    );
}
