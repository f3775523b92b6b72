//! Settings of client libraries that make a process load or run what they name. Nobody may set one: a configuration comes from
//! whoever may submit a job, and the process has more than that.
//!
//! The names are those of librdkafka's CONFIGURATION.md (2.12), whatever this build of it would do with them.

/// Their names.
pub const FOREIGN_CODE: [&str; 6] = [
    "plugin.library.paths",
    "sasl.kerberos.kinit.cmd",
    "ssl.engine.id",
    "ssl.engine.location",
    "ssl.providers",
    "ssl_engine_callback_data",
];

/// How the names of commands end, those of later versions among them.
const COMMAND: &str = ".cmd";

/// Whether a key is such a setting, or ends with its name as in `kafka.properties.ssl.providers`.
#[must_use]
pub fn brings_foreign_code(key: &str) -> bool {
    let key = key.trim().to_ascii_lowercase();
    let is_named = |name: &str| key.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    key.ends_with(COMMAND) || FOREIGN_CODE.into_iter().any(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_bring_code_are_known_alone_and_at_the_end_of_a_key() {
        for name in FOREIGN_CODE.into_iter().chain(["some.later.cmd", "SSL.Providers"]) {
            assert!(brings_foreign_code(name) && brings_foreign_code(&format!("kafka.properties.{name}")), "{name}");
        }
        for name in ["security.protocol", "ssl.ca.location", "my-ssl.providers", "plugin", "", "cmd.x"] {
            assert!(!brings_foreign_code(name), "{name}");
        }
    }
}
