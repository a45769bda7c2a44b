//! What a get brings, and where to.

use crate::*;

#[test]
fn values_and_their_absence() {
    for profile in [Profile::Ec2, Profile::Mmds] {
        let net = Net::new(Mock::new(profile));
        let mut client = net.client();
        read_id(&net, &mut client);
        let mut memory = [0; 64];
        assert_eq!(net.run(client.get(ABSENT, &mut memory)), Ok(None));
        read_id(&net, &mut client);
        assert_eq!(net.puts(), 1, "one token for all");
    }
}

#[test]
fn a_value_in_pieces_of_any_size() {
    for piece in 1..=64 {
        let net = Net::new(ec2());
        net.piece.set(piece);
        read_id(&net, &mut net.client());
    }
}

#[test]
fn a_listing_and_what_is_none() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0; 2048];
    let listing = net.run(client.list("/latest/meta-data/", &mut memory));
    let listing = listing.unwrap().expect("a directory");
    assert!(listing.starts_with(b"ami-id\n"), "{listing:?}");
    let error = net.run(client.list(ID, &mut memory)).unwrap_err();
    assert_eq!(error, Error::NotADirectory);
}

#[test]
fn a_value_larger_than_the_memory_is_named() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 8])).unwrap_err();
    assert_eq!(error, Error::TooLarge(What::Value));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 1);
}

#[test]
fn misuse_is_told_before_anything_is_sent() {
    let net = Net::new(ec2());
    let name = Target::One(Endpoint::parse("http://imds.example").unwrap());
    let mut memory: Memory = Memory::new();
    let refused = Client::new(&net, &net, &mut memory, Config::new(name));
    assert_eq!(refused.err(), Some(Misuse::HostNameNeedsResolver));
    let mut client = net.client();
    let error = net.run(client.get("no/slash", &mut [])).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Path(_))), "{error}");
    assert!(net.connects.borrow().is_empty());
}

#[test]
fn a_value_larger_than_all_memory_goes_to_a_writer() {
    let large: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    let tree = Tree::built_in().with("/latest/user-data", large.clone());
    let net = Net::new(ec2().tree(tree));
    let mut client = net.client();
    let mut store = Store::on(&net);
    let written = net.run(client.get_into("/latest/user-data", &mut store));
    assert_eq!(written, Ok(Some(large.len())));
    assert_eq!(store.0, large);
    let absent = net.run(client.get_into(ABSENT, &mut store));
    assert_eq!(absent, Ok(None));

    let mut full = Store(Vec::new(), 1000, &net);
    let error = net.run(client.get_into("/latest/user-data", &mut full));
    assert_eq!(error, Err(GetIntoError::WriterFull));
    read_id(&net, &mut client);
}

#[test]
fn two_answers_are_never_stitched_together_in_a_writer() {
    let large = vec![b'x'; 10_000];
    let tree = Tree::built_in().with("/latest/user-data", large.clone());
    let fault = Fault::on("GET", "/latest/user-data").times(1);
    let net = Net::new(ec2().tree(tree).fault(fault.reset_in_body(5000)));
    let mut client = net.client();
    let mut store = Store::on(&net);
    let broken = net.run(client.get_into("/latest/user-data", &mut store));
    let Err(GetIntoError::Broken { written }) = broken else {
        panic!("{broken:?}");
    };
    assert!(written <= 5000 && store.0.len() == written);
    let mut store = Store::on(&net);
    let written = net.run(client.get_into("/latest/user-data", &mut store));
    assert_eq!(written, Ok(Some(10_000)));
    assert_eq!(store.0, large);
}

#[test]
fn memory_takes_the_second_answer_whole() {
    let fault = Fault::on("GET", ID).times(1).reset_in_body(5);
    let net = Net::new(ec2().fault(fault));
    read_id(&net, &mut net.client());
    assert_eq!(net.asked(ID), 2);
}

#[test]
fn typed_documents() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0xaa; 4096];
    let identity = net.run(client.identity_document(&mut memory)).unwrap();
    let identity = identity.expect("there is one");
    assert_eq!(
        identity.instance_id.expect("an id").as_bytes(),
        leaf(&net, ID)
    );
    assert_eq!(memory, [0; 4096], "wiped");
    memory.fill(0xaa);
    let credentials = net.run(client.credentials::<2048>(&mut memory)).unwrap();
    let credentials = credentials.expect("there is a role");
    assert!(credentials.access_key_id().starts_with("ASIA"));
    assert_eq!(memory, [0; 4096], "wiped");

    let tree = Tree::built_in().without("/latest/meta-data/iam");
    let net = Net::new(ec2().tree(tree));
    let none = net.run(net.client().credentials::<2048>(&mut memory));
    assert!(matches!(none, Ok(None)), "{none:?}");
}

/// All of it is inline: the window, the arena, and what the core says of itself in its docs.
#[test]
fn the_size_of_a_client_is_known() {
    let size = size_of::<TestClient<'static>>();
    assert!(size <= 8 * 1024, "{size}");
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0; 64];
    let get = size_of_val(&client.get(ID, &mut memory));
    assert!(get <= 1536, "{get}");
}
