//! Whether this machine is plainly something other than an EC2 instance.
//!
//! The check only ever says "plainly not". Firecracker guests, Xen PV guests and many containers
//! show no DMI at all, so an absent or unknown answer is never a "no".

use std::fs;
use std::path::Path;

/// What the firmware calls an EC2 instance when it is honest about it.
const HINT: &str = "amazon";

/// The sentence that shows it, when DMI plainly names another machine.
#[must_use]
pub fn plainly_elsewhere(sysfs: &Path) -> Option<String> {
    let dmi = |name: &str| read(&sysfs.join("class/dmi/id").join(name));
    let vendor = dmi("sys_vendor")?;

    let named = [
        "sys_vendor",
        "board_vendor",
        "chassis_vendor",
        "bios_vendor",
        "bios_version",
    ];
    if named
        .into_iter()
        .filter_map(&dmi)
        .any(|text| mentions_amazon(&text))
    {
        return None;
    }
    // Readable by root only; on a few old firmwares the bytes of the first group are swapped.
    let numbered = ["product_uuid", "product_serial"];
    if numbered
        .into_iter()
        .filter_map(&dmi)
        .any(|text| starts_as_ec2(&text))
    {
        return None;
    }
    if read(&sysfs.join("hypervisor/uuid")).is_some_and(|text| starts_as_ec2(&text)) {
        return None;
    }
    // Old EC2 types are Xen guests, known by the firmware's version alone. Without that line
    // nothing is plain.
    if vendor.eq_ignore_ascii_case("xen") && dmi("bios_version").is_none() {
        return None;
    }
    Some(format!(
        "the firmware says this machine is made by `{vendor}`"
    ))
}

fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn mentions_amazon(text: &str) -> bool {
    text.to_ascii_lowercase().contains(HINT)
}

/// `ec2…`, or the same with the first group's bytes in the other order (`45e12aec-…`).
fn starts_as_ec2(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("ec2")
        || text
            .get(4..8)
            .is_some_and(|swapped| swapped.starts_with('2') && swapped.ends_with("ec"))
            && text.as_bytes().get(8) == Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A made-up sysfs that is removed with the value.
    struct Sysfs(PathBuf);

    impl Sysfs {
        fn with(files: &[(&str, &str)]) -> Self {
            use core::sync::atomic::{AtomicU32, Ordering};
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let root =
                std::env::temp_dir().join(format!("imdsctl-sysfs-{}-{number}", std::process::id()));
            for (name, text) in files {
                let file = if name.contains('/') {
                    root.join(name)
                } else {
                    root.join("class/dmi/id").join(name)
                };
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Sysfs {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn says_elsewhere(files: &[(&str, &str)]) -> bool {
        plainly_elsewhere(&Sysfs::with(files).0).is_some()
    }

    #[test]
    fn other_vendors_are_plainly_elsewhere() {
        for vendor in [
            "Google",
            "Microsoft Corporation",
            "QEMU",
            "Dell Inc.",
            "LENOVO",
            "innotek GmbH",
        ] {
            assert!(says_elsewhere(&[("sys_vendor", vendor)]), "{vendor}");
        }
    }

    #[test]
    fn the_evidence_names_the_vendor() {
        let sysfs = Sysfs::with(&[("sys_vendor", "Google\n"), ("bios_vendor", "Google\n")]);
        assert!(plainly_elsewhere(&sysfs.0).unwrap().contains("`Google`"));
    }

    #[test]
    fn nitro_and_its_metal_types_are_not_elsewhere() {
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Amazon EC2\n"),
            ("bios_vendor", "Amazon EC2\n")
        ]));
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Some Board Maker"),
            ("board_vendor", "Amazon EC2")
        ]));
    }

    #[test]
    fn old_xen_types_are_not_elsewhere() {
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Xen"),
            ("bios_version", "4.11.amazon")
        ]));
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Xen"),
            ("bios_version", "4.2"),
            ("hypervisor/uuid", "ec2f58af-1")
        ]));
        assert!(!says_elsewhere(&[("sys_vendor", "Xen")]));
    }

    #[test]
    fn xen_of_somebody_else_is_elsewhere() {
        assert!(says_elsewhere(&[
            ("sys_vendor", "Xen"),
            ("bios_version", "4.13.1")
        ]));
    }

    #[test]
    fn a_serial_or_uuid_of_ec2_is_enough_in_either_byte_order() {
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Board"),
            ("product_uuid", "EC2E1916-9099-7CAF-FD21")
        ]));
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Board"),
            ("product_uuid", "45E12AEC-DCD1-B213-94ED")
        ]));
        assert!(!says_elsewhere(&[
            ("sys_vendor", "Board"),
            ("product_serial", "ec2e1916-9099")
        ]));
        assert!(says_elsewhere(&[
            ("sys_vendor", "Board"),
            ("product_uuid", "4c4c4544-0042-3510")
        ]));
    }

    #[test]
    fn absent_empty_or_unreadable_dmi_is_never_a_no() {
        assert!(!says_elsewhere(&[]));
        assert!(!says_elsewhere(&[("bios_vendor", "SeaBIOS")]));
        assert!(!says_elsewhere(&[("sys_vendor", "\n")]));
        assert_eq!(plainly_elsewhere(Path::new("/nonexistent")), None);
    }
}
