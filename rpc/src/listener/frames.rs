//! Counts the messages that pass over a WebSocket, without looking into them: the
//! library tells of requests only once it has taken them.

/// The longest header of a frame: its first two bytes, eight of length and four
/// of mask.
const MAX_HEADER: usize = 14;

/// Follows one direction of a connection from its first byte.
#[derive(Debug, Default)]
pub(super) struct Frames {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Within the head of the HTTP message that comes first; so many bytes of
    /// the empty line at its end are there.
    Head { matched: u8 },
    /// Within the header of a frame.
    Header {
        bytes: [u8; MAX_HEADER],
        have: usize,
    },
    /// Within what a frame carries.
    Payload { left: u64, ends_message: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Head { matched: 0 }
    }
}

const NEXT_FRAME: State = State::Header {
    bytes: [0; MAX_HEADER],
    have: 0,
};

impl Frames {
    /// Takes bytes that have passed; the messages that have ended with them.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0u64;
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Head { matched } => {
                    *matched = match (*matched, first) {
                        (0 | 2, b'\r') | (1 | 3, b'\n') => matched.saturating_add(1),
                        (_, b'\r') => 1,
                        _ => 0,
                    };
                    if *matched == 4 {
                        self.state = NEXT_FRAME;
                    }
                    bytes = rest;
                }
                State::Header {
                    bytes: header,
                    have,
                } => {
                    if let Some(place) = header.get_mut(*have) {
                        *place = *first;
                    }
                    *have = have.saturating_add(1);
                    bytes = rest;
                    if let Some((left, ends_message)) = parse(header, *have) {
                        messages = messages.saturating_add(u64::from(ends_message && left == 0));
                        self.state = match left {
                            0 => NEXT_FRAME,
                            left => State::Payload { left, ends_message },
                        };
                    }
                }
                State::Payload { left, ends_message } => {
                    let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(*left);
                    *left = left.saturating_sub(here);
                    let ended = *left == 0;
                    messages = messages.saturating_add(u64::from(ended && *ends_message));
                    if ended {
                        self.state = NEXT_FRAME;
                    }
                    let here = usize::try_from(here).unwrap_or(usize::MAX);
                    bytes = bytes.get(here..).unwrap_or_default();
                }
            }
        }
        messages
    }
}

/// The length of what follows a header of so many bytes, and whether a message
/// ends with it; `None` for a header that goes on.
fn parse(header: &[u8; MAX_HEADER], have: usize) -> Option<(u64, bool)> {
    let [first, second, rest @ ..] = header;
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    let (extra, length) = match second & 0x7f {
        126 => (
            2,
            rest.first_chunk()
                .map(|bytes| u16::from_be_bytes(*bytes).into()),
        ),
        127 => (
            8,
            rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)),
        ),
        short => (0, Some(u64::from(short))),
    };
    let is_whole = have >= 2 + extra + mask;
    // Those from 8 on are pings, pongs and the close.
    let is_data = first & 0x0f < 8;
    let is_last = first & 0x80 != 0;
    is_whole.then_some((length?, is_data && is_last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match length {
            0..=125 => frame.push(mask | length as u8),
            126..=0xffff => {
                frame.push(mask | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(std::iter::repeat_n(9, if masked { 4 } else { 0 }));
        // What is carried may look like anything.
        frame.extend(std::iter::repeat_n(0x81, length));
        frame
    }

    proptest! {
        /// However the bytes are cut, messages are those frames that are data and
        /// the last of their message.
        #[test]
        fn messages_are_counted_whatever_they_are_cut_into(
            frames in proptest::collection::vec(
                (
                    prop_oneof![Just(0x81u8), Just(0x82), Just(0x01), Just(0x80), Just(0x89), Just(0x8a)],
                    prop_oneof![0usize..4, 124usize..128, 65_534usize..65_538],
                    any::<bool>(),
                ),
                0..8,
            ),
            cuts in proptest::collection::vec(1usize..5_000, 1..60),
        ) {
            let mut bytes = b"GET / HTTP/1.1\r\nA: \r\r\nB: b\r\n\r\n".to_vec();
            let mut expected = 0;
            for (first, length, masked) in &frames {
                bytes.extend(frame(*first, *length, *masked));
                expected += u64::from(matches!(first, 0x80..=0x82));
            }
            let (mut counter, mut counted) = (Frames::default(), 0);
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                counted += counter.pass(now);
                rest = later;
            }
            prop_assert_eq!(counted, expected);
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            Frames::default().pass(&bytes);
            let after_head = [b"\r\n\r\n".to_vec(), bytes].concat();
            Frames::default().pass(&after_head);
        }
    }
}
