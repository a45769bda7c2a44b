//! The Arm machine: its command line, its exit status, its image.

use std::ffi::OsString;
use std::path::Path;

use crate::command::with_path;
use crate::{Boot, Ending, Error, image};

/// The program's name.
const IMAGE: &str = "imds-cortex-m";

/// QEMU's arguments for this boot, with the peer at `socket` and the second serial port in `log`.
///
/// Memory, processor, network card and way out are what they are on this machine.
pub(crate) fn arguments(boot: &Boot, socket: &Path, log: &Path) -> Vec<OsString> {
    let mac = boot.mac.map(|byte| format!("{byte:02x}")).join(":");
    let words = boot.append.join(" ").replace(',', ",,");
    let mut args: Vec<OsString> = [
        "-M",
        "lm3s6965evb",
        "-accel",
        "tcg",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-semihosting-config",
        // The first one is the program's name.
        &format!("enable=on,target=native,arg=image,arg={words}"),
        "-serial",
        "stdio",
        "-net",
        &format!("nic,model=stellaris,netdev=net,macaddr={mac}"),
        "-netdev",
    ]
    .map(OsString::from)
    .into();
    args.push(with_path(
        "stream,id=net,server=off,addr.type=unix,addr.path=",
        socket,
    ));
    if boot.log_port {
        args.push("-chardev".into());
        args.push(with_path("file,id=log,path=", log));
        args.push("-serial".into());
        args.push("chardev:log".into());
    }
    args.push("-kernel".into());
    args.push(boot.image.clone().into());
    args.extend(boot.extra.iter().map(OsString::from));
    args
}

/// What QEMU's exit status means: the image ends by semihosting, with its exit code. QEMU's own failures are a 1 too;
/// the last line tells them apart.
pub(crate) fn ending(status: i32) -> Ending {
    match status {
        0x30 => Ending::Panic,
        0x31 => Ending::Exception,
        0x32 => Ending::StackOverflow,
        0..0x20 => u8::try_from(status).map_or(Ending::Other(status), Ending::Code),
        _ => Ending::Other(status),
    }
}

/// Builds the image for the Arm machine with the project's script `firmware/build`, the first time in this process;
/// afterwards, and at the same time in other threads, gives what that has made.
///
/// # Errors
///
/// The script failed, and what it said is in the error.
pub fn build_cortex_m() -> Result<&'static Path, Error> {
    static BUILT: image::Built = image::Built::new();
    image::built_by(&BUILT, "cortex-m", IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::command::{arguments, quoted};

    #[test]
    fn it_has_semihosting_two_serial_ports_and_a_network_of_ours() {
        let boot = Boot::new("image")
            .machine(Machine::Lm3s6965evb)
            .append("imds.get=/a")
            .append("ip=10.0.0.9/8,10.0.0.1");
        let arguments = arguments(&boot, Path::new("/tmp/x/net"), Path::new("/tmp/x/log"));
        assert_eq!(
            quoted(Path::new("qemu"), &arguments),
            "qemu -M lm3s6965evb -accel tcg -nodefaults -no-user-config -display none -no-reboot \
             -semihosting-config 'enable=on,target=native,arg=image,arg=imds.get=/a ip=10.0.0.9/8,,10.0.0.1' \
             -serial stdio -net nic,model=stellaris,netdev=net,macaddr=02:29:96:8f:6a:2d \
             -netdev stream,id=net,server=off,addr.type=unix,addr.path=/tmp/x/net \
             -chardev file,id=log,path=/tmp/x/log -serial chardev:log -kernel image"
        );
    }

    #[test]
    fn a_status_is_the_exit_code_or_a_crash() {
        for (status, meaning) in [
            (0, Ending::Code(0)),
            (7, Ending::Code(7)),
            (0x1f, Ending::Code(31)),
            (0x20, Ending::Other(0x20)),
            (0x30, Ending::Panic),
            (0x31, Ending::Exception),
            (0x32, Ending::StackOverflow),
            (0x33, Ending::Other(0x33)),
        ] {
            assert_eq!(ending(status), meaning, "{status}");
        }
    }
}
