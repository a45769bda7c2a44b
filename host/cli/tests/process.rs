//! How the process behaves: signals, closed pipes, the server in the foreground, pages.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::{at, imdsctl, ran, run, serve_mock};
use imds_mock::{Fault, Mock, Profile};

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    let status = Command::new("sh")
        .arg("-c")
        .arg(kill)
        .status()
        .expect("a shell");
    assert!(status.success());
}

fn piped(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

fn run_into(mut command: Command, out: std::fs::File) -> common::Ran {
    command.stdout(out).stderr(Stdio::piped());
    ran(command
        .spawn()
        .and_then(Child::wait_with_output)
        .expect("the binary runs"))
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    for args in [
        &["dump"][..],
        &["get", "instance-id", "ami-id"],
        &["list"],
        &["completions", "bash"],
        &["man"],
        &["config"],
    ] {
        let mut child = piped({
            let mut command = imdsctl(&["--mock"]);
            command.args(args);
            command
        });
        drop(child.stdout.take());
        ran(child.wait_with_output().unwrap()).ends_with(0);
    }
}

#[test]
fn ctrl_c_in_a_dump_is_130_and_prints_nothing() {
    let fault = Fault::on("GET", "/latest/meta-data/").stall();
    let server = serve_mock(Mock::new(Profile::Ec2).fault(fault));
    let child = piped(at(&server, &["dump", "--timeout=60s"]));
    // The first request is sent after the signal is listened for.
    let began = Instant::now();
    while server.with(|mock| mock.log().is_empty()) {
        assert!(began.elapsed().as_secs() < 30, "no request came");
        std::thread::yield_now();
    }
    interrupt(&child);
    let ran = ran(child.wait_with_output().unwrap()).ends_with(130);
    assert_eq!((ran.text(), ran.err.as_str()), ("", ""));
}

#[test]
fn the_mock_serves_logs_and_ends_cleanly() {
    let mut child = piped(imdsctl(&["mock", "--listen=127.0.0.1:0"]));
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut url = String::new();
    out.read_line(&mut url).unwrap();
    let endpoint = format!("--endpoint={}", url.trim());
    assert!(endpoint.contains("http://127.0.0.1:"));

    let got = run(&mut imdsctl(&[endpoint.as_str(), "get", "instance-id"])).ends_with(0);
    assert_eq!(got.text(), "i-0123456789abcdef0");

    interrupt(&child);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let ran = ran(child.wait_with_output().unwrap()).ends_with(0);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("PUT \"/latest/api/token\"") && lines[0].ends_with("200"));
    assert!(
        lines[1].contains("GET \"/latest/meta-data/instance-id\"") && lines[1].ends_with("200")
    );
}

#[test]
fn the_mock_serves_what_dump_prints() {
    let dumped = run(&mut imdsctl(&["--mock", "dump", "--include=user-data"])).ends_with(0);
    let file = std::env::temp_dir().join(format!("imdsctl-data-{}", std::process::id()));
    std::fs::write(&file, &dumped.out).unwrap();
    let data = format!("--data={}", file.display());
    let mut child = piped(imdsctl(&[
        "mock",
        "-q",
        "--listen=127.0.0.1:0",
        "--tokens=optional",
        "--delay=1ms",
        &data,
    ]));
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let endpoint = format!("--endpoint={}", url.trim());
    let again = run(&mut imdsctl(&[
        endpoint.as_str(),
        "dump",
        "--include=user-data",
    ]))
    .ends_with(0);
    interrupt(&child);
    let ran = ran(child.wait_with_output().unwrap()).ends_with(0);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(again.json(), dumped.json());
    assert_eq!(ran.err, "");
}

#[test]
fn the_mock_says_why_it_cannot_serve() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    run(&mut imdsctl(&["mock", &listen]))
        .ends_with(1)
        .says(&["cannot serve", "--listen"]);
    run(&mut imdsctl(&["mock", "--data=/nonexistent"]))
        .ends_with(2)
        .says(&["--data", "/nonexistent"]);
    run(&mut imdsctl(&["mock", "--profile=x"]))
        .ends_with(2)
        .says(&["--profile", "ec2-legacy"]);
    run(&mut imdsctl(&["mock", "--delay=x"]))
        .ends_with(2)
        .says(&["--delay"]);
}

