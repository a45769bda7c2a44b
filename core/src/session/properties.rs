//! What holds for a get whatever the server answers, however long connections take to make, and
//! whatever the caller's clock shows.

use core::time::Duration;
use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::client::{Client, Event, Reply, Want};
use crate::config::{Config, Target};
use crate::endpoint::Endpoint;
use crate::error::{Error, Fault};
use crate::properties::config;
use crate::time::{Instant, micros};

/// What the server does with one exchange. It closes the connection after each.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Answer {
    Good,
    Status(u16),
    /// 503, and how many seconds to stay away.
    Later(u64),
    Reset,
    Silent,
    Refused,
}

/// An exchange, from when its connection was asked for.
#[derive(PartialEq, Debug)]
struct Exchange {
    token: bool,
    answer: Answer,
    /// Microseconds that the client did nothing before it.
    pause: u64,
    /// When its request was written, if it was.
    request: Option<Instant>,
}

#[derive(PartialEq, Debug)]
struct Run {
    exchanges: Vec<Exchange>,
    result: Result<Reply, Error>,
    /// What the client wanted, and until when.
    wants: Vec<String>,
}

const START: Instant = Instant::from_millis(60_000);

fn millis(range: core::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn settings() -> impl Strategy<Value = Config> {
    let backoff = (millis(0..4_000), millis(0..8_000));
    let operation = prop::option::of(millis(1..40_000));
    (0..9_u8, operation, backoff, any::<u64>()).prop_map(|(attempts, operation, backoff, seed)| {
        let mut config = Config::new(Target::One(Endpoint::IPV4));
        config.attempts = attempts;
        config.timeouts.operation = operation;
        (config.backoff_base, config.backoff_cap) = backoff;
        config.seed = seed;
        config
    })
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        3 => Just(Answer::Good),
        3 => select(&[429, 500, 502, 503, 504][..]).prop_map(Answer::Status),
        1 => select(&[400, 403, 404][..]).prop_map(Answer::Status),
        2 => (0..40_u64).prop_map(Answer::Later),
        2 => Just(Answer::Reset),
        1 => Just(Answer::Silent),
        2 => Just(Answer::Refused),
    ];
    vec(answer, 0..16)
}

fn reply(answer: Answer, token: bool) -> String {
    match (answer, token) {
        (Answer::Status(status), _) => format!("HTTP/1.0 {status} \r\nContent-Length: 0\r\n\r\n"),
        (Answer::Later(seconds), _) => {
            format!("HTTP/1.0 503 \r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n")
        }
        (_, false) => "HTTP/1.0 200 \r\nContent-Length: 1\r\n\r\nx".into(),
        (_, true) => "HTTP/1.0 200 \r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
                      Content-Length: 1\r\n\r\nt"
            .into(),
    }
}

