//! The front for any stack, over one on `std` that is not embassy-net's: [`net`].

mod dropping;
mod net;
mod trouble;
mod values;
mod walks;

use core::time::Duration;

use imds_core::walk::{Include, Why};
use imds_core::{Fault as NetFault, Peer, Phase, Reason, What};
use imds_embassy::nal::Client;
use imds_embassy::{
    Config, Endpoint, Error, GetIntoError, Memory, Misuse, Node, Options, Target, Timeouts,
};
use imds_mock::{Fault, Mock, Profile, Tree, TtlOverride};
use net::{Door, ErrorKind, ErrorType, Net, TestClient, Write, config};

const ID: &str = "/latest/meta-data/instance-id";
const AMI: &str = "/latest/meta-data/ami-id";
const ABSENT: &str = "/latest/meta-data/spot/instance-action";

fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

fn leaf(net: &Net, path: &str) -> Vec<u8> {
    net.mock.borrow().data().leaf(path).expect("a leaf")
}

/// Gets the id and compares it.
fn read_id(net: &Net, client: &mut TestClient<'_>) {
    let mut memory = [0; 64];
    let id = net.run(client.get(ID, &mut memory));
    assert_eq!(id, Ok(Some(&leaf(net, ID)[..])));
}

/// Collects, as much as there is room for, and takes its time.
struct Store<'n>(Vec<u8>, usize, &'n Net);

impl<'n> Store<'n> {
    fn on(net: &'n Net) -> Self {
        Self(Vec::new(), usize::MAX, net)
    }
}

impl ErrorType for Store<'_> {
    type Error = core::convert::Infallible;
}

impl Write for Store<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        self.2.breathe().await;
        let n = buf.len().min(100).min(self.1 - self.0.len());
        self.0.extend(&buf[..n]);
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn options() -> Options {
    Options::include(Include::ALL)
}

fn leaves(net: &Net) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<_> = net.mock.borrow().data().leaves().collect();
    leaves.sort();
    leaves
}

fn unpaced() -> Config {
    Config {
        pace: None,
        ..config()
    }
}

fn owned(node: Node<'_>) -> (String, Vec<u8>) {
    match node {
        Node::Leaf { path, value, .. } => (path.to_owned(), value.to_vec()),
        Node::Missing(missing) => panic!("{missing:?}"),
        Node::TooLong { path, .. } => panic!("{path}"),
    }
}
