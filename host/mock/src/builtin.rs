//! The built-in instance: every category that EC2 has and every quirk that a reader of it has to survive (facts §2).

use std::sync::LazyLock;

use crate::{
    Tree,
    document::{fresh_credentials, iam_info, identity_info, opaque, opaque_lines},
    random::Random,
    tree::Leaf,
};

/// The names below `/latest/` in the order of their listings, with the text of their leaves. An empty text that is
/// replaced below only keeps the place.
const LEAVES: &[(&str, &str)] = &[
    ("dynamic/instance-identity/rsa2048", ""),
    ("dynamic/instance-identity/pkcs7", ""),
    ("dynamic/instance-identity/document", DOCUMENT),
    ("dynamic/instance-identity/signature", ""),
    ("dynamic/instance-identity/dsa2048", ""),
    ("dynamic/fws/instance-monitoring", "disabled"),
    ("meta-data/ami-id", "ami-0123456789abcdef0"),
    ("meta-data/ami-launch-index", "0"),
    ("meta-data/ami-manifest-path", "(unknown)"),
    ("meta-data/autoscaling/target-lifecycle-state", "InService"),
    ("meta-data/block-device-mapping/ami", "/dev/xvda"),
    ("meta-data/block-device-mapping/ebs1", "sdb"),
    ("meta-data/block-device-mapping/root", "/dev/xvda"),
    ("meta-data/events/maintenance/history", HISTORY),
    ("meta-data/events/maintenance/scheduled", "[]"),
    ("meta-data/hibernation/configured", "false"),
    (
        "meta-data/hostname",
        "ip-172-31-32-17.eu-central-1.compute.internal",
    ),
    ("meta-data/iam/info", ""),
    ("meta-data/iam/security-credentials/web-server-role", ""),
    ("meta-data/identity-credentials/ec2/info", ""),
    (
        "meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
        "",
    ),
    ("meta-data/instance-action", "none"),
    ("meta-data/instance-id", "i-0123456789abcdef0"),
    ("meta-data/instance-life-cycle", "on-demand"),
    ("meta-data/instance-type", "m6i.large"),
    ("meta-data/ipv6", "2a05:d014:1a2b:3c00:0:0:0:11"),
    (
        "meta-data/local-hostname",
        "ip-172-31-32-17.eu-central-1.compute.internal",
    ),
    ("meta-data/local-ipv4", "172.31.32.17"),
    ("meta-data/mac", PRIMARY),
    ("meta-data/managed-ssh-keys/signer-cert", ""),
    (
        "meta-data/metrics/vhostmd",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    ),
    ("meta-data/network/interfaces/macs", ""),
    ("meta-data/placement/availability-zone", "eu-central-1b"),
    ("meta-data/placement/availability-zone-id", "euc1-az3"),
    ("meta-data/placement/group-name", "web-spread"),
    ("meta-data/placement/partition-number", "3"),
    ("meta-data/placement/region", "eu-central-1"),
    (
        "meta-data/product-codes",
        "3iplms73etrdhxdepv72l6ywj\naw0evgkw8e5c1q413zgy5pjce",
    ),
    ("meta-data/profile", "default-hvm"),
    ("meta-data/public-hostname", ""),
    ("meta-data/public-ipv4", "198.51.100.17"),
    ("meta-data/public-keys/0=my key = prod/openssh-key", ""),
    ("meta-data/reservation-id", "r-0fedcba9876543210"),
    (
        "meta-data/security-groups",
        "web server\ndefault\nssh (office), v2",
    ),
    ("meta-data/services/domain", "amazonaws.com"),
    ("meta-data/services/partition", "aws"),
    ("meta-data/system", "nitro"),
    (
        "meta-data/tags/instance/1=x",
        "a numeric name before the equals sign",
    ),
    ("meta-data/tags/instance/Name", "web 1"),
    ("meta-data/tags/instance/a=b", "c=d"),
    ("meta-data/tags/instance/empty", ""),
    ("meta-data/tags/instance/env:stage", "prod"),
    ("meta-data/tags/instance/owner", "Zoë Grün – 東京"),
    ("meta-data/tags/instance/team@ops+dev,night", "on call"),
    ("user-data", ""),
];

const PRIMARY: &str = "02:29:96:8f:6a:2d";

