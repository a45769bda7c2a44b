//! Reads from a metadata service at the other end of a TAP device.
//!
//! ```text
//! cargo run -p imds-smoltcp --example tap -- DEVICE ADDRESS/BITS [PATH]
//! ```
//!
//! The address is this program's own, on the device's network. Keep all of it in a network
//! namespace, or the service may be the real one of the machine that you are on; see
//! `tests/acceptance/smoltcp.sh`, which does.

use std::os::fd::AsRawFd as _;
use std::process::ExitCode;
use std::time::Instant as Clock;

use imds_core::config::Target;
use imds_core::{Cause, Endpoint, Reply};
use imds_smoltcp::{Buffers, Client, Config, Gather, Node, Timeouts};
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface, wait};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (device, address, path) = match &args[..] {
        [device, address] => (device, address, "/latest/meta-data/instance-id"),
        [device, address, path] => (device, address, path.as_str()),
        _ => {
            eprintln!("usage: tap DEVICE ADDRESS/BITS [PATH]");
            return ExitCode::from(2);
        }
    };
    match read(device, address, path) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tap: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(device: &str, address: &str, path: &str) -> Result<ExitCode, Box<dyn core::error::Error>> {
    let started = Clock::now();
    let now = || Instant::from_micros(i64::try_from(started.elapsed().as_micros()).unwrap_or(0));
    let address: IpCidr = address
        .parse()
        .map_err(|()| "ADDRESS/BITS, like 169.254.7.7/16")?;

    let mut device = TunTapInterface::new(device, Medium::Ethernet)?;
    let descriptor = device.as_raw_fd();
    let mac = EthernetAddress([0x02, 0, 0, 0, 0, 0x07]);
    let mut iface = Interface::new(smoltcp::iface::Config::new(mac.into()), &mut device, now());
    iface.update_ip_addrs(|all| all.push(address).expect("room for one"));
    let mut sockets = SocketSet::new(vec![]);

    let mut config = Config::new(Target::One(match address {
        IpCidr::Ipv4(_) => Endpoint::IPV4,
        IpCidr::Ipv6(_) => Endpoint::IPV6,
    }));
    config.timeouts = Timeouts::WITHOUT_OS;
    config.seed = std::process::id().into();
    let mut buffers = Buffers::<2, 1460, 512>::new();
    let handles = buffers.add_to(&mut sockets);
    let mut client = Client::<2, 2048, 1024>::new(config, handles)?;
    // The other end is not EC2.
    client.allow_link_local_source(true);

    let mut memory = vec![0; 64 * 1024];
    let mut gather = Gather::new(&mut memory);
    client.get(now(), path)?;
    loop {
        iface.poll(now(), &mut device, &mut sockets);
        let delay = client.poll(now(), &mut iface, &mut sockets, &mut gather);
        if let Some(Node::Leaf { value, .. }) = gather.node() {
            println!("{}", String::from_utf8_lossy(value));
            gather.taken();
        } else if let Some((_, result)) = client.next_done() {
            return match result {
                Ok(Reply::Absent) => {
                    eprintln!("tap: there is no {path}");
                    Ok(ExitCode::from(Cause::Absent.exit_code()))
                }
                Ok(Reply::Found | Reply::Walked(_)) => Ok(ExitCode::SUCCESS),
                Err(error) => {
                    eprintln!("tap: {error}");
                    Ok(ExitCode::from(error.cause().exit_code()))
                }
            };
        } else {
            // Until a frame arrives, or it is time.
            wait(descriptor, delay)?;
        }
    }
}
