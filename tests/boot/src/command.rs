//! QEMU's command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::{Boot, Machine, Transport, arm};

/// The arguments for this boot, with the peer at `socket` and the second serial port in `log`.
pub(crate) fn arguments(boot: &Boot, socket: &Path, log: &Path) -> Vec<OsString> {
    if boot.machine == Machine::Lm3s6965evb {
        return arm::arguments(boot, socket, log);
    }
    let transport = boot.transport.unwrap_or_else(|| boot.machine.transport());
    let mut args: Vec<OsString> = Vec::new();
    let mut push = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    push(&["-M", boot.machine.option()]);
    // Named, so that a machine with KVM measures the same as one without.
    push(&["-accel", "tcg"]);
    if let Some(model) = &boot.cpu {
        push(&["-cpu", model]);
    }
    push(&["-m", &boot.memory.to_string()]);
    push(&["-nodefaults", "-no-user-config", "-display", "none"]);
    // A triple fault ends it instead of booting for ever.
    push(&["-no-reboot"]);
    if transport == Transport::Mmio {
        push(&["-global", "virtio-mmio.force-legacy=false"]);
    }
    if boot.debug_exit {
        push(&["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
    }
    push(&["-serial", "stdio"]);
    if boot.log_port {
        args.push("-chardev".into());
        args.push(with_path("file,id=log,path=", log));
        args.push("-device".into());
        args.push("isa-serial,index=1,chardev=log".into());
    }
    args.push("-netdev".into());
    args.push(with_path(
        "stream,id=net,server=off,addr.type=unix,addr.path=",
        socket,
    ));
    if let Some(card) = card(transport, boot.mac) {
        args.push("-device".into());
        args.push(card.into());
    }
    args.push("-kernel".into());
    args.push(boot.image.clone().into());
    if !boot.append.is_empty() {
        args.push("-append".into());
        args.push(boot.append.join(" ").into());
    }
    args.extend(boot.extra.iter().map(OsString::from));
    args
}

fn card(transport: Transport, mac: [u8; 6]) -> Option<String> {
    let kind = match transport {
        Transport::Mmio | Transport::MmioLegacy => "virtio-net-device",
        // Without a boot ROM: it would try to boot from the network, and it is in a package of its own.
        Transport::Pci => "virtio-net-pci,romfile=",
        Transport::PciModern => "virtio-net-pci,romfile=,disable-legacy=on,disable-modern=off",
        Transport::PciLegacy => "virtio-net-pci,romfile=,disable-legacy=off,disable-modern=on",
        Transport::None | Transport::OnChip => return None,
    };
    let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
    Some(format!("{kind},netdev=net,mac={mac}"))
}

/// An option that ends with a path. In options a comma is written twice.
pub(crate) fn with_path(option: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(option);
    for (i, part) in path
        .as_os_str()
        .as_encoded_bytes()
        .split(|b| *b == b',')
        .enumerate()
    {
        if i > 0 {
            whole.push(",,");
        }
        whole.push(String::from_utf8_lossy(part).as_ref());
    }
    whole
}

/// The command as one would type it.
pub(crate) fn quoted(program: &Path, arguments: &[OsString]) -> String {
    core::iter::once(program.as_os_str())
        .chain(arguments.iter().map(OsString::as_os_str))
        .map(quote)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,./:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(boot: &Boot) -> String {
        let arguments = arguments(boot, Path::new("/tmp/x/net"), Path::new("/tmp/x/log"));
        quoted(Path::new("qemu"), &arguments)
    }

    #[test]
    fn a_microvm_has_mmio_and_two_serial_ports() {
        let boot = Boot::new("image").append("imds.get=/a").append("ip=ll");
        assert_eq!(
            line(&boot),
            "qemu -M microvm,acpi=off -accel tcg -m 8 -nodefaults -no-user-config -display none -no-reboot \
             -global virtio-mmio.force-legacy=false -device isa-debug-exit,iobase=0xf4,iosize=0x04 -serial stdio \
             -chardev file,id=log,path=/tmp/x/log -device isa-serial,index=1,chardev=log \
             -netdev stream,id=net,server=off,addr.type=unix,addr.path=/tmp/x/net \
             -device virtio-net-device,netdev=net,mac=02:29:96:8f:6a:2d -kernel image -append 'imds.get=/a ip=ll'"
        );
    }

    #[test]
    fn q35_has_pci_and_takes_away_what_is_not_wanted() {
        let boot = Boot::new("image")
            .machine(Machine::Q35)
            .memory(16)
            .cpu("qemu64,-rdrand")
            .debug_exit(false)
            .log_port(false)
            .mac([2, 0, 0, 0, 0, 1])
            .qemu_args(["-d", "guest_errors"]);
        assert_eq!(
            line(&boot),
            "qemu -M q35 -accel tcg -cpu qemu64,-rdrand -m 16 -nodefaults -no-user-config -display none -no-reboot \
             -serial stdio -netdev stream,id=net,server=off,addr.type=unix,addr.path=/tmp/x/net \
             -device virtio-net-pci,romfile=,netdev=net,mac=02:00:00:00:00:01 -kernel image -d guest_errors"
        );
    }

    #[test]
    fn no_machine_and_no_transport_reaches_the_hosts_network() {
        let transports = [
            Transport::Mmio,
            Transport::MmioLegacy,
            Transport::Pci,
            Transport::PciModern,
            Transport::PciLegacy,
        ];
        for machine in Machine::ALL {
            for transport in transports {
                let line = line(&Boot::new("image").machine(machine).transport(transport));
                assert_eq!(line.matches("-netdev ").count(), 1);
                assert!(line.contains("-netdev stream,") && line.contains("-nodefaults"));
            }
        }
    }

    #[test]
    fn a_comma_in_a_path_is_doubled_and_odd_words_are_quoted() {
        assert_eq!(
            with_path("file,path=", Path::new("/a,b/c")),
            "file,path=/a,,b/c"
        );
        assert_eq!(quote(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quote(OsStr::new("")), "''");
    }
}
