//! Firecracker's microVM metadata service (facts §9.2, §9.3).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use crate::{
    TOKEN_PATH, TokenUse, Tokens,
    reply::Reply,
    token::{LONGEST, Shape, parse_seconds},
    tree::{Directory, Found, Leaf, Node},
};

use super::{Call, MMDS_TTL_HEADER, TTL_HEADER};

/// The form of the answer, from `Accept`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Text,
    Json,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Json => "application/json",
        }
    }
}

pub(super) fn respond(call: &mut Call<'_>) -> Reply {
    let mut reply = answer(call);
    reply.bodiless = call.is("HEAD");
    reply
}

fn answer(call: &mut Call<'_>) -> Reply {
    let minor = call.request.minor;
    if let Some(why) = refuses_head(call) {
        return plain(minor, 400, why);
    }
    match call.request.method.as_str() {
        "GET" => get(call),
        "PUT" => put(call),
        "HEAD" | "POST" | "DELETE" | "OPTIONS" | "PATCH" | "TRACE" | "CONNECT" => {
            let mut reply = bare(minor, 405, b"Not allowed HTTP method.");
            reply.push("Allow", "GET, PUT");
            close_head(&mut reply, Media::Text);
            reply
        }
        _ => plain(minor, 400, "Invalid HTTP Method."),
    }
}

