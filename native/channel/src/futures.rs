//! The few combinators that are needed; tokio's own are behind a procedural macro.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;

pub enum Either<A, B> {
    First(A),
    Second(B),
}

/// The one that is done first; the other is dropped. The first is asked first.
pub async fn either<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|context| {
        if let Poll::Ready(done) = a.as_mut().poll(context) {
            return Poll::Ready(Either::First(done));
        }
        b.as_mut().poll(context).map(Either::Second)
    })
    .await
}

/// Both, side by side; ends early with the first error.
pub async fn both<A, B, X, Y, E>(a: A, b: B) -> Result<(X, Y), E>
where
    A: Future<Output = Result<X, E>>,
    B: Future<Output = Result<Y, E>>,
{
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(|context| {
        if of_a.is_none() {
            if let Poll::Ready(done) = a.as_mut().poll(context) {
                of_a = Some(done?);
            }
        }
        if of_b.is_none() {
            if let Poll::Ready(done) = b.as_mut().poll(context) {
                of_b = Some(done?);
            }
        }
        match (of_a.take(), of_b.take()) {
            (Some(x), Some(y)) => Poll::Ready(Ok((x, y))),
            (x, y) => {
                (of_a, of_b) = (x, y);
                Poll::Pending
            }
        }
    })
    .await
}
