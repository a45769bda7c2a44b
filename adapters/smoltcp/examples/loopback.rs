//! Client and server on one smoltcp stack, over its loopback device: nothing leaves the program.
//!
//! ```text
//! cargo run -p imds-smoltcp --example loopback [PATH]
//! ```

use core::net::Ipv4Addr;
use std::time::Instant as Clock;

use imds_core::config::Target;
use imds_core::{Endpoint, Error};
use imds_mock::{Action, Connection, Mock, Profile};
use imds_smoltcp::{Buffers, Client, Config, Gather, Node, Timeouts};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const PORT: u16 = 1338;

fn main() -> Result<(), Error> {
    let path = std::env::args().nth(1);
    let path = path.as_deref().unwrap_or("/latest/meta-data/instance-id");

    let started = Clock::now();
    let now = || Instant::from_micros(i64::try_from(started.elapsed().as_micros()).unwrap_or(0));

    // The stack.
    let mut device = Loopback::new(Medium::Ip);
    let settings = smoltcp::iface::Config::new(HardwareAddress::Ip);
    let mut iface = Interface::new(settings, &mut device, now());
    iface.update_ip_addrs(|all| {
        all.push(IpCidr::new(ADDRESS.into(), 8))
            .expect("room for one");
    });
    let mut sockets = SocketSet::new(vec![]);

    // The client on it, with one connection.
    let mut config = Config::new(Target::One(Endpoint::from_ip(ADDRESS.into(), PORT)));
    config.timeouts = Timeouts::WITHOUT_OS;
    config.seed = std::process::id().into();
    let mut buffers = Buffers::<1, 1460, 512>::new();
    let handles = buffers.add_to(&mut sockets);
    let mut client = Client::<1, 2048, 1024>::new(config, handles)?;

    // The server on it.
    let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
    let mut server = Server {
        handle: sockets.add(tcp::Socket::new(buffer(), buffer())),
        mock: Mock::new(Profile::Ec2),
        connection: None,
    };

    let mut memory = vec![0; 64 * 1024];
    let mut gather = Gather::new(&mut memory);
    client.get(now(), path)?;
    loop {
        iface.poll(now(), &mut device, &mut sockets);
        server.serve(now(), sockets.get_mut(server.handle));
        client.poll(now(), &mut iface, &mut sockets, &mut gather);
        if let Some(Node::Leaf { value, .. }) = gather.node() {
            println!("{}", String::from_utf8_lossy(value));
            gather.taken();
        }
        if let Some((_, result)) = client.next_done() {
            println!("{:?} after {:?}", result?, started.elapsed());
            return Ok(());
        }
    }
}

/// One connection at a time.
struct Server {
    handle: SocketHandle,
    mock: Mock,
    connection: Option<Connection>,
}

impl Server {
    fn serve(&mut self, now: Instant, socket: &mut tcp::Socket<'_>) {
        let now = now.duration_since_start();
        if !socket.is_open() {
            socket.listen(PORT).expect("it is closed");
            self.connection = None;
        }
        if socket.may_send() && self.connection.is_none() {
            self.connection = Some(self.mock.connect(now));
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = socket.recv_slice(&mut bytes) {
            connection.receive(now, &mut self.mock, &bytes[..n]);
        }
        while let Action::Send(bytes) = connection.transmit() {
            match socket.send_slice(bytes) {
                Ok(n @ 1..) => connection.sent(n),
                _ => break,
            }
        }
        match connection.transmit() {
            Action::Close => socket.close(),
            Action::Reset => socket.abort(),
            Action::Send(_) | Action::Idle => {}
        }
    }
}

trait SinceStart {
    fn duration_since_start(self) -> core::time::Duration;
}

impl SinceStart for Instant {
    fn duration_since_start(self) -> core::time::Duration {
        (self - Self::ZERO).into()
    }
}
