//! The instance identity document (facts §6).

use heapless::{String, Vec};

use super::decode::Document;
use super::error::DocumentError;
use super::time::Timestamp;

/// Product codes, each of at most 64 bytes, at most eight of them.
pub type ProductCodes = Vec<String<64>, 8>;

/// `dynamic/instance-identity/document`. Every member may be absent or null.
///
/// What does not fit is [`DocumentError::TooLong`], never a part of it. To verify a signature
/// keep the body: it counts byte by byte, and this cannot give it back.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct IdentityDocument {
    /// `accountId`: digits, with leading zeros.
    pub account_id: Option<String<32>>,
    /// `architecture`: `i386`, `x86_64`, `arm64`.
    pub architecture: Option<String<32>>,
    /// `availabilityZone`.
    pub availability_zone: Option<String<64>>,
    /// `billingProducts`.
    pub billing_products: Option<ProductCodes>,
    /// `devpayProductCodes`: no longer in use.
    pub devpay_product_codes: Option<ProductCodes>,
    /// `marketplaceProductCodes`.
    pub marketplace_product_codes: Option<ProductCodes>,
    /// `imageId`.
    pub image_id: Option<String<64>>,
    /// `instanceId`.
    pub instance_id: Option<String<64>>,
    /// `instanceType`.
    pub instance_type: Option<String<64>>,
    /// `kernelId`.
    pub kernel_id: Option<String<64>>,
    /// `ramdiskId`.
    pub ramdisk_id: Option<String<64>>,
    /// `pendingTime`: the last launch or start.
    pub pending_time: Option<Timestamp>,
    /// `privateIp`.
    pub private_ip: Option<String<48>>,
    /// `region`.
    pub region: Option<String<32>>,
    /// `version` of the form: `2017-09-30`.
    pub version: Option<String<16>>,
}

impl IdentityDocument {
    /// Reads the body of a 200. `scratch` is for texts with escapes and is wiped.
    pub fn parse(body: &[u8], scratch: &mut [u8]) -> Result<Self, DocumentError> {
        let mut document = Document::open(body, scratch)?;
        Ok(Self {
            account_id: document.text("accountId")?,
            architecture: document.text("architecture")?,
            availability_zone: document.text("availabilityZone")?,
            billing_products: document.texts("billingProducts")?,
            devpay_product_codes: document.texts("devpayProductCodes")?,
            marketplace_product_codes: document.texts("marketplaceProductCodes")?,
            image_id: document.text("imageId")?,
            instance_id: document.text("instanceId")?,
            instance_type: document.text("instanceType")?,
            kernel_id: document.text("kernelId")?,
            ramdisk_id: document.text("ramdiskId")?,
            pending_time: document.time("pendingTime")?,
            private_ip: document.text("privateIp")?,
            region: document.text("region")?,
            version: document.text("version")?,
        })
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
