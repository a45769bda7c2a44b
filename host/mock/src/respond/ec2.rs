//! EC2 in its generations, and those that speak like it (facts §1.2–1.9).

use crate::{
    Profile, TOKEN_PATH, TokenUse, date,
    reply::{Reply, reason},
    token::{Shape, parse_seconds},
    tree::{Directory, Found, Leaf, Node, is_public_keys},
};

use super::{Answer, Call, Instance, TTL_HEADER};

/// The metadata builds that `/` lists (facts §1.8). Every one of them serves the tree of `latest`.
const VERSIONS: [&str; 29] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
    "latest",
];

const TTL_ECHO: &str = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds";

/// What an answer says, before the server's headers are around it.
enum Content {
    Data {
        bytes: Vec<u8>,
        media: &'static str,
        modified: u64,
    },
    Granted {
        token: String,
        ttl: Vec<String>,
    },
    /// An XHTML page that repeats the status.
    Page(u16),
    Empty(u16),
    Allow {
        status: u16,
        allow: &'static str,
    },
    Moved(String),
}

pub(super) fn respond(call: &mut Call<'_>) -> Answer {
    if call.instance.profile == Profile::HopLimited
        && call.is("PUT")
        && call.request.path() == TOKEN_PATH
    {
        // The request arrives, and the server does what it does; only the packets of its answer die on their way.
        return Answer::Silence;
    }
    let content = route(call);
    let mut reply = dress(call, content);
    reply.bodiless = call.is("HEAD");
    Answer::Reply(reply)
}

fn route(call: &mut Call<'_>) -> Content {
    let request = call.request;
    if call.instance.profile == Profile::Disabled {
        return Content::Empty(403);
    }
    if request.path().is_empty() {
        return Content::Page(400);
    }
    if request.header("expect").is_some() {
        return Content::Page(417);
    }
    if matches!(call.instance.profile, Profile::V1Only | Profile::V1Only405) {
        return route_v1(call);
    }
    let is_put = call.is("PUT");
    if (is_put || call.token != TokenUse::None) && request.header("x-forwarded-for").is_some() {
        return Content::Empty(403);
    }
    if request.path() == TOKEN_PATH {
        return match request.method.as_str() {
            "PUT" => grant(call),
            "OPTIONS" => Content::Allow {
                status: 200,
                allow: "OPTIONS, PUT",
            },
            _ => Content::Allow {
                status: 405,
                allow: "OPTIONS, PUT",
            },
        };
    }
    // Any other PUT asks for a token in the wrong place; and that one place is wrong for every method.
    if is_put || request.path() == "/latest/api/token/" {
        return Content::Empty(403);
    }
    match request.method.as_str() {
        "GET" | "HEAD" if call.lacks_token() => Content::Empty(401),
        "GET" | "HEAD" => look_up(call),
        "OPTIONS" => Content::Allow {
            status: 200,
            allow: "OPTIONS, GET, HEAD",
        },
        _ => Content::Allow {
            status: 405,
            allow: "OPTIONS, GET, HEAD",
        },
    }
}

/// A server that has never heard of tokens: their path is a name it does not have, their header one it does not read.
fn route_v1(call: &Call<'_>) -> Content {
    match call.request.method.as_str() {
        "GET" | "HEAD" => look_up(call),
        "PUT" if call.instance.profile == Profile::V1Only => Content::Page(404),
        _ => Content::Allow {
            status: 405,
            allow: "GET, HEAD",
        },
    }
}

fn grant(call: &mut Call<'_>) -> Content {
    let longest = u64::from(call.instance.desk.longest);
    let asked = call
        .request
        .header(TTL_HEADER)
        .and_then(|text| parse_seconds(text.trim()))
        .filter(|asked| (1..=longest).contains(asked))
        .and_then(|asked| u32::try_from(asked).ok());
    let Some(asked) = asked else {
        return Content::Page(400);
    };
    let (token, ttl) = call.instance.desk.issue(call.now, asked, Shape::Ec2);
    Content::Granted { token, ttl }
}

fn look_up(call: &Call<'_>) -> Content {
    let instance = &*call.instance;
    let mut names: Vec<&str> = call.segments.names.iter().map(String::as_str).collect();
    let Some(version) = names.first_mut() else {
        return text(VERSIONS.join("\n"), instance.epoch());
    };
    if VERSIONS.contains(version) {
        *version = "latest";
    }
    match instance.tree.find_ec2(&names) {
        None => Content::Page(404),
        Some(Found::Directory(_))
            if instance.profile == Profile::Ec2Legacy && !call.segments.slash =>
        {
            let host = call.request.header("host").unwrap_or("169.254.169.254");
            Content::Moved(format!("http://{host}{}/", call.request.path()))
        }
        Some(Found::Directory(directory)) => text(listing(&names, directory), instance.epoch()),
        Some(Found::Leaf(leaf)) => {
            let unix = instance.unix(call.now);
            Content::Data {
                bytes: leaf.bytes(unix).into_owned(),
                media: if names[1..] == ["user-data"] {
                    "application/octet-stream"
                } else {
                    "text/plain"
                },
                modified: if matches!(leaf, Leaf::Timed(_)) {
                    unix
                } else {
                    instance.epoch()
                },
            }
        }
    }
}

