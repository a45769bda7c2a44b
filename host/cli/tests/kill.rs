//! Commands whose server is killed while they ask it.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use common::{Ran, imdsctl, ran, run};

/// `imdsctl mock`, in a process of its own.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start() -> Self {
        let mut child = imdsctl(&["mock", "--listen=127.0.0.1:0", "--delay=1ms"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut url = String::new();
        let out = child.stdout.as_mut().expect("piped");
        BufReader::new(out).read_line(&mut url).expect("text");
        let endpoint = format!("--endpoint={}", url.trim());
        Self { child, endpoint }
    }

    /// Runs the command, and kills the server when it has seen so many requests: it answers the last
    /// of them no more.
    fn run_and_die(&mut self, args: &[&str], requests: usize) -> Ran {
        // Longer than a busy machine takes.
        let asking = imdsctl(&[&self.endpoint, "--timeout=60s"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let err = self.child.stderr.as_mut().expect("piped");
        let seen = BufReader::new(err).lines().take(requests).count();
        assert_eq!(seen, requests, "requests");
        self.child.kill().expect("it lives");
        ran(asking.wait_with_output().expect("it ends"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is this node, or a directory above it, said to be missing?
fn is_named(path: &str, err: &str) -> bool {
    path.char_indices()
        .filter(|(at, c)| *c == '/' && *at > 0)
        .map(|(at, _)| &path[..=at])
        .chain([path])
        .any(|node| err.contains(&format!("error: {node}: ")))
}

#[test]
fn a_dump_names_what_it_lost_with_its_server() {
    let server = Server::start();
    let whole = run(imdsctl(&[&server.endpoint]).args(["dump", "-o", "flat"])).ends_with(0);
    let whole: Vec<&str> = whole.text().lines().collect();
    let mut cut_short = 0;
    for requests in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let ran = Server::start().run_and_die(&["dump", "-o", "flat", "--attempts=1"], requests);
        assert!([6, 7, 9].contains(&ran.code), "{ran:?}");
        let came: Vec<&str> = ran.text().lines().collect();
        if came.is_empty() {
            assert!(ran.err.starts_with("error: "), "{ran:?}");
            continue;
        }
        cut_short += 1;
        assert!(ran.err.contains("the dump is not complete"), "{ran:?}");
        assert!(came.len() < whole.len(), "{ran:?}");
        let mut lost = 0;
        for line in &whole {
            let (path, _) = line.split_once('\t').expect("a path and a value");
            // The date may be another.
            let line = if line.contains("LastUpdated") {
                path
            } else {
                line
            };
            if !came.iter().any(|came| came.starts_with(line)) {
                lost += 1;
                assert!(is_named(path, &ran.err), "{path} is not named: {ran:?}");
            }
        }
        assert_eq!(came.len() + lost, whole.len(), "values of nothing: {ran:?}");
    }
    assert!(cut_short >= 3, "{cut_short} dumps had something to print");
}

#[test]
fn a_get_whose_server_dies_prints_no_part_and_says_what_happened() {
    // The token request, the first read, the second.
    for (requests, code, printed) in [(1, 6, 0), (2, 7, 0), (3, 7, 1)] {
        let args = ["get", "instance-id", "ami-id", "--attempts=1"];
        let ran = Server::start().run_and_die(&args, requests).ends_with(code);
        let lines: Vec<&str> = ran.text().lines().collect();
        assert_eq!(lines, &["i-0123456789abcdef0"][..printed]);
        assert!(ran.err.starts_with("error: "), "{ran:?}");
    }
}
