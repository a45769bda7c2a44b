//! A walk as a stream.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_core::Stream;
use imds_core::Error;
use imds_core::walk::Options;
use imds_os::Node;

use crate::pool::Pool;
use crate::task::Task;

/// The nodes of a tree, as they come.
///
/// An error ends the walk; a node that could not be read is no error, but [`Node::Missing`].
/// While nobody polls it, it holds no lane. Dropping it ends the walk.
pub struct Walk {
    state: State,
}

enum State {
    Beginning(Pin<Box<dyn Future<Output = Result<Task, Error>> + Send>>),
    Walking(Task),
    Ended,
}

impl Walk {
    pub(crate) fn new(pool: Arc<Pool>, path: String, options: Options, lanes: usize) -> Self {
        Self {
            state: State::Beginning(Box::pin(async move {
                Task::begin(&pool, lanes, |state, now| {
                    state.session.walk(now, &path, options)
                })
                .await
            })),
        }
    }

    /// The next node; `None` when the walk is over.
    pub async fn next(&mut self) -> Option<Result<Node, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Walk {
    type Item = Result<Node, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Beginning(beginning) => match beginning.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(task)) => self.state = State::Walking(task),
                    Poll::Ready(Err(error)) => {
                        self.state = State::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Walking(task) => {
                    let op = task.op;
                    task.pool().lock().session.resume(op);
                    let polled = task.poll(cx, |state| {
                        if let Some(node) = state.gather.take_node(op) {
                            // Until the next call nobody takes what lanes would bring.
                            state.session.pause(op);
                            return Some(Some(Ok(node)));
                        }
                        match state.gather.result(op)? {
                            Ok(_) => Some(None),
                            Err(error) => Some(Some(Err(error))),
                        }
                    });
                    let Poll::Ready(item) = polled else {
                        return Poll::Pending;
                    };
                    if !matches!(item, Some(Ok(_))) {
                        self.state = State::Ended;
                    }
                    return Poll::Ready(item);
                }
            }
        }
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").finish_non_exhaustive()
    }
}
