//! `/submit`: the form for a new job. What was typed is read as a whole, so that all mistakes are told together, and stays.

use flightline_engine::ids::ProcessCount;
use maud::{Markup, html};
use serde::Deserialize;

use super::sealed;
use crate::ids::{Cores, Memory};
use crate::job::spec::{CarriedFile, JobSpec, Program};
use crate::ui::words::clean;

/// The name under which what was typed as configuration travels.
const CARRIED: &str = "job.toml";

/// What was typed.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(in crate::ui) struct Typed {
    pub(in crate::ui) program: String,
    pub(in crate::ui) name: String,
    pub(in crate::ui) args: String,
    pub(in crate::ui) processes: String,
    pub(in crate::ui) cores: String,
    pub(in crate::ui) memory: String,
    /// There, if it is ticked.
    pub(in crate::ui) supervise: Option<String>,
    pub(in crate::ui) every: String,
    pub(in crate::ui) config: String,
}

impl Default for Typed {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            program: text("train"),
            name: String::new(),
            args: String::new(),
            processes: text("1"),
            cores: text("1"),
            memory: text("1G"),
            supervise: None,
            every: String::new(),
            config: String::new(),
        }
    }
}

/// A field, and what is wrong with what was typed there.
pub(in crate::ui) type Mistake = (&'static str, String);

impl Typed {
    /// The job that was typed, or all that is wrong with it.
    pub(in crate::ui) fn read(&self) -> Result<JobSpec, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut wrong = |field, why: String| mistakes.push((field, why));
        let program = self.program.parse::<Program>().map_err(|error| wrong("program", error.to_string())).ok();
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
        let processes = number(&self.processes);
        if processes.is_none() {
            wrong("processes", format!("{:?} is no number of processes: write 1 or more", self.processes));
        }
        let cores = number(&self.cores);
        if cores.is_none() {
            wrong("cores", format!("{:?} is no number of cores: write 1 or more", self.cores));
        }
        let memory = self.memory.parse::<Memory>().map_err(|error| wrong("memory", error.to_string())).ok();
        let every = match self.every.trim() {
            "" => None,
            text => match humantime::parse_duration(text) {
                Ok(every) if !every.is_zero() => Some(every),
                _ => {
                    wrong("every", format!("{text:?} is no length of time: write 30m, 6h or 1day"));
                    None
                }
            },
        };
        let lines = self.args.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut args: Vec<String> = lines.map(str::to_owned).collect();
        let mut files = Vec::new();
        if !self.config.trim().is_empty() {
            if let Err(error) = self.config.parse::<toml::Table>() {
                wrong("config", no_toml(&error, &self.config));
            }
            if args.iter().any(|arg| arg == "--config" || arg.starts_with("--config=")) {
                wrong("args", "there is a --config already: leave it out, or the configuration below".to_owned());
            }
            args.extend(["--config".to_owned(), format!("{{carried}}/{CARRIED}")]);
            files.push(CarriedFile { name: CARRIED.to_owned(), text: self.config.replace("\r\n", "\n") });
        }
        let (Some(program), Some(processes), Some(cores), Some(memory), true) =
            (program, processes, cores, memory, mistakes.is_empty())
        else {
            return Err(mistakes);
        };
        let name = match self.name.trim() {
            "" => program.name().to_owned(),
            name => name.to_owned(),
        };
        let spec = JobSpec {
            name,
            program,
            args,
            files,
            processes: ProcessCount::new(processes as usize),
            cores: Cores(cores),
            memory,
            supervise: self.supervise.is_some(),
            every,
        };
        let mistakes: Vec<Mistake> = spec.check().iter().map(|why| (why.field(), why.to_string())).collect();
        if mistakes.is_empty() { Ok(spec) } else { Err(mistakes) }
    }
}

/// Why a text is no TOML, in a sentence: the library's own words are a drawing of several lines.
fn no_toml(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {} is no TOML: {}", before.matches('\n').count() + 1, error.message())
}

