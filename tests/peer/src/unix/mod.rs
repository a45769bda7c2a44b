//! A [`Link`] behind a Unix socket, for QEMU's `-netdev stream`, in real time.
//!
//! Its option `addr.type=unix,addr.path=PATH` with `server=off` makes QEMU connect to [`Running::path`]. No root, no TAP
//! device, and nothing of the host's network: what the guest sends to 169.254.169.254 ends here.

mod framing;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use self::framing::{Deframer, enframe};
use crate::Link;

/// A peer on a thread of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<io::Result<Link>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// The connection, once there is one.
    stream: Mutex<Option<UnixStream>>,
}

impl Shared {
    fn stream(&self) -> MutexGuard<'_, Option<UnixStream>> {
        // Holds one assignment, which no panic leaves half done.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits on this path for one connection and serves it, on a thread of its own, until it is closed.
///
/// # Errors
///
/// The path is taken, too long for a socket, or not to be written to; or no thread could be had.
pub fn spawn(path: &Path, link: Link) -> io::Result<Running> {
    let listener = UnixListener::bind(path)?;
    let shared = Arc::new(Shared::default());
    let its = Arc::clone(&shared);
    let thread = thread::Builder::new()
        .name("imds-peer".into())
        .spawn(move || attend(&listener, &its, link))?;
    Ok(Running {
        path: path.to_owned(),
        shared,
        thread: Some(thread),
    })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the other side closes the connection, and gives the link back with its counters and its mock. If nobody
    /// ever connects it waits for ever: [`stop`](Self::stop) does not.
    ///
    /// # Errors
    ///
    /// The connection broke, or carried something else than frames.
    pub fn join(mut self) -> io::Result<Link> {
        self.finish()
    }

    /// Ends it now, and gives the link back.
    ///
    /// # Errors
    ///
    /// As for [`join`](Self::join).
    pub fn stop(mut self) -> io::Result<Link> {
        self.tell();
        self.finish()
    }

    fn tell(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        match self.shared.stream().as_ref() {
            // Wakes it from reading and from writing.
            Some(stream) => drop(stream.shutdown(Shutdown::Both)),
            // Wakes it from waiting. If it is not waiting any more it has seen `stop`.
            None => drop(UnixStream::connect(&self.path)),
        }
    }

    fn finish(&mut self) -> io::Result<Link> {
        let thread = self.thread.take().expect("taken once, by value");
        let result = thread.join();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.tell();
            // A panic over there was reported by its own thread.
            let _ = thread.join();
        }
        // It may be gone with its folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn attend(listener: &UnixListener, shared: &Shared, mut link: Link) -> io::Result<Link> {
    let (stream, _) = listener.accept()?;
    *shared.stream() = Some(stream.try_clone()?);
    // After the stream is there for whoever stops us: so one of the two sees the other.
    if !shared.stop.load(Ordering::SeqCst) {
        serve(stream, &mut link)?;
    }
    Ok(link)
}

/// Serves a connection until it is closed. The link's time begins now.
///
/// # Errors
///
/// The connection broke, or carried something else than frames.
pub fn serve(mut stream: UnixStream, link: &mut Link) -> io::Result<()> {
    let began = Instant::now();
    let mut deframer = Deframer::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let now = began.elapsed();
        link.poll(now);
        while let Some(frame) = link.poll_frame() {
            if let Err(error) = stream.write_all(&enframe(&frame)) {
                return end(error);
            }
        }
        let wait = link.next_timeout(now).map(|at| at.saturating_sub(now));
        // Zero would mean for ever.
        stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                deframer.push(&buffer[..n]);
                let now = began.elapsed();
                while let Some(frame) = deframer.pop().map_err(io::Error::other)? {
                    link.handle_frame(now, &frame);
                }
            }
            Err(error) if is_time_up(&error) => {}
            Err(error) => return end(error),
        }
    }
}

fn is_time_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// A machine that ends does not say good-bye.
fn end(error: io::Error) -> io::Result<()> {
    let gone = matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    );
    if gone { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAC, Options, Peer, SERVICE, Wire};
    use imds_mock::{Mock, Profile};
    use smoltcp::wire::{
        ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
        EthernetRepr,
    };

    fn link() -> Link {
        let peer = Peer::new(Mock::new(Profile::Ec2), Options::new());
        Link::new(peer, Wire::perfect())
    }

    /// "Who has the service?"
    fn question() -> Vec<u8> {
        let own = EthernetAddress([2, 0, 0, 0, 0, 1]);
        let ethernet = EthernetRepr {
            src_addr: own,
            dst_addr: EthernetAddress::BROADCAST,
            ethertype: EthernetProtocol::Arp,
        };
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: own,
            source_protocol_addr: Peer::address_of(own.0),
            target_hardware_addr: EthernetAddress::BROADCAST,
            target_protocol_addr: SERVICE,
        };
        let mut frame = vec![0; ethernet.buffer_len() + arp.buffer_len()];
        let mut out = EthernetFrame::new_unchecked(frame.as_mut_slice());
        ethernet.emit(&mut out);
        arp.emit(&mut ArpPacket::new_unchecked(out.payload_mut()));
        frame
    }

    fn read_frame(stream: &mut UnixStream) -> Vec<u8> {
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let length = usize::try_from(u32::from_be_bytes(length)).expect("64 bits");
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).expect("a whole answer");
        frame
    }

    #[test]
    fn frames_are_answered_however_they_are_cut() {
        let (mut guest, host) = UnixStream::pair().expect("a pair of sockets");
        let peer = thread::spawn(move || {
            let mut link = link();
            serve(host, &mut link).map(|()| link.counters())
        });
        let question = enframe(&question());
        guest.write_all(&question).expect("whole");
        assert_eq!(read_frame(&mut guest)[6..12], MAC);
        let twice = [question.as_slice(), &question].concat();
        for piece in twice.chunks(7) {
            guest.write_all(piece).expect("in pieces");
        }
        read_frame(&mut guest);
        read_frame(&mut guest);
        drop(guest);
        let counters = peer.join().expect("no panic").expect("no error");
        assert_eq!((counters.frames_in, counters.frames_out), (3, 3));
    }

    #[test]
    fn it_ends_when_told_whether_anybody_came_or_not() {
        let folder = std::env::temp_dir().join(format!("imds-peer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for sockets");
        let path = folder.join("alone");
        let running = spawn(&path, link()).expect("a socket");
        assert_eq!(running.stop().expect("no error").counters().frames_in, 0);
        assert!(!path.exists(), "the socket is removed");

        let path = folder.join("taken");
        let running = spawn(&path, link()).expect("a socket");
        let mut guest = UnixStream::connect(running.path()).expect("it listens");
        guest.write_all(&enframe(&question())).expect("it reads");
        read_frame(&mut guest);
        assert_eq!(running.stop().expect("no error").counters().frames_in, 1);
        std::fs::remove_dir(&folder).expect("nothing is left in it");
    }

    #[test]
    fn bytes_that_are_no_frames_are_an_error() {
        let (mut guest, host) = UnixStream::pair().expect("a pair of sockets");
        guest.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("room");
        let error = serve(host, &mut link()).expect_err("this is no frame");
        assert!(error.to_string().contains("no stream of frames"), "{error}");
    }
}
