//! Kernels before 5.19 let a signal interrupt a caller while its connection is being made. The
//! caller then makes the same call again, and must get the first one's result: a second `connect`
//! would say that the socket is connected already.

use super::listener::{Answer, Notification};

/// Results are wanted within moments; older ones are forgotten.
const MOST: usize = 64;

#[derive(Default)]
pub struct Replays {
    untaken: Vec<(Notification, Answer)>,
}

impl Replays {
    pub fn keep(&mut self, finished: (Notification, Answer)) {
        self.untaken.retain(|(call, _)| call.tid != finished.0.tid);
        if self.untaken.len() == MOST {
            self.untaken.remove(0);
        }
        self.untaken.push(finished);
    }

    /// The result of the same call of the same thread.
    pub fn take(&mut self, call: &Notification) -> Option<Answer> {
        let at = self
            .untaken
            .iter()
            .position(|(kept, _)| kept.tid == call.tid)?;
        let (kept, answer) = self.untaken.remove(at);
        (kept.number == call.number && kept.args[..3] == call.args[..3]).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tid: u32, fd: u64) -> Notification {
        Notification {
            id: 1,
            tid,
            number: 42,
            args: [fd, 0x1000, 16, 0, 0, 0],
        }
    }

    #[test]
    fn a_result_is_given_once_to_the_same_call() {
        let mut replays = Replays::default();
        replays.keep((call(7, 3), Answer::Value(0)));
        assert_eq!(replays.take(&call(8, 3)), None);
        assert_eq!(replays.take(&call(7, 3)), Some(Answer::Value(0)));
        assert_eq!(replays.take(&call(7, 3)), None);
    }

    #[test]
    fn another_call_of_the_thread_forgets_it() {
        let mut replays = Replays::default();
        replays.keep((call(7, 3), Answer::Value(0)));
        assert_eq!(replays.take(&call(7, 4)), None);
        assert_eq!(replays.take(&call(7, 3)), None);
    }

    #[test]
    fn there_are_not_more_than_a_few() {
        let mut replays = Replays::default();
        (0..1000).for_each(|tid| replays.keep((call(tid, 3), Answer::Value(0))));
        assert_eq!(replays.untaken.len(), MOST);
    }
}