/// The form, with what was typed and what is wrong with it.
pub(in crate::ui) fn page(typed: &Typed, mistakes: &[Mistake], seal: &str) -> Markup {
    let wrong =
        |field: &str| mistakes.iter().filter(|(of, _)| *of == field).map(|(_, why)| clean(why)).collect::<Vec<_>>();
    let text = |name: &'static str, label: &'static str, hint: &'static str, value: &str| {
        let wrong = wrong(name);
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) type="text" value=(value) autocomplete="off" spellcheck="false"
                    aria-describedby=(described(name)) aria-invalid=[(!wrong.is_empty()).then_some("true")];
                (below(name, hint, &wrong))
            }
        }
    };
    let area = |name: &'static str, label: &'static str, hint: &'static str, value: &str, rows: u8| {
        let wrong = wrong(name);
        html! {
            div.field {
                label for=(name) { (label) }
                textarea id=(name) name=(name) rows=(rows) spellcheck="false" aria-describedby=(described(name))
                    aria-invalid=[(!wrong.is_empty()).then_some("true")] { "\n" (value) }
                (below(name, hint, &wrong))
            }
        }
    };
    html! {
        h1 { "Submit a job" }
        @if !mistakes.is_empty() {
            div.notice.alarm role="alert" {
                p { "It was not submitted. " @if mistakes.iter().any(|(of, _)| !of.is_empty()) { "What is wrong stands below the fields." } }
                @for (_, why) in mistakes.iter().filter(|(of, _)| of.is_empty()) { p { (clean(why)) } }
            }
        }
        form.card.submit method="post" action="/submit" {
            (sealed(seal))
            div.fields {
                div.field {
                    label for="program" { "Program" }
                    select #program name="program" aria-describedby=(described("program")) {
                        @for program in Program::ALL {
                            option value=(program.name()) selected[program.name() == typed.program] { (program.name()) }
                        }
                    }
                    (below("program", "what runs", &wrong("program")))
                }
                (text("name", "Name", "what people call it; the program’s name if left out", &typed.name))
                (text("processes", "Processes", "each may be on another worker", &typed.processes))
                (text("cores", "Cores", "of each process: its worker threads", &typed.cores))
                (text("memory", "Memory", "of each process, as 512M or 2G; who uses more is ended", &typed.memory))
                (text("every", "Run again every", "as 6h or 1day; once if left out", &typed.every))
            }
            (area("args", "Arguments", "one on each line; those that say where it runs are added", &typed.args, 6))
            (area("config", "Configuration", "TOML, for programs that take --config; it travels with the job", &typed.config, 8))
            div.field.tick {
                input #supervise name="supervise" type="checkbox" value="yes" checked[typed.supervise.is_some()];
                label for="supervise" { "It runs for ever: start it again whenever it ends" }
            }
            button type="submit" { "Submit" }
        }
    }
}

fn described(name: &str) -> String {
    format!("{name}-hint {name}-error")
}

fn below(name: &str, hint: &str, wrong: &[String]) -> Markup {
    html! {
        p.hint id=(format!("{name}-hint")) { (hint) }
        p.error id=(format!("{name}-error")) hidden[wrong.is_empty()] { (wrong.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> Typed {
        let mut typed = Typed { program: "predict".to_owned(), ..Typed::default() };
        typed.args = "--bundled\r\n\n  --live  \n".to_owned();
        typed
    }

    #[test]
    fn what_is_typed_is_a_job() {
        let typed = Typed { config: "[job]\r\nname = 'x'".to_owned(), every: "6h".to_owned(), ..typed() };
        let endless = Typed { supervise: Some("yes".to_owned()), name: "n".repeat(101), ..typed.clone() };
        let fields: Vec<&str> = endless.read().unwrap_err().iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["name", "every"], "what no job can ask for is told at its field");
        let spec = typed.read().unwrap();
        assert_eq!((spec.name.as_str(), spec.program, spec.supervise), ("predict", Program::Predict, false));
        assert_eq!(spec.args, ["--bundled", "--live", "--config", "{carried}/job.toml"]);
        assert_eq!((spec.files[0].name.as_str(), spec.files[0].text.as_str()), ("job.toml", "[job]\nname = 'x'"));
        assert_eq!(spec.every.unwrap().as_secs(), 6 * 3600);
        assert!(Typed::default().read().unwrap().files.is_empty());
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_what_was_typed_stays() {
        let typed = Typed {
            program: "sh".to_owned(),
            processes: "0".to_owned(),
            cores: "many".to_owned(),
            memory: "much".to_owned(),
            every: "soon".to_owned(),
            config: "</textarea><script>".to_owned(),
            args: "--config=x".to_owned(),
            ..typed()
        };
        let mistakes = typed.read().unwrap_err();
        let fields: Vec<&str> = mistakes.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["program", "processes", "cores", "memory", "every", "config", "args"]);
        assert!(mistakes[5].1.starts_with("line 1 is no TOML: ") && !mistakes[5].1.contains('\n'), "{mistakes:?}");
        let page = page(&typed, &mistakes, "seal").into_string();
        assert!(page.contains("value=\"many\"") && page.contains("&lt;/textarea&gt;&lt;script&gt;"));
        assert!(!page.contains("<script") && page.matches("</textarea>").count() == 2);
        assert_eq!(page.matches("aria-invalid").count(), 6, "a select has no such text");
    }
}