/// Keys in alphabetical order, a space before the colon (facts §6).
const DOCUMENT: &str = r#"{
  "accountId" : "012345678901",
  "architecture" : "x86_64",
  "availabilityZone" : "eu-central-1b",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "imageId" : "ami-0123456789abcdef0",
  "instanceId" : "i-0123456789abcdef0",
  "instanceType" : "m6i.large",
  "kernelId" : null,
  "marketplaceProductCodes" : [ "3iplms73etrdhxdepv72l6ywj", "aw0evgkw8e5c1q413zgy5pjce" ],
  "pendingTime" : "2025-07-29T21:14:03Z",
  "privateIp" : "172.31.32.17",
  "ramdiskId" : null,
  "region" : "eu-central-1",
  "version" : "2017-09-30"
}"#;

/// The form of maintenance events (facts §2.4).
const HISTORY: &str = r#"[
  {
    "NotBefore" : "2 Jun 2025 09:00:43 GMT",
    "Code" : "system-reboot",
    "Description" : "[Completed] scheduled reboot",
    "EventId" : "instance-event-0d59937288b749b32",
    "NotAfter" : "2 Jun 2025 09:17:23 GMT",
    "State" : "completed"
  }
]"#;

/// One network interface; texts with several lines are lists.
struct Interface {
    mac: &'static str,
    number: &'static str,
    id: &'static str,
    /// The public address and the private ones behind it.
    association: Option<(&'static str, &'static str)>,
    hostname: &'static str,
    ipv4s: &'static str,
    ipv4_prefix: &'static str,
    ipv6s: &'static str,
    ipv6_prefix: &'static str,
    subnet: &'static str,
    subnet_ipv4: &'static str,
    subnet_ipv6: &'static str,
    group_ids: &'static str,
    groups: &'static str,
}

const INTERFACES: [Interface; 2] = [
    Interface {
        mac: PRIMARY,
        number: "0",
        id: "eni-0a1b2c3d4e5f60718",
        association: Some(("198.51.100.17", "172.31.32.17")),
        hostname: "ip-172-31-32-17.eu-central-1.compute.internal",
        ipv4s: "172.31.32.17\n172.31.32.18\n172.31.40.200",
        ipv4_prefix: "172.31.33.16/28\n172.31.33.32/28",
        ipv6s: "2a05:d014:1a2b:3c00:0:0:0:11\n2a05:d014:1a2b:3c00:0:0:0:12",
        ipv6_prefix: "2a05:d014:1a2b:3c00:1:0:0:0/80",
        subnet: "subnet-0ac62554aa55aa55a",
        subnet_ipv4: "172.31.32.0/20",
        subnet_ipv6: "2a05:d014:1a2b:3c00:0:0:0:0/64",
        group_ids: "sg-0aaaabbbbccccdddd\nsg-01111222233334444\nsg-05555666677778888",
        groups: "web server\ndefault\nssh (office), v2",
    },
    Interface {
        mac: "02:7c:11:d0:e4:9b",
        number: "1",
        id: "eni-08172635445362718",
        association: None,
        hostname: "ip-172-31-48-5.eu-central-1.compute.internal",
        ipv4s: "172.31.48.5",
        ipv4_prefix: "172.31.49.0/28",
        ipv6s: "2a05:d014:1a2b:3c01:0:0:0:5",
        ipv6_prefix: "2a05:d014:1a2b:3c01:1:0:0:0/80",
        subnet: "subnet-0bd73665bb66bb66b",
        subnet_ipv4: "172.31.48.0/20",
        subnet_ipv6: "2a05:d014:1a2b:3c01:0:0:0:0/64",
        group_ids: "sg-01111222233334444",
        groups: "default",
    },
];

/// Of the binary user data.
const USER_DATA: usize = 12 * 1024;

impl Tree {
    /// A realistic instance with the quirks of facts §2: two interfaces, of which only the first has a public address;
    /// tags with `=` and `:` in their names, one empty, one not ASCII; a key pair called `my key = prod`; leaves of
    /// several lines and listings of one; an empty `public-hostname`; no spot or rebalance notice; a role's
    /// credentials, good for six hours from the moment they are asked for; 12 KB of binary user data.
    ///
    /// All values are invented.
    #[must_use]
    pub fn built_in() -> Self {
        static BUILT: LazyLock<Tree> = LazyLock::new(Tree::build);
        BUILT.clone()
    }

