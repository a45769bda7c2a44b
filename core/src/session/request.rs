//! Requests written.

use core::fmt;

use crate::config::MAX_TOKEN_TTL;
use crate::error::{Error, What};
use crate::http::{self, Request};
use crate::lane::{Buffer, Job, Lane};
use crate::path::Encoded;
use crate::session::Session;
use crate::session::ops::{Kind, OpState};
use crate::session::v1::V1;
use crate::time::Instant;

/// Facts §1.2.
const TOKEN_PATH: &str = "/latest/api/token";
const TTL_REQUEST: &str = "X-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "X-aws-ec2-metadata-token";

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Writes the request of a lane that is connected.
    pub(super) fn request<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        let job = lane.job;
        if let Job::Token(_) = job {
            lane.job = Job::Token(now);
            self.fetch.lane = Some((lane.id, true));
            self.counters.token_requests = self.counters.token_requests.wrapping_add(1);
        } else if !self.may_read(now) || !self.spend_pace(now, job) {
            // While the connection was made the token ran out, or others spent the budget. The
            // work goes back; the connection stays.
            if let Some(op) = lane.op().and_then(|op| self.op_mut(op)) {
                op.state = OpState::Waiting;
            }
            lane.rest();
            return true;
        }
        let written = match job {
            Job::Token(_) => {
                let endpoint = self.config.endpoint(lane.second);
                let ttl = self.config.token_ttl.clamp(1, MAX_TOKEN_TTL);
                http::write(
                    lane.request_buffer(),
                    &Request {
                        method: "PUT",
                        prefix: endpoint.prefix(),
                        target: &TOKEN_PATH,
                        host: &endpoint.authority(),
                        header: Some((TTL_REQUEST, &ttl)),
                        empty_body: true,
                    },
                )
                .map(|len| (len, None))
            }
            Job::None | Job::Read(_) | Job::Classify(_) | Job::Node(_) => {
                self.write_read(lane, job)
            }
        };
        match written {
            Some((len, generation)) => {
                self.counters.requests = self.counters.requests.wrapping_add(1);
                lane.begin_request(now, len, generation);
            }
            None => lane.end(Err(Error::TooLarge(What::Request))),
        }
        true
    }

    /// Takes a request from the budget. Walks, and only walks, are paced. False: it is spent.
    fn spend_pace(&mut self, now: Instant, job: Job) -> bool {
        let walking = match job {
            Job::Node(_) => true,
            Job::Classify(op) => self.walk_index(op).is_some(),
            Job::None | Job::Token(_) | Job::Read(_) => false,
        };
        match &mut self.pace {
            Some(budget) if walking => {
                let ready = budget.ready_at() <= now;
                if ready {
                    budget.take(now);
                }
                ready
            }
            _ => true,
        }
    }

    fn write_read<B: Buffer>(
        &mut self,
        lane: &mut Lane<B>,
        job: Job,
    ) -> Option<(usize, Option<u32>)> {
        let generation = (self.v1 == V1::Off).then(|| self.token.mark_used());
        if let Some(op) = lane.op().and_then(|op| self.op_mut(op))
            && let OpState::Active { connected } = &mut op.state
        {
            *connected = true;
        }
        let second = lane.second;
        let (buffer, node) = lane.request_parts();
        let target = match job {
            Job::Node(_) => {
                let node = node?;
                Target {
                    path: &node.path,
                    slash: node.tries.slash,
                }
            }
            Job::Classify(id) => Target {
                path: Self::classify_dir(&self.op(id)?.path),
                slash: false,
            },
            Job::Read(id) => {
                let op = self.op(id)?;
                let list = op.kind == Kind::List && !op.path.ends_with('/');
                Target {
                    path: &op.path,
                    slash: op.tries.slash || list,
                }
            }
            Job::None | Job::Token(_) => return None,
        };
        let endpoint = self.config.endpoint(second);
        let header: Option<(&'static str, &dyn fmt::Display)> = match generation {
            Some(_) => Some((TOKEN_HEADER, &self.token)),
            None => None,
        };
        let len = http::write(
            buffer,
            &Request {
                method: "GET",
                prefix: endpoint.prefix(),
                target: &target,
                host: &endpoint.authority(),
                header,
                empty_body: false,
            },
        )?;
        Some((len, generation))
    }
}

/// A display path as a request target, perhaps with a slash that it does not have.
struct Target<'a> {
    path: &'a str,
    slash: bool,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Encoded(self.path))?;
        if self.slash { f.write_str("/") } else { Ok(()) }
    }
}
