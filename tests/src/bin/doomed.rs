//! The mock as a process that is to be killed in the middle of what it does.
//!
//! `doomed ADDR GENERATION BYTES hold|race` serves a generation's tree there. It says `ready` when
//! it listens and `now` when it has sent so many bytes; then, to hold, it does nothing more until
//! there is a line to read.

use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::io;
use std::sync::{Arc, Mutex};

use imds_mock::{Mock, Profile, server};
use imds_tests::generation;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [addr, generation, bytes, then] = &arguments[..] else {
        panic!("four arguments, not {arguments:?}");
    };
    let fuse = Fuse {
        left: AtomicUsize::new(bytes.parse().expect("a number")),
        hold: then == "hold",
    };
    let generation: u32 = generation.parse().expect("a number");
    let mock = Mock::new(Profile::Ec2)
        .seed(generation.into())
        .tree(generation::tree(generation))
        .always_close(generation.is_multiple_of(3));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(addr, mock, Arc::new(fuse)))
}

async fn serve(addr: &str, mock: Mock, fuse: Arc<Fuse>) -> io::Result<()> {
    let began = Instant::now();
    let mock = Arc::new(Mutex::new(mock));
    let listener = TcpListener::bind(addr).await?;
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (mock, fuse) = (Arc::clone(&mock), Arc::clone(&fuse));
        tokio::spawn(async move {
            let mut stream = Fused { stream, fuse };
            server::attend(&mut stream, &mock, began, |_| {}).await;
        });
    }
}

/// Burns with every byte that is sent.
struct Fuse {
    /// `usize::MAX`: it has burnt down.
    left: AtomicUsize,
    hold: bool,
}

impl Fuse {
    /// How many bytes may be sent at once.
    fn left(&self) -> usize {
        if self.left.load(Ordering::Relaxed) == 0 {
            println!("now");
            if self.hold {
                // All of the process stands still.
                let _ = io::stdin().read_line(&mut String::new());
            }
            self.left.store(usize::MAX, Ordering::Relaxed);
        }
        self.left.load(Ordering::Relaxed)
    }

    fn burn(&self, bytes: usize) {
        let left = self.left.load(Ordering::Relaxed);
        if left != usize::MAX {
            self.left.store(left - bytes, Ordering::Relaxed);
        }
    }
}

struct Fused {
    stream: TcpStream,
    fuse: Arc<Fuse>,
}

impl AsyncRead for Fused {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Fused {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = bytes.len().min(self.fuse.left());
        let wrote = Pin::new(&mut self.stream).poll_write(cx, &bytes[..n]);
        if let Poll::Ready(Ok(n)) = wrote {
            self.fuse.burn(n);
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
