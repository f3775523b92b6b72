//! An agent runs whatever jobs it is sent, so it should not be root.

use thiserror::Error;

/// An agent was started as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a worker's jobs would run as root: start it as a user of its own, or say --allow-root if this is a container or a \
     machine that holds nothing else"
)]
pub struct RunsAsRoot;

/// Whether an agent may run as this user: `geteuid()`, and whether `--allow-root` was typed.
///
/// # Errors
/// It is root, and nobody allowed that.
pub const fn check_user(effective_user: u32, root_is_allowed: bool) -> Result<(), RunsAsRoot> {
    if effective_user == 0 && !root_is_allowed { Err(RunsAsRoot) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_must_be_typed() {
        assert_eq!(check_user(1000, false), Ok(()));
        assert_eq!(check_user(1000, true), Ok(()));
        assert_eq!(check_user(0, true), Ok(()));
        assert_eq!(check_user(0, false), Err(RunsAsRoot));
        assert!(RunsAsRoot.to_string().contains("--allow-root"));
    }
}
