//! From a request to an answer: one file per family of servers, no bytes, no connection.

mod ec2;
mod html;
mod mmds;

use core::time::Duration;

use crate::{
    DEFAULT_EPOCH, Profile, TokenUse, Tokens, Tree,
    reply::Reply,
    request::{Request, Segments},
    token::TokenDesk,
};

/// When an EC2-like server keeps a connection open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// As the server of the profile does.
    Natural,
    Always,
    Never,
}

/// The server's state, apart from connections, faults and the log.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) profile: Profile,
    pub(crate) tokens: Tokens,
    pub(crate) desk: TokenDesk,
    pub(crate) tree: Tree,
    pub(crate) keep_alive: KeepAlive,
    /// Unix time of the mock's beginning, once somebody said it.
    pub(crate) epoch: Option<u64>,
    /// MMDS: text whatever `Accept` says.
    pub(crate) imds_compat: bool,
    /// After this long a silent connection is reset.
    pub(crate) reset_after: Option<Duration>,
}

impl Instance {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.unwrap_or(DEFAULT_EPOCH)
    }

    pub(crate) fn unix(&self, now: Duration) -> u64 {
        self.epoch().saturating_add(now.as_secs())
    }

    fn keeps(&self, naturally: bool) -> bool {
        match self.keep_alive {
            KeepAlive::Natural => naturally,
            KeepAlive::Always => true,
            KeepAlive::Never => false,
        }
    }

    fn is_mmds(&self) -> bool {
        self.profile == Profile::Mmds
    }
}

/// One request with all that is known about it.
pub(crate) struct Call<'a> {
    pub(crate) instance: &'a mut Instance,
    pub(crate) now: Duration,
    pub(crate) request: &'a Request,
    pub(crate) segments: &'a Segments,
    pub(crate) token: TokenUse,
}

impl Call<'_> {
    fn is(&self, method: &str) -> bool {
        self.request.method == method
    }

    /// Neither a live token nor, where they are optional, none at all.
    fn lacks_token(&self) -> bool {
        match self.token {
            TokenUse::Valid => false,
            TokenUse::Invalid => true,
            TokenUse::None => self.instance.tokens == Tokens::Required,
        }
    }

    /// Whole seconds left to the token of this request.
    fn remaining(&self) -> Option<u64> {
        let token = self.request.header(TOKEN_HEADER)?;
        match self.token {
            TokenUse::Valid => self.instance.desk.remaining(self.now, token),
            TokenUse::None | TokenUse::Invalid => None,
        }
    }
}

/// What the server does about a request.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Reply),
    /// Nothing, ever.
    Silence,
}

const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const MMDS_TOKEN_HEADER: &str = "x-metadata-token";
const MMDS_TTL_HEADER: &str = "x-metadata-token-ttl-seconds";

/// The token of a request, as the server of this profile sees it.
pub(crate) fn judge(instance: &Instance, now: Duration, request: &Request) -> TokenUse {
    let own = instance.is_mmds().then_some(MMDS_TOKEN_HEADER);
    let mut tokens = request
        .all(TOKEN_HEADER)
        .chain(own.into_iter().flat_map(|name| request.all(name)));
    match (tokens.next(), tokens.next()) {
        (None, _) => TokenUse::None,
        (Some(token), None) if instance.desk.remaining(now, token).is_some() => TokenUse::Valid,
        (Some(_), _) => TokenUse::Invalid,
    }
}

/// The profile's own answer.
pub(crate) fn respond(call: &mut Call<'_>) -> Answer {
    match Family::of(call.instance.profile) {
        Family::Ec2 => ec2::respond(call),
        Family::Mmds => Answer::Reply(mmds::respond(call)),
        Family::Html => Answer::Reply(html::respond(call)),
    }
}

/// Profiles that speak alike.
enum Family {
    Ec2,
    Mmds,
    Html,
}

impl Family {
    fn of(profile: Profile) -> Self {
        match profile {
            Profile::Ec2
            | Profile::Ec2Legacy
            | Profile::V1Only
            | Profile::V1Only405
            | Profile::Disabled
            | Profile::HopLimited => Self::Ec2,
            Profile::Mmds => Self::Mmds,
            Profile::Html | Profile::Html405 => Self::Html,
        }
    }
}

/// An answer that a fault dictates, in the dress of the profile.
pub(crate) fn injected(
    call: &Call<'_>,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> Reply {
    let mut reply = match Family::of(call.instance.profile) {
        Family::Ec2 => ec2::injected(call, status, body),
        Family::Mmds => mmds::injected(call, status, body),
        Family::Html => html::injected(call, status, body),
    };
    for (name, _) in headers {
        reply.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }
    // A fault may repeat a header on purpose.
    for (name, value) in headers {
        reply.push(name, value.as_str());
    }
    reply
}

/// The answer to bytes that are no request.
pub(crate) fn unreadable(instance: &Instance, now: Duration) -> Reply {
    match Family::of(instance.profile) {
        Family::Ec2 => ec2::unreadable(instance, now),
        Family::Mmds => mmds::unreadable(),
        Family::Html => html::unreadable(instance, now),
    }
}
