//! How a process ended: from what the system says and what the agent had sent.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::ids::Memory;
use crate::protocol::HowEnded;

/// What an agent has sent to a process, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing.
    Nothing,
    /// SIGTERM, as ordered.
    Drain,
    /// SIGKILL, as ordered.
    Kill,
    /// SIGKILL, because it used too much.
    TooMuchMemory { used: Memory, limit: Memory },
}

/// How it ended. A process that ends by itself before a signal reaches it has ended by itself.
pub(super) fn how_ended(status: ExitStatus, sent: Sent) -> HowEnded {
    if let Some(code) = status.code() {
        return HowEnded::Code(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let signal = status.signal().unwrap_or_default();
    match sent {
        Sent::TooMuchMemory { used, limit } if signal == Signal::KILL.as_raw() => {
            HowEnded::TooMuchMemory { used, limit }
        }
        Sent::Kill if signal == Signal::KILL.as_raw() => HowEnded::Ordered,
        // Before a process has installed its handler, SIGTERM ends it as the system has it; also if a kill came after it.
        Sent::Drain | Sent::Kill if signal == Signal::TERM.as_raw() => HowEnded::Ordered,
        _ => HowEnded::Signal(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_put_down_to_whoever_brought_it_about() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        let signal = ExitStatus::from_raw;
        let too_much = Sent::TooMuchMemory { used: Memory(2), limit: Memory(1) };
        for (status, sent, how) in [
            (code(0), Sent::Nothing, HowEnded::Code(0)),
            (code(143), Sent::Drain, HowEnded::Code(143)),
            (code(255), Sent::Kill, HowEnded::Code(255)),
            (code(6), too_much, HowEnded::Code(6)),
            (signal(11), Sent::Nothing, HowEnded::Signal(11)),
            (signal(11), Sent::Drain, HowEnded::Signal(11)),
            (signal(9), Sent::Nothing, HowEnded::Signal(9)),
            (signal(9), Sent::Drain, HowEnded::Signal(9)),
            (signal(15), Sent::Nothing, HowEnded::Signal(15)),
            (signal(15), Sent::Drain, HowEnded::Ordered),
            (signal(15), Sent::Kill, HowEnded::Ordered),
            (signal(9), Sent::Kill, HowEnded::Ordered),
            (signal(9), too_much, HowEnded::TooMuchMemory { used: Memory(2), limit: Memory(1) }),
            // With a core dump.
            (signal(11 | 0x80), Sent::Nothing, HowEnded::Signal(11)),
        ] {
            assert_eq!(how_ended(status, sent), how, "{status:?} {sent:?}");
        }
    }
}
