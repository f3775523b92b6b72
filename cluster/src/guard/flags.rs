//! The flags that only an agent gives: they say where a process runs and who it is.

use super::mistake::Mistake;

const CORES: &str = "worker threads are the cores that the job asks for";
const SPREAD: &str = "say how many processes the job has, and the master gives each its place";
const SECRET: &str = "each generation of a job has a secret of its own";
const GENERATION: &str = "the master counts them";
const PATIENCE: &str = "how long processes wait for each other is the agent's to say";

/// Short flags: they may stand alone, or with their value behind them.
const SHORT: [(&str, &str); 4] = [("-w", CORES), ("-n", SPREAD), ("-p", SPREAD), ("-h", SPREAD)];

/// Long flags: they may stand alone, or with `=` and their value behind them.
const LONG: [(&str, &str); 8] = [
    ("--workers", CORES),
    ("--processes", SPREAD),
    ("--process", SPREAD),
    ("--hostfile", SPREAD),
    ("--secret-file", SECRET),
    ("--insecure", SECRET),
    ("--generation", GENERATION),
    ("--connect-timeout", PATIENCE),
];

/// Says of each such flag what to do instead.
pub(super) fn mistakes(args: &[String]) -> Vec<Mistake> {
    let numbered = args.iter().enumerate().map(|(at, word)| (at + 1, word));
    let found = numbered.filter_map(|(number, word)| agents_flag(word).map(|found| (number, found)));
    found.map(|(number, (flag, instead))| Mistake::AgentsFlag { number, flag: flag.to_owned(), instead }).collect()
}

fn agents_flag(word: &str) -> Option<(&'static str, &'static str)> {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let long = LONG.into_iter().find(|(flag, _)| *flag == name);
    long.or_else(|| SHORT.into_iter().find(|(flag, _)| word.starts_with(flag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_an_agents_flag_is_found_and_nothing_else() {
        for word in ["-w", "-w4", "-w=4", "-n", "-p0", "-hhosts.txt", "--workers", "--workers=4", "--process=1"] {
            assert!(agents_flag(word).is_some(), "{word}");
        }
        for word in ["--secret-file=x", "--insecure", "--generation", "--connect-timeout=1", "--hostfile"] {
            assert!(agents_flag(word).is_some(), "{word}");
        }
        for word in ["w", "--", "-", "--work", "--workers-of-the-world", "--secret", "-i", "4", "x-w4", "--help"] {
            assert_eq!(agents_flag(word), None, "{word}");
        }
    }
}