/// Reads one value. Connections take so long, one after the other and over again; `clock` makes of
/// the present what the client is told.
fn run(
    config: &Config,
    answers: &[Answer],
    delays: &[Duration],
    mut clock: impl FnMut(Instant) -> Instant,
) -> Run {
    let mut client = Client::<1, [u8; 2048], [u8; 64], 1>::new(config.clone());
    let mut answers = answers.iter().copied();
    let mut answer = Answer::Good;
    let mut delays = delays.iter().cycle();
    let mut present = START;
    let mut pause = 0;
    let mut granted = false;
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut wants = Vec::new();
    let path = "/latest/meta-data/mac";
    client.get(clock(present), path).expect("room for a get");
    for _ in 0..20_000 {
        let mut bytes = String::new();
        let want = client.poll(clock(present), 0);
        wants.push(format!("{want:?}"));
        let event = match want {
            Want::Connect => {
                answer = answers.next().unwrap_or(Answer::Good);
                exchanges.push(Exchange {
                    token: !granted,
                    answer,
                    pause: core::mem::take(&mut pause),
                    request: None,
                });
                present = present + *delays.next().expect("a delay");
                if answer == Answer::Refused {
                    Event::Failed(Fault::Refused)
                } else {
                    Event::Connected
                }
            }
            Want::Send(bytes) => {
                let exchange = exchanges.last_mut().expect("a connection");
                // An old token may have run out while the connection was made.
                exchange.token = bytes.starts_with(b"PUT ");
                exchange.request = Some(present);
                Event::Sent(bytes.len())
            }
            Want::Receive => match answer {
                Answer::Silent => Event::Blocked,
                Answer::Reset => Event::Failed(Fault::Reset),
                Answer::Good | Answer::Status(_) | Answer::Later(_) | Answer::Refused => {
                    let token = exchanges.last().is_some_and(|e| e.token);
                    bytes = reply(answer, token);
                    granted |= token && answer == Answer::Good;
                    Event::Received(bytes.len())
                }
            },
            Want::Idle => {
                let (at, _) = client.deadline(0).expect("something to wait for");
                wants.push(format!("{at:?}"));
                // The clock may have shown more than the present.
                let next = at.max(present);
                pause += next.as_micros() - present.as_micros();
                present = next;
                continue;
            }
            Want::Leaf(_) => Event::Taken,
            Want::Close => Event::Closed,
            Want::Done(_, result) => {
                return Run {
                    exchanges,
                    result,
                    wants,
                };
            }
            Want::Missing(_) => panic!("a get reports no node"),
        };
        client.rx_window(0)[..bytes.len()].copy_from_slice(bytes.as_bytes());
        client.handle(clock(present), 0, event).expect("an answer");
        if event == Event::Blocked
            && let Some((at, _)) = client.deadline(0)
        {
            wants.push(format!("{at:?}"));
            present = present.max(at);
        }
    }
    panic!("a get that does not end")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_request_goes_out_after_the_deadline(
        config in settings(),
        answers in answers(),
        delays in vec(millis(0..9_000), 1..4),
    ) {
        let run = run(&config, &answers, &delays, |present| present);
        let deadline = config.timeouts.operation.map_or(Instant::FAR_FUTURE, |time| START + time);
        for exchange in &run.exchanges {
            prop_assert!(exchange.request.is_none_or(|at| at < deadline), "{exchange:?}");
        }
    }

    #[test]
    fn attempts_and_pauses_are_those_that_were_set(config in settings(), answers in answers()) {
        let run = run(&config, &answers, &[Duration::ZERO], |present| present);
        let (cap, base) = (micros(config.backoff_cap), micros(config.backoff_base));
        for kind in [true, false] {
            let tries: Vec<&Exchange> = run.exchanges.iter().filter(|e| e.token == kind).collect();
            prop_assert!(tries.len() <= usize::from(config.attempts.max(1)));
            for (retry, pair) in tries.windows(2).enumerate() {
                let own = cap.min(base << retry);
                let mut asked = 0;
                if let Answer::Later(seconds) = pair[0].answer {
                    asked = seconds * 1_000_000;
                }
                prop_assert!((asked..=own.max(asked)).contains(&pair[1].pause), "{pair:?}");
                prop_assert!(asked <= micros(config.timeouts.operation.unwrap_or(config.limits.retry_after)));
            }
        }
        let found = |last: &Exchange| last.answer == Answer::Good && !last.token;
        prop_assert_eq!(run.result == Ok(Reply::Found), run.exchanges.last().is_some_and(found));
    }

    #[test]
    fn equal_seeds_give_equal_runs(config in settings(), answers in answers()) {
        let run = || run(&config, &answers, &[Duration::ZERO], |present| present);
        prop_assert_eq!(run(), run());
    }

    // Wrong by minutes, or by decades: not by so much that it shows the end of time, where no token
    // lives.
    #[test]
    fn a_clock_that_runs_backwards_or_jumps_is_as_good_as_the_latest_that_it_showed(
        config in settings(),
        answers in answers(),
        delays in vec(millis(0..9_000), 1..4),
        errors in vec(prop_oneof![-60_000_000..60_000_000_i64, -(1 << 50)..1_i64 << 50], 0..6),
    ) {
        let shown = |latest: bool| {
            let mut errors = errors.iter().copied().chain([0]).cycle();
            let mut shown = Instant::ZERO;
            move |present: Instant| {
                let error = errors.next().unwrap_or(0);
                let now = Instant::from_micros(present.as_micros().saturating_add_signed(error));
                shown = shown.max(now);
                if latest { shown } else { now }
            }
        };
        prop_assert_eq!(
            run(&config, &answers, &delays, shown(false)),
            run(&config, &answers, &delays, shown(true))
        );
    }
}
