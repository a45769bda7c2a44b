//! Every way to fail has its exit code and says what to do.

mod common;

use std::net::TcpListener;

use common::{at, imdsctl, run, serve, serve_mock};
use imds_mock::{Fault, Mock, Profile};

#[test]
fn a_service_that_is_off_is_exit_5() {
    for args in [
        &["get", "instance-id"][..],
        &["dump"],
        &["credentials"],
        &["list"],
    ] {
        let ran = run(imdsctl(&["--mock=disabled"]).args(args)).ends_with(5);
        assert_eq!(ran.text(), "");
        ran.says(&["403", "--http-endpoint enabled"]);
    }
}

#[test]
fn a_hop_too_many_is_exit_6_and_named() {
    for args in [&["get", "instance-id"][..], &["dump"]] {
        run(imdsctl(&["--mock=hop-limited", "--timeout=50ms", "--attempts=1"]).args(args))
            .ends_with(6)
            .says(&["hop limit", "http-put-response-hop-limit"]);
    }
}

#[test]
fn nobody_listening_is_exit_7() {
    // A port that was free a moment ago, on loopback.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = format!("--endpoint=http://127.0.0.1:{port}");
    for args in [&["get", "instance-id"][..], &["dump"]] {
        run(imdsctl(&[endpoint.as_str()]).args(args))
            .ends_with(7)
            .says(&["refused", &format!("127.0.0.1:{port}")]);
    }
}

#[test]
fn throttling_to_the_end_is_exit_8() {
    let server = serve_mock(Mock::new(Profile::Ec2).fault(Fault::method("GET").status(429)));
    run(&mut at(&server, &["get", "instance-id", "--attempts=2"]))
        .ends_with(8)
        .says(&["429"]);
    let seen = server.with(|mock| {
        mock.log()
            .iter()
            .filter(|exchange| exchange.method == "GET")
            .count()
    });
    assert_eq!(seen, 2, "--attempts must act");
}

#[test]
fn something_else_at_the_address_is_exit_9() {
    for mock in ["--mock=html", "--mock=html-405"] {
        run(&mut imdsctl(&[mock, "get", "instance-id"]))
            .ends_with(9)
            .says(&["--endpoint"]);
    }
}

#[test]
fn v1_is_never_used_unasked() {
    let server = serve(Profile::V1Only);
    run(&mut at(&server, &["get", "instance-id"]))
        .ends_with(9)
        .says(&["--allow-v1"]);
    let gets = |server: &imds_mock::Running| {
        server.with(|mock| mock.log().iter().filter(|e| e.method == "GET").count())
    };
    assert_eq!(gets(&server), 0);
    run(&mut at(&server, &["get", "instance-id", "--allow-v1"])).ends_with(0);
    run(at(&server, &["get", "instance-id"]).env("AWS_EC2_METADATA_V1_DISABLED", "False"))
        .ends_with(0);
    run(at(&server, &["get", "instance-id"]).env("AWS_EC2_METADATA_V1_DISABLED", "true"))
        .ends_with(9);
}

#[test]
fn disabled_by_configuration_is_exit_10_and_sends_nothing() {
    let server = serve(Profile::Ec2);
    for args in [
        &["get", "instance-id"][..],
        &["list"],
        &["dump"],
        &["credentials"],
        &["region"],
        &["user-data"],
    ] {
        run(at(&server, args).env("AWS_EC2_METADATA_DISABLED", "True"))
            .ends_with(10)
            .says(&["AWS_EC2_METADATA_DISABLED"]);
    }
    assert_eq!(server.with(|mock| mock.log().len()), 0);
}

#[test]
fn an_answer_that_stalls_is_exit_13() {
    let fault = Fault::on("GET", "/latest/meta-data/instance-id").stall_in_body(3);
    let server = serve_mock(Mock::new(Profile::Ec2).fault(fault));
    run(&mut at(&server, &["get", "instance-id", "--attempts=1"]))
        .ends_with(13)
        .says(&["--timeout"]);
}

#[test]
fn usage_is_exit_2() {
    for args in [
        &["get"][..],
        &["frobnicate"],
        &["--mock=ec3", "region"],
        &["--mock", "get", "http://169.254.169.254/latest/"],
        &["--mock", "get", "../x"],
        &["--mock", "--endpoint=http://127.0.0.1:1", "region"],
        &["--mock", "get", "--wait-for=0", "x"],
    ] {
        let ran = run(&mut imdsctl(args)).ends_with(2);
        assert!(ran.err.contains("error: "), "{}", ran.err);
    }
}

#[test]
fn a_profile_without_its_equals_sign_gets_a_tip() {
    run(&mut imdsctl(&["--mock", "mmds", "dump"]))
        .ends_with(2)
        .says(&["--mock=mmds"]);
}

#[test]
fn errors_as_json_are_one_object_a_line() {
    let ran = run(&mut imdsctl(&[
        "--mock",
        "--log-format=json",
        "get",
        "nope",
    ]))
    .ends_with(3);
    let error: serde_json::Value = serde_json::from_str(ran.err.trim()).unwrap();
    assert_eq!(error["cause"], "absent");
    assert_eq!(error["exit"], 3);
    assert_eq!(ran.text(), "");
}

#[test]
fn a_proxy_in_the_environment_is_never_asked() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let mut command = imdsctl(&["--mock", "dump"]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
    ] {
        command.env(name, &proxy);
    }
    run(&mut command).ends_with(0);
    assert!(trap.accept().is_err(), "the proxy was asked");
}

#[test]
fn secrets_stay_out_of_the_loudest_log() {
    let server = serve(Profile::Ec2);
    for args in [
        &["credentials"][..],
        &["dump", "--include=all"],
        &["get", "iam/security-credentials/web-server-role"],
    ] {
        let ran = run(at(&server, &["-vvv"]).args(args)).ends_with(0);
        assert!(!ran.err.contains("wJalrXUtnFEMI"), "{}", ran.err);
        let tokens: Vec<String> = server.with(|mock| {
            let log = mock.log().iter();
            log.filter_map(|exchange| exchange.header("X-aws-ec2-metadata-token"))
                .map(str::to_owned)
                .collect()
        });
        assert!(!tokens.is_empty());
        assert!(
            tokens.iter().all(|token| !ran.err.contains(token.as_str())),
            "{}",
            ran.err
        );
    }
}
