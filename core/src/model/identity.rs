//! The instance identity document (facts §6).

use heapless::{String, Vec};

use super::error::DocumentError;
use super::members::Object;
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
    const EMPTY: Self = Self {
        account_id: None,
        architecture: None,
        availability_zone: None,
        billing_products: None,
        devpay_product_codes: None,
        marketplace_product_codes: None,
        image_id: None,
        instance_id: None,
        instance_type: None,
        kernel_id: None,
        ramdisk_id: None,
        pending_time: None,
        private_ip: None,
        region: None,
        version: None,
    };

    /// Reads the body of a 200.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let mut read = Self::EMPTY;
        read.fill(body)?;
        Ok(read)
    }

    fn fill(&mut self, body: &[u8]) -> Result<(), DocumentError> {
        let document = Object::new(body)?;
        document.text("accountId", &mut self.account_id)?;
        document.text("architecture", &mut self.architecture)?;
        document.text("availabilityZone", &mut self.availability_zone)?;
        document.texts("billingProducts", &mut self.billing_products)?;
        document.texts("devpayProductCodes", &mut self.devpay_product_codes)?;
        document.texts(
            "marketplaceProductCodes",
            &mut self.marketplace_product_codes,
        )?;
        document.text("imageId", &mut self.image_id)?;
        document.text("instanceId", &mut self.instance_id)?;
        document.text("instanceType", &mut self.instance_type)?;
        document.text("kernelId", &mut self.kernel_id)?;
        document.text("ramdiskId", &mut self.ramdisk_id)?;
        self.pending_time = document.time("pendingTime")?;
        document.text("privateIp", &mut self.private_ip)?;
        document.text("region", &mut self.region)?;
        document.text("version", &mut self.version)
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
