//! Strangers at every port of a cluster, while a stream answers and another job waits for its second process: the master's and
//! the agent's port for calls, the mesh of the job that waits, and the port of the stream. Whatever they send, the jobs go on in
//! the life that they had, all is answered, nobody joins, and no heartbeat is missed.
//!
//! | module | shows |
//! |---|---|
//! | `strangers` | port scans, HTTP, random bytes, idle connections, wrong secrets |
//! | `replays` | what was listened to, said again: calls and handshakes |
//! | `scene` | what all of them stand in |

mod replays;
mod scene;
mod strangers;