#[test]
fn the_mock_says_what_its_flags_and_files_do_not_mean() {
    run(&mut imdsctl(&["mock", "--mock=mmds"]))
        .ends_with(2)
        .says(&["--profile mmds"]);

    // A dump of a part: served as it is, but not what anybody asks for.
    let dumped = run(&mut imdsctl(&["--mock", "dump", "placement"])).ends_with(0);
    let file = std::env::temp_dir().join(format!("imdsctl-part-{}", std::process::id()));
    std::fs::write(&file, &dumped.out).unwrap();
    let data = format!("--data={}", file.display());
    let mut child = piped(imdsctl(&["mock", "--listen=127.0.0.1:0", &data]));
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    interrupt(&child);
    let ran = ran(child.wait_with_output().unwrap()).ends_with(0);
    std::fs::remove_file(&file).unwrap();
    ran.says(&["no `meta-data`", "PREFIX"]);
}

#[test]
fn completions_and_pages_are_made_for_every_shell_and_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&mut imdsctl(&["completions", shell])).ends_with(0);
        assert!(
            ran.text().contains("imdsctl") && ran.text().contains("user-data"),
            "{shell}"
        );
    }
    let page = run(&mut imdsctl(&["man"])).ends_with(0);
    assert!(
        page.text().contains("EXIT STATUS") && page.text().contains("AWS_EC2_METADATA_DISABLED")
    );
    for command in [
        "get",
        "list",
        "dump",
        "credentials",
        "region",
        "user-data",
        "config",
        "mock",
        "completions",
        "man",
    ] {
        let page = run(&mut imdsctl(&["man", command])).ends_with(0);
        assert!(page.text().contains(".TH"), "{command}");
    }
    run(&mut imdsctl(&["man", "nope"])).ends_with(2);
}

#[test]
fn help_and_version_are_data() {
    let ran = run(&mut imdsctl(&["--version"])).ends_with(0);
    assert!(ran.text().starts_with("imdsctl "));
    let ran = run(&mut imdsctl(&["get", "--help"])).ends_with(0);
    assert!(ran.text().contains("--wait-for") && ran.err.is_empty());
    assert!(ran.text().contains("Examples:\n"));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    run_into(imdsctl(&["--help"]), full)
        .ends_with(1)
        .says(&["cannot be written"]);
}

#[test]
fn another_machine_is_exit_4_within_a_second() {
    let sysfs = std::env::temp_dir().join(format!("imdsctl-elsewhere-{}", std::process::id()));
    std::fs::create_dir_all(sysfs.join("class/dmi/id")).unwrap();
    std::fs::write(sysfs.join("class/dmi/id/sys_vendor"), "Somebody Else\n").unwrap();
    // A network namespace without a route: nothing can leave.
    let alone = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]);
        command
    };
    let possible = match alone().arg("true").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = possible {
        let text = format!("no network namespace, so exit 4 is not tested: {reason}");
        assert!(std::env::var_os("CI").is_none(), "{text}");
        // Past the capture of test output.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {text}");
    } else {
        let flag = format!("--sysfs={}", sysfs.display());
        for args in [&["region"][..], &["dump"]] {
            let began = Instant::now();
            let output = alone()
                .arg(env!("CARGO_BIN_EXE_imdsctl"))
                .arg(&flag)
                .args(args)
                .env_clear()
                .output()
                .unwrap();
            assert!(began.elapsed().as_secs() < 1);
            ran(output)
                .ends_with(4)
                .says(&["not an EC2 instance", "`Somebody Else`"]);
            let output = alone()
                .arg(env!("CARGO_BIN_EXE_imdsctl"))
                .args([flag.as_str(), "--platform-check=off", "--attempts=1"])
                .args(args)
                .env_clear()
                .output()
                .unwrap();
            ran(output).ends_with(7);
        }
    }
    std::fs::remove_dir_all(&sysfs).unwrap();
}