    fn build() -> Self {
        let mut tree = Self::new();
        for (path, text) in LEAVES {
            tree.insert(path, *text);
        }
        for (seed, (leaf, length, width)) in (1..).zip([
            ("rsa2048", 1_200, 64),
            ("pkcs7", 900, 64),
            ("signature", 128, 76),
            ("dsa2048", 1_000, 64),
        ]) {
            let path = format!("dynamic/instance-identity/{leaf}");
            tree.insert(&path, opaque_lines(seed, length, width));
        }
        for interface in &INTERFACES {
            interface.insert_into(&mut tree);
        }
        let role: fn(u64) -> Vec<u8> = fresh_credentials;
        tree.put("meta-data/iam/info", Leaf::Timed(iam_info));
        tree.put(
            "meta-data/iam/security-credentials/web-server-role",
            Leaf::Timed(role),
        );
        tree.put(
            "meta-data/identity-credentials/ec2/info",
            Leaf::Timed(identity_info),
        );
        tree.put(
            "meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
            Leaf::Timed(role),
        );
        tree.insert("meta-data/managed-ssh-keys/signer-cert", certificates());
        tree.insert(
            "meta-data/public-keys/0=my key = prod/openssh-key",
            format!(
                "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{} my key = prod\n",
                opaque(9, 255)
            ),
        );
        tree.insert("user-data", user_data());
        tree
    }

    /// The built-in instance as far as a Firecracker store can hold it: strings only, so its user data are text; and
    /// without `public-keys`, whose `0=name` is listed but not its path (facts §9.2).
    #[must_use]
    pub fn built_in_mmds() -> Self {
        static BUILT: LazyLock<Tree> = LazyLock::new(|| {
            Tree::built_in().without("meta-data/public-keys").with(
                "user-data",
                "#cloud-config\nhostname: web-1\nruncmd:\n  - [ touch, /run/started ]\n",
            )
        });
        BUILT.clone()
    }
}

impl Interface {
    fn insert_into(&self, tree: &mut Tree) {
        let (public, private) = self.association.unzip();
        let leaves = [
            ("device-number", Some(self.number)),
            ("interface-id", Some(self.id)),
            ("ipv4-prefix", Some(self.ipv4_prefix)),
            ("ipv6-prefix", Some(self.ipv6_prefix)),
            ("ipv6s", Some(self.ipv6s)),
            ("local-hostname", Some(self.hostname)),
            ("local-ipv4s", Some(self.ipv4s)),
            ("mac", Some(self.mac)),
            ("network-card-index", Some("0")),
            ("owner-id", Some("012345678901")),
            ("public-hostname", public.map(|_| "")),
            ("public-ipv4s", public),
            ("security-group-ids", Some(self.group_ids)),
            ("security-groups", Some(self.groups)),
            ("subnet-id", Some(self.subnet)),
            ("subnet-ipv4-cidr-block", Some(self.subnet_ipv4)),
            ("subnet-ipv6-cidr-blocks", Some(self.subnet_ipv6)),
            ("vpc-id", Some("vpc-0d295a6a7d295a6a7")),
            ("vpc-ipv4-cidr-block", Some("172.31.0.0/16")),
            ("vpc-ipv4-cidr-blocks", Some("172.31.0.0/16\n100.64.0.0/16")),
            (
                "vpc-ipv6-cidr-blocks",
                Some("2a05:d014:1a2b:3c00:0:0:0:0/56"),
            ),
        ];
        let base = format!("meta-data/network/interfaces/macs/{}", self.mac);
        for (name, text) in leaves {
            if let Some(text) = text {
                tree.insert(&format!("{base}/{name}"), text);
            }
            // Where it stands in the alphabet.
            if let ("interface-id", Some(public), Some(private)) = (name, public, private) {
                tree.insert(&format!("{base}/ipv4-associations/{public}"), private);
            }
        }
    }
}

/// A chain of two in the form of PEM; nothing is signed by them.
fn certificates() -> String {
    (21..23)
        .map(|seed| {
            let body = opaque_lines(seed, 600, 64);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        })
        .collect()
}

/// Looks like gzip and is not: nothing on the way may unpack, decode or trim it.
fn user_data() -> Vec<u8> {
    let mut bytes = vec![0; USER_DATA];
    Random::new(0x1f8b).fill(&mut bytes);
    bytes[..10].copy_from_slice(&[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03]);
    bytes[USER_DATA - 2..].copy_from_slice(b"\0\n");
    bytes
}
