//! Counts the messages of a WebSocket by their frames: the library reports a request only after it
//! has taken it.

/// The most bytes of a frame's header: the first two, eight of length, four of mask.
const MAX_HEADER: usize = 14;

/// Counts one direction of a connection, from its first byte on.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    state: State,
}

#[derive(Debug)]
enum State {
    /// In the head of the first HTTP message; `matched` bytes of the empty line at its end have
    /// come.
    Head { matched: u8 },
    /// In the header of a frame.
    Header {
        bytes: [u8; MAX_HEADER],
        have: usize,
    },
    /// In the payload of a frame.
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

impl FrameCounter {
    /// Takes the next bytes, and returns the number of messages that end in them.
    pub(crate) fn count(&mut self, mut bytes: &[u8]) -> u64 {
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

/// Returns the length of the payload after a header of which `have` bytes have come, and whether
/// a message ends with it; `None` for an incomplete header.
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
    // Opcodes from 8 on are pings, pongs and the close.
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
        // The payload looks like a header.
        frame.extend(std::iter::repeat_n(0x81, length));
        frame
    }

    proptest! {
        /// A message is a data frame that is the last of its message, wherever the bytes are cut.
        #[test]
        fn messages_are_counted_wherever_bytes_are_cut(
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
            let (mut counter, mut counted) = (FrameCounter::default(), 0);
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                counted += counter.count(now);
                rest = later;
            }
            prop_assert_eq!(counted, expected);
        }

        #[test]
        fn any_bytes_are_accepted(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            FrameCounter::default().count(&bytes);
            let after_head = [b"\r\n\r\n".to_vec(), bytes].concat();
            FrameCounter::default().count(&after_head);
        }
    }
}