/// What its HTTP library refuses before the service sees the request.
fn refuses_head(call: &Call<'_>) -> Option<&'static str> {
    let request = call.request;
    if request.path().is_empty() {
        return Some("Invalid URI.");
    }
    if request
        .all("content-length")
        .any(|text| parse_seconds(text).is_none())
    {
        return Some("Invalid header. Reason: Invalid value. Key:Content-Length");
    }
    let identity_refused = |value: &str| {
        let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        value.is_empty()
            || value
                .split(',')
                .any(|coding| coding.eq_ignore_ascii_case("identity;q=0"))
    };
    if request.all("accept-encoding").any(identity_refused) {
        return Some("Invalid header. Reason: Invalid value. Key:Accept-Encoding");
    }
    None
}

fn put(call: &mut Call<'_>) -> Reply {
    let request = call.request;
    let minor = request.minor;
    if request.header("x-forwarded-for").is_some() {
        return plain(
            minor,
            400,
            "Invalid header. Reason: Unsupported header name. Key: X-Forwarded-For",
        );
    }
    if collapse(request.path()) != TOKEN_PATH {
        return not_found(call);
    }
    // With both headers real ones pick by chance; the first will do.
    let ttl = request.headers.iter().find(|(name, _)| {
        name.eq_ignore_ascii_case(MMDS_TTL_HEADER) || name.eq_ignore_ascii_case(TTL_HEADER)
    });
    let Some((name, text)) = ttl else {
        return plain(
            minor,
            400,
            "Token time to live value not found. Use `X-metadata-token-ttl-seconds` or \
             `X-aws-ec2-metadata-token-ttl-seconds` header to specify the token's lifetime.",
        );
    };
    let Some(seconds) = parse_seconds(text.trim()) else {
        return plain(
            minor,
            400,
            &format!("Invalid header. Reason: Invalid value. Key:{name}; Value:{text}"),
        );
    };
    let longest = u64::from(call.instance.desk.longest);
    let asked = u32::try_from(seconds)
        .ok()
        .filter(|_| (1..=longest).contains(&seconds));
    let Some(asked) = asked else {
        return plain(
            minor,
            400,
            &format!(
                "Invalid time to live value provided for token: {seconds}. Please provide a value between 1 and {LONGEST}."
            ),
        );
    };
    let (token, texts) = call.instance.desk.issue(call.now, asked, Shape::Mmds);
    let mut reply = bare(minor, 200, token.as_bytes());
    for text in texts {
        // Spelled exactly as the client spelled it.
        reply.push(name, text);
    }
    close_head(&mut reply, Media::Text);
    reply
}

fn get(call: &Call<'_>) -> Reply {
    let minor = call.request.minor;
    if call.instance.tokens == Tokens::Required {
        match call.token {
            TokenUse::Valid => {}
            TokenUse::None => {
                return plain(
                    minor,
                    401,
                    "No MMDS token provided. Use `X-metadata-token` or `X-aws-ec2-metadata-token` header to specify \
                     the session token.",
                );
            }
            TokenUse::Invalid => return plain(minor, 401, "MMDS token not valid."),
        }
    }
    let path = collapse(call.request.path());
    let names: Vec<String> = path
        .split('/')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect();
    let Some(found) = call.instance.tree.find(&names) else {
        return not_found(call);
    };
    let media = accepted(call);
    let unix = call.instance.unix(call.now);
    let body = if media == Media::Json && !call.instance.imds_compat {
        match found {
            Found::Directory(directory) => object(directory, unix),
            Found::Leaf(leaf) => value(leaf, unix),
        }
        .to_string()
        .into_bytes()
    } else {
        match found {
            Found::Directory(directory) => listing(directory).into_bytes(),
            Found::Leaf(Leaf::Json(_)) => {
                return plain(
                    minor,
                    501,
                    "Cannot retrieve value. The value has an unsupported type.",
                );
            }
            Found::Leaf(leaf) => leaf.bytes(unix).into_owned(),
        }
    };
    let mut reply = bare(minor, 200, &body);
    close_head(&mut reply, media);
    reply
}

fn accepted(call: &Call<'_>) -> Media {
    call.request
        .all("accept")
        .flat_map(|value| value.split(','))
        .find_map(
            |range| match range.split(';').next().unwrap_or_default().trim() {
                "application/json" => Some(Media::Json),
                "text/plain" | "*/*" => Some(Media::Text),
                _ => None,
            },
        )
        .unwrap_or(Media::Text)
}

fn collapse(path: &str) -> String {
    let mut collapsed = String::with_capacity(path.len());
    for c in path.chars() {
        if !(c == '/' && collapsed.ends_with('/')) {
            collapsed.push(c);
        }
    }
    collapsed
}

/// Names without a final line feed; every object with its slash, at every level.
fn listing(directory: &Directory) -> String {
    let lines: Vec<String> = directory
        .iter()
        .map(|(name, node)| match node {
            Node::Directory(_) => format!("{name}/"),
            Node::Leaf(_) => name.clone(),
        })
        .collect();
    lines.join("\n")
}

fn object(directory: &Directory, unix: u64) -> Value {
    let members: Map<String, Value> = directory
        .iter()
        .map(|(name, node)| {
            let value = match node {
                Node::Directory(inner) => object(inner, unix),
                Node::Leaf(leaf) => value(leaf, unix),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(members)
}

/// A real store has no binary leaves; here they take the form in which the tree's file has them.
fn value(leaf: &Leaf, unix: u64) -> Value {
    if let Leaf::Json(value) = leaf {
        return value.clone();
    }
    let bytes = leaf.bytes(unix);
    match core::str::from_utf8(&bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => serde_json::json!({ "base64": BASE64_STANDARD.encode(&bytes) }),
    }
}

fn not_found(call: &Call<'_>) -> Reply {
    plain(
        call.request.minor,
        404,
        &format!("Resource not found: {}.", call.request.path()),
    )
}

pub(super) fn injected(call: &Call<'_>, status: u16, body: &[u8]) -> Reply {
    let mut reply = bare(call.request.minor, status, body);
    close_head(&mut reply, Media::Text);
    reply.bodiless = call.is("HEAD");
    reply
}

pub(super) fn unreadable() -> Reply {
    plain(1, 400, "Invalid request.")
}

fn plain(minor: u8, status: u16, text: &str) -> Reply {
    let mut reply = bare(minor, status, text.as_bytes());
    close_head(&mut reply, Media::Text);
    reply
}

/// The first headers; it has no reason phrases, and never closes first.
fn bare(minor: u8, status: u16, body: &[u8]) -> Reply {
    let mut reply = Reply {
        minor,
        status,
        reason: "",
        headers: Vec::new(),
        body: body.to_vec(),
        bodiless: false,
        keep: true,
    };
    reply.push("Server", "Firecracker API");
    reply.push("Connection", "keep-alive");
    reply
}

fn close_head(reply: &mut Reply, media: Media) {
    reply.push("Content-Type", media.name());
    reply.push_length();
}
