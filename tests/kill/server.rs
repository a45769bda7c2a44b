//! The server: one process after the other, on the same port.

use core::net::SocketAddr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use imds_tests::Random;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A port that is this test's whether or not its server lives: bound, and not listened at.
pub(crate) struct Port(TcpSocket);

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        Self(socket)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }
}

pub(crate) struct Server {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Server {
    /// Descriptors of this process that a server takes: its pipes.
    pub(crate) const DESCRIPTORS: usize = 2;

    /// A process that serves this generation, and gives a sign in the middle of it.
    pub(crate) async fn start(port: &Port, generation: u32, random: &mut Random) -> Self {
        // A walk is some 60,000 bytes. The first answer is the token's, of about 300.
        let most = random.pick(&[1, 500, 60_000, 250_000]);
        let bytes = random.below(most).to_string();
        let then = random.pick(&["hold", "race"]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_doomed"))
            .args([&port.addr().to_string(), &generation.to_string(), &bytes])
            .arg(then)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server runs");
        let out = child.stdout.take().expect("piped");
        let (say, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let mut server = Self { child, lines };
        assert_eq!(server.lines.recv().await.as_deref(), Some("ready"));
        server
    }

    /// Its sign.
    pub(crate) async fn sign(&mut self) {
        let line = self.lines.recv().await;
        assert_eq!(line.as_deref(), Some("now"), "the server died of itself");
    }

    /// Sends a signal, while the client goes on.
    pub(crate) async fn signal(&self, name: &'static str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let sent =
            tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &kill]).status());
        assert!(sent.await.expect("it ran").expect("a shell").success());
    }

    /// If it holds, it may go on.
    pub(crate) fn release(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(b"\n").expect("it lives");
    }

    /// Waits for its death. Its pipes are closed behind it.
    pub(crate) async fn end(mut self) {
        self.child.wait().expect("a child");
        while self.lines.recv().await.is_some() {}
    }
}

/// A test that fails leaves no process.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
