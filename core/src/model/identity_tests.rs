use std::format;

use super::*;

const DOCUMENT: &str = r#"{
  "accountId" : "012345678901",
  "architecture" : "x86_64",
  "availabilityZone" : "eu-central-1a",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "marketplaceProductCodes" : [ "1abc2defghijklm3nopqrs4tu", "second" ],
  "imageId" : "ami-0a887e401f7654935",
  "instanceId" : "i-1234567890abcdef0",
  "instanceType" : "m4.xlarge",
  "kernelId" : null,
  "pendingTime" : "2016-11-19T16:32:11Z",
  "privateIp" : "172.16.34.43",
  "ramdiskId" : null,
  "region" : "eu-central-1",
  "version" : "2017-09-30"
}"#;

fn parse(body: &str) -> Result<IdentityDocument, DocumentError> {
    IdentityDocument::parse(body.as_bytes())
}

#[test]
fn a_document_is_read() {
    let document = parse(DOCUMENT).unwrap();
    for (value, text) in [
        (document.account_id.as_deref(), "012345678901"),
        (document.architecture.as_deref(), "x86_64"),
        (document.availability_zone.as_deref(), "eu-central-1a"),
        (document.image_id.as_deref(), "ami-0a887e401f7654935"),
        (document.instance_id.as_deref(), "i-1234567890abcdef0"),
        (document.instance_type.as_deref(), "m4.xlarge"),
        (document.private_ip.as_deref(), "172.16.34.43"),
        (document.region.as_deref(), "eu-central-1"),
        (document.version.as_deref(), "2017-09-30"),
    ] {
        assert_eq!(value, Some(text));
    }
    assert_eq!(document.kernel_id, None);
    assert_eq!(document.ramdisk_id, None);
    assert_eq!(document.billing_products, None);
    assert_eq!(document.devpay_product_codes, None);
    assert_eq!(
        document.marketplace_product_codes.unwrap().as_slice(),
        ["1abc2defghijklm3nopqrs4tu", "second"]
    );
    assert_eq!(document.pending_time.unwrap().unix_seconds(), 1_479_573_131);
}

#[test]
fn every_member_may_be_absent() {
    let document = parse("{}").unwrap();
    assert_eq!(document.region, None);
    assert_eq!(document.marketplace_product_codes, None);
}

#[test]
fn an_empty_array_is_not_an_absent_one() {
    let document = parse(r#"{"billingProducts":[]}"#).unwrap();
    assert_eq!(document.billing_products.unwrap().len(), 0);
}

#[test]
fn no_product_code_is_lost_in_silence() {
    let codes = |n: usize| format!(r#"{{"billingProducts":[{}"x"]}}"#, "\"x\",".repeat(n - 1));
    assert_eq!(parse(&codes(8)).unwrap().billing_products.unwrap().len(), 8);
    assert_eq!(
        parse(&codes(9)),
        Err(DocumentError::TooLong("billingProducts"))
    );
    let long = format!(r#"{{"billingProducts":["{}"]}}"#, "x".repeat(65));
    assert_eq!(parse(&long), Err(DocumentError::TooLong("billingProducts")));
}

#[test]
fn members_that_are_not_what_they_should_be_are_named() {
    for (body, error) in [
        (
            r#"{"accountId":123456789012}"#,
            DocumentError::WrongType("accountId"),
        ),
        (
            r#"{"pendingTime":"today"}"#,
            DocumentError::BadTime("pendingTime"),
        ),
        (
            r#"{"region":"eu\ncentral"}"#,
            DocumentError::BadText("region"),
        ),
        (
            r#"{"version":"2017-09-30 and more"}"#,
            DocumentError::TooLong("version"),
        ),
        ("[]", DocumentError::NotAnObject),
    ] {
        assert_eq!(parse(body), Err(error), "{body}");
    }
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    for end in 0..DOCUMENT.len() {
        assert_eq!(parse(&DOCUMENT[..end]), Err(DocumentError::NotJson));
    }
}
