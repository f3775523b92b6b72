//! How a server is reached, and by whom. What must stay secret never gets into a message.

use std::fmt;
use std::time::Duration;

use super::error::MongoError;

/// How a server, or a set of them, is reached.
#[derive(Clone)]
pub struct MongoOptions {
    /// A connection string, `mongodb://HOST:PORT,…/?…`, without a password.
    pub url: String,
    /// Who connects; `None` where the server asks nobody.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long to look for a server that takes writes.
    pub selection_timeout: Duration,
    /// How long one command may take, and how long a write waits for a majority.
    pub command_timeout: Duration,
}

impl MongoOptions {
    /// The servers of a connection string, without a user.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
            connect_timeout: Duration::from_secs(5),
            selection_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(30),
        }
    }

    /// The hosts of the connection string, for messages: no user, no password, no options.
    #[must_use]
    pub fn shown(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        // A password may hold any of the signs that end a host, so the last `@` decides.
        let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
        hosts.split(['/', '?']).next().unwrap_or_default()
    }

    /// Whether the options make sense, before anybody is asked.
    pub(super) fn check(&self) -> Result<(), MongoError> {
        let wrong = |cause: &str| Err(MongoError::permanent(format!("the server of MongoDB {cause}")));
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return wrong("is named by no URL; write mongodb://HOST:PORT");
        };
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            return wrong("is named by a URL of another kind; write mongodb://HOST:PORT");
        }
        if rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return wrong("has a password in its URL, where logs may show it; give it by a file or by the environment");
        }
        if self.shown().is_empty() {
            return wrong("is named by a URL without a host; write mongodb://HOST:PORT");
        }
        match (&self.user, &self.password) {
            (Some(_), None) => wrong("is asked by a user without a password; give it by a file or by the environment"),
            (None, Some(_)) => wrong("is given a password without a user; name the user, too"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for MongoOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, user, password, connect_timeout, selection_timeout, command_timeout } = self;
        f.debug_struct("MongoOptions")
            .field("hosts", &self.shown())
            .field("user", user)
            .field("password", &password.as_ref().map(|_| "(hidden)"))
            .field("connect_timeout", connect_timeout)
            .field("selection_timeout", selection_timeout)
            .field("command_timeout", command_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_are_shown() {
        for (url, shown) in [
            ("mongodb://127.0.0.1:27017", "127.0.0.1:27017"),
            ("mongodb://a:1,b:2/?replicaSet=rs0&tls=true", "a:1,b:2"),
            ("mongodb://me@a:1/db", "a:1"),
            ("mongodb://me:se@cr/et@a:1/db", "a:1"),
            ("mongodb+srv://cluster.example.org/?x=1", "cluster.example.org"),
            ("a:1", "a:1"),
        ] {
            assert_eq!(MongoOptions::new(url).shown(), shown);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut options = MongoOptions::new("mongodb://me:hunter2@a:1/?authMechanismProperties=K:hunter2");
        assert!(!options.check().unwrap_err().to_string().contains("hunter2"));
        options.password = Some("hunter2".to_owned());
        assert!(!format!("{options:?}").contains("hunter2"), "{options:?}");
    }

    #[test]
    fn what_makes_no_sense_is_told_before_anybody_is_asked() {
        assert_eq!(MongoOptions::new("mongodb://a:1").check(), Ok(()));
        let with = |user: Option<&str>, password: Option<&str>| MongoOptions {
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
            ..MongoOptions::new("mongodb://a:1")
        };
        assert_eq!(with(Some("me"), Some("x")).check(), Ok(()));
        for (options, told) in [
            (MongoOptions::new("a:1"), "named by no URL"),
            (MongoOptions::new("kafka://a:1"), "another kind"),
            (MongoOptions::new("mongodb:///x"), "without a host"),
            (with(Some("me"), None), "without a password"),
            (with(None, Some("x")), "without a user"),
        ] {
            let error = options.check().unwrap_err();
            assert!(error.to_string().contains(told) && !error.is_transient(), "{error}");
        }
    }
}
