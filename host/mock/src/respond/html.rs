//! A web server that happens to have the address: a captive portal, a proxy's error page, somebody's test rig.

use core::time::Duration;

use crate::{
    Profile, date,
    reply::{Reply, reason},
};

use super::{Call, Instance};

const PAGE: &str = "<!DOCTYPE html>\n<html>\n<head><title>Welcome</title></head>\n\
                    <body>\n<h1>It works</h1>\n<p>meta-data/</p>\n</body>\n</html>\n";

pub(super) fn respond(call: &Call<'_>) -> Reply {
    match call.request.method.as_str() {
        "GET" | "HEAD" => injected(call, 200, PAGE.as_bytes()),
        _ if call.instance.profile == Profile::Html405 => {
            let mut reply = injected(call, 405, PAGE.as_bytes());
            reply.push("Allow", "GET, HEAD");
            reply
        }
        _ => injected(call, 200, PAGE.as_bytes()),
    }
}

pub(super) fn injected(call: &Call<'_>, status: u16, body: &[u8]) -> Reply {
    let keep = call.request.minor == 1 && !call.request.asks_connection("close");
    let mut reply = dress(call.instance, call.now, status, body, keep);
    reply.bodiless = call.is("HEAD");
    reply
}

pub(super) fn unreadable(instance: &Instance, now: Duration) -> Reply {
    let mut reply = dress(instance, now, 400, PAGE.as_bytes(), false);
    reply.keep = false;
    reply
}

fn dress(instance: &Instance, now: Duration, status: u16, body: &[u8], keep: bool) -> Reply {
    let mut reply = Reply {
        minor: 1,
        status,
        reason: if status == 405 {
            "Method Not Allowed"
        } else {
            reason(status)
        },
        headers: Vec::new(),
        body: body.to_vec(),
        bodiless: false,
        keep: instance.keeps(keep),
    };
    reply.push("Date", date::http(instance.unix(now)));
    reply.push("Server", "httpd");
    reply.push("Content-Type", "text/html; charset=utf-8");
    reply.push_length();
    if !reply.keep {
        reply.push("Connection", "close");
    }
    reply
}