fn text(text: String, modified: u64) -> Content {
    Content::Data {
        bytes: text.into_bytes(),
        media: "text/plain",
        modified,
    }
}

/// Names without a final line feed. A slash marks a directory, except where EC2 leaves it out: below a version, and
/// among the key pairs (facts §2.5).
fn listing(names: &[&str], directory: &Directory) -> String {
    let bare = names.len() == 1 || is_public_keys(names);
    let lines: Vec<String> = directory
        .iter()
        .map(|(name, node)| match node {
            Node::Directory(_) if !bare => format!("{name}/"),
            Node::Directory(_) | Node::Leaf(_) => name.clone(),
        })
        .collect();
    lines.join("\n")
}

/// Puts the server's headers around an answer, in the order of the captures (facts §1.6, §1.13).
fn dress(call: &Call<'_>, content: Content) -> Reply {
    let instance = &*call.instance;
    let old = instance.profile == Profile::Ec2Legacy;
    let status = match &content {
        Content::Data { .. } | Content::Granted { .. } => 200,
        Content::Page(status) | Content::Empty(status) | Content::Allow { status, .. } => *status,
        Content::Moved(_) => 301,
    };
    let mut reply = Reply {
        minor: u8::from(!old),
        status,
        reason: reason(status),
        headers: Vec::new(),
        body: Vec::new(),
        bodiless: false,
        keep: instance.keeps(!old && call.request.asks_connection("keep-alive")),
    };
    if !matches!(content, Content::Granted { .. }) {
        if let Some(seconds) = call.remaining() {
            reply.push(TTL_ECHO, seconds.to_string());
        }
    }
    let media = match content {
        Content::Data {
            bytes,
            media,
            modified,
        } => {
            reply.body = bytes;
            reply.push("Content-Type", media);
            reply.push("Accept-Ranges", if old { "bytes" } else { "none" });
            if old {
                reply.push("ETag", "\"1234567890\"");
            }
            reply.push("Last-Modified", date::http(modified));
            None
        }
        Content::Granted { token, ttl } => {
            reply.body = token.into_bytes();
            for text in ttl {
                reply.push(TTL_ECHO, text);
            }
            Some("text/plain")
        }
        Content::Page(status) => {
            reply.body = page(status).into_bytes();
            Some("text/html")
        }
        Content::Empty(_) => Some("text/plain"),
        Content::Allow { allow, .. } => {
            reply.push("Allow", allow);
            Some("text/plain")
        }
        Content::Moved(location) => {
            reply.push("Location", location);
            Some("text/plain")
        }
    };
    finish(&mut reply, instance.unix(call.now), media);
    reply
}

fn finish(reply: &mut Reply, unix: u64, media: Option<&str>) {
    reply.push_length();
    reply.push("Date", date::http(unix));
    reply.push("Server", "EC2ws");
    if !reply.keep {
        reply.push("Connection", "close");
    }
    if let Some(media) = media {
        reply.push("Content-Type", media);
    }
}

pub(super) fn injected(call: &Call<'_>, status: u16, body: &[u8]) -> Reply {
    let mut reply = dress(call, Content::Empty(status));
    reply.body = body.to_vec();
    reply.bodiless = call.is("HEAD");
    reply
}

pub(super) fn unreadable(instance: &Instance, now: core::time::Duration) -> Reply {
    let mut reply = Reply {
        minor: u8::from(instance.profile != Profile::Ec2Legacy),
        status: 400,
        reason: reason(400),
        headers: Vec::new(),
        body: page(400).into_bytes(),
        bodiless: false,
        keep: false,
    };
    finish(&mut reply, instance.unix(now), Some("text/html"));
    reply
}

/// The page of an error, 339 bytes for 404 (facts §1.9).
fn page(status: u16) -> String {
    let title = format!("{status} - {}", reason(status));
    format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n\
         <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
         \t\t \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n \
         <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn the_page_of_404_has_339_bytes() {
        let page = page(404);
        assert_eq!(page.len(), 339);
        assert!(page.contains("\n\t\t \"http://www.w3.org/"));
        assert!(page.ends_with("<h1>404 - Not Found</h1>\n </body>\n</html>\n"));
    }
}
