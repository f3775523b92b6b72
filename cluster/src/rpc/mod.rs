//! Calls between agents, the master and people's commands: HTTP, and in it JSON in sealed envelopes.
//!
//! ```text
//! caller                                            callee
//!   │  POST /rpc/hello   role, nonce                  │
//!   │ ───────────────────────────────────────────────►│  remembers nothing yet
//!   │ ◄────────────────  session, nonce, when issued  │
//!   │  POST /rpc/call    session ..., 1, body, tag    │
//!   │ ───────────────────────────────────────────────►│  knows the session from now on
//!   │ ◄─────────────────────────  1, body, tag        │
//!   │  POST /rpc/call    session ..., 2, body, tag    │
//! ```
//!
//! A session's key is derived from the secret of the caller's role and both nonces. Each envelope carries a tag (HMAC) over its
//! direction, its number and its body. So: nobody without the secret can call or answer; an envelope that is sent again, to
//! the same callee, to another one or to a later life of it, is refused; an answer belongs to its call. Who only says hello
//! costs the callee nothing.
//!
//! | module | holds |
//! |---|---|
//! | [`seal`] | keys, envelopes and their tags; pure |
//! | [`door`] | the callee's sessions: who is let in; pure |
//! | [`serve`] | the routes |
//! | [`call`] | the caller |
//!
//! It is authenticated and not encrypted: whoever can read the network can read what is said.

pub mod call;
pub mod door;
pub mod seal;
pub mod serve;
#[cfg(test)]
mod tests;

/// No call is longer, in bytes. It is read before it is known who calls.
pub const LONGEST_CALL: usize = 4 << 20;

/// No answer is longer, in bytes.
pub const LONGEST_ANSWER: usize = 16 << 20;
