//! Gets an address by DHCP, reads the instance's id, prints it, and ends the machine.

#![no_std]
#![no_main]

use imds_smoltcp::{Buffers, Client, Config, Error, Gather, Node, Reply, Timeouts};
use imds_x86::virtio::MachineNic;
use imds_x86::{Exit, Machine, println};
use smoltcp::iface::{self, Interface, SocketSet, SocketStorage};
use smoltcp::socket::dhcpv4;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    let nic = match machine.nic() {
        Ok(found) => found.nic,
        Err(error) => {
            println!("error: {error}");
            return Exit::new(7);
        }
    };
    match read(&machine, nic) {
        Ok(Reply::Absent) => Exit::new(3),
        Ok(_) => Exit::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            Exit::new(error.cause().exit_code())
        }
    }
}

fn read(machine: &Machine, mut nic: MachineNic) -> Result<Reply, Error> {
    // The stack's time is the machine's, and so is its chance.
    let now = || Instant::from_micros(machine.clock.now() as i64);
    let seed = machine.seed().value;
    let mut settings = iface::Config::new(EthernetAddress(nic.mac()).into());
    settings.random_seed = seed;
    let mut iface = Interface::new(settings, &mut nic, now());

    let mut buffers = Buffers::<1, 1460, 512>::new();
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let dhcp = sockets.add(dhcpv4::Socket::new());

    let mut config = Config::default();
    config.timeouts = Timeouts::WITHOUT_OS;
    config.seed = seed;
    config.limits.value = 1024;
    let mut client = Client::<1, 2048, 1024>::new(config, buffers.add_to(&mut sockets))?;
    let mut memory = [0; 1024];
    let mut gather = Gather::new(&mut memory);

    let mut asked = false;
    loop {
        iface.poll(now(), &mut nic, &mut sockets);
        if let Some(dhcpv4::Event::Configured(lease)) =
            sockets.get_mut::<dhcpv4::Socket>(dhcp).poll()
        {
            iface.update_ip_addrs(|all| {
                all.clear();
                all.extend([IpCidr::Ipv4(lease.address)]);
            });
            if let Some(router) = lease.router {
                let routes = iface.routes_mut();
                routes.add_default_ipv4_route(router).expect("room for one");
            }
            if !asked {
                client.get(now(), "/latest/meta-data/instance-id")?;
                asked = true;
            }
        }
        let delay = client.poll(now(), &mut iface, &mut sockets, &mut gather);
        if let Some(Node::Leaf { value, .. }) = gather.node() {
            println!("instance-id: {}", value.escape_ascii());
            gather.taken();
        } else if let Some((_, result)) = client.next_done() {
            return result;
        } else {
            // Nothing to do until then, or until a frame arrives.
            let until = delay.map(|delay| now() + delay);
            while !nic.has_frame() && until.is_none_or(|until| now() < until) {
                core::hint::spin_loop();
            }
        }
    }
}
