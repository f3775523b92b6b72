//! The hostfile: one address a line, in order of process index.
//!
//! ```text
//! # process 0
//! node-a:2101
//! node-b:2101      # a comment may follow
//! [fd00::7]:2101
//! ```
//!
//! Blank lines and comments are skipped; lines beyond the number of processes are checked and otherwise ignored, as
//! timely does. Host names are not resolved here.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use super::error::FlagMistake;
use crate::ids::ProcessCount;

/// `HOST:PORT`. The host is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// An address from its parts; `host` without brackets.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl FromStr for Address {
    /// What is wrong with the text.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("there is no port")?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or("the bracket isn't closed")?;
                inner.parse::<std::net::Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
                inner
            }
            None if host.contains(':') => return Err("an IPv6 address needs brackets, as in [::1]:2101"),
            None => host,
        };
        if host.is_empty() {
            return Err("there is no host");
        }
        if host.contains(char::is_whitespace) || host.contains('/') {
            return Err("a host name has no spaces and no slashes");
        }
        match port.parse() {
            Ok(0) | Err(_) => Err("the port is no number from 1 to 65535"),
            Ok(port) => Ok(Self::new(host, port)),
        }
    }
}

/// Reads the addresses of `processes` processes from `file`.
///
/// # Errors
/// All mistakes of the file together.
pub fn read(file: &Path, processes: ProcessCount) -> Result<Vec<Address>, Vec<FlagMistake>> {
    let text = fs::read_to_string(file)
        .map_err(|reason| vec![FlagMistake::HostfileUnreadable { file: file.to_owned(), reason }])?;
    parse(&text, file, processes)
}

fn parse(text: &str, file: &Path, processes: ProcessCount) -> Result<Vec<Address>, Vec<FlagMistake>> {
    let mut found: Vec<(usize, Address)> = Vec::new();
    let mut lines_with_text = 0;
    let mut mistakes = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        lines_with_text += 1;
        match text.parse::<Address>() {
            Err(reason) => {
                let (file, text) = (file.to_owned(), text.to_owned());
                mistakes.push(FlagMistake::HostfileLine { file, line, text, reason });
            }
            Ok(address) => match found.iter().find(|(_, earlier)| *earlier == address) {
                Some(&(first, _)) => {
                    mistakes.push(FlagMistake::HostfileRepeats { file: file.to_owned(), line, first, address });
                }
                None => found.push((line, address)),
            },
        }
    }
    if lines_with_text < processes.get() {
        mistakes.push(FlagMistake::HostfileShort { file: file.to_owned(), found: lines_with_text, processes });
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(found.into_iter().map(|(_, address)| address).take(processes.get()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, processes: usize) -> Result<Vec<String>, Vec<String>> {
        parse(text, Path::new("hosts.txt"), ProcessCount::new(processes))
            .map(|addresses| addresses.iter().map(ToString::to_string).collect())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn blank_lines_comments_and_further_lines_are_skipped() {
        let text = "# two hosts\n\n  a.example:2101  \n[::1]:9 # here\r\nc:3\n";
        assert_eq!(parsed(text, 2), Ok(vec!["a.example:2101".to_owned(), "[::1]:9".to_owned()]));
    }

    #[test]
    fn every_bad_line_is_named_with_its_number() {
        let cases = [
            ("a", "there is no port"),
            ("a:", "no number from 1 to 65535"),
            ("a:0", "no number from 1 to 65535"),
            ("a:70000", "no number from 1 to 65535"),
            ("a:-1", "no number from 1 to 65535"),
            (":2101", "there is no host"),
            ("::1:2101", "needs brackets"),
            ("[::1:2101", "isn't closed"),
            ("[a]:2101", "no IPv6 address"),
            ("a b:2101", "no spaces"),
            ("http://a:2101", "IPv6 address needs brackets"),
        ];
        for (text, says) in cases {
            let mistakes = parsed(&format!("ok:1\n{text}\n"), 2).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            for part in ["line 2 of the hostfile hosts.txt", text, says] {
                assert!(mistakes[0].contains(part), "{:?} lacks {part:?}", mistakes[0]);
            }
        }
    }

    #[test]
    fn all_mistakes_come_together() {
        let mistakes = parsed("a:1\nnonsense\na:1\n", 5).unwrap_err();
        assert_eq!(mistakes.len(), 3);
        assert!(mistakes[1].contains("line 3") && mistakes[1].contains("repeats line 1"), "{mistakes:?}");
        assert!(mistakes[2].contains("has 3 addresses, but -n 5 needs 5"), "{mistakes:?}");
        assert!(parsed("a:1", 2).unwrap_err()[0].contains("has 1 address, but"));
    }

    proptest! {
        #[test]
        fn an_address_reads_as_it_is_shown(host in "[a-z0-9.-]{1,20}|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}", port in 1..=u16::MAX) {
            let address = Address::new(host, port);
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
