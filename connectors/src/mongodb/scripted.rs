//! For tests: a server that says what it is told to, for what no server at hand can be brought to say.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mongodb::bson::{Bson, Document, doc};

use super::options::MongoOptions;
use super::server::MongoServer;

/// The operation that all messages are.
const OP_MSG: i32 = 2013;

type Script = dyn Fn(&str, &Document) -> Document + Send + Sync;

/// A server. It ends with the test program.
pub(super) struct Scripted {
    pub(super) server: MongoServer,
    heard: Arc<Mutex<Vec<Document>>>,
}

impl Scripted {
    /// A server of this version that answers commands, known by their names, as the script says.
    pub(super) fn start(
        version: &'static str,
        script: impl Fn(&str, &Document) -> Document + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mongodb://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Document>>>::default();
        let (hearing, script): (_, Arc<Script>) = (Arc::clone(&heard), Arc::new(script));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (hearing, script) = (Arc::clone(&hearing), Arc::clone(&script));
                // It ends when the client goes.
                thread::spawn(move || serve(&client, version, &hearing, &*script));
            }
        });
        Self { server: MongoServer::new(MongoOptions::new(url)).unwrap(), heard }
    }

    /// The commands of this name so far.
    pub(super) fn heard(&self, name: &str) -> Vec<Document> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|command| command.keys().next().is_some_and(|first| first == name)).cloned().collect()
    }
}

fn serve(mut client: &TcpStream, version: &str, heard: &Mutex<Vec<Document>>, script: &Script) -> io::Result<()> {
    loop {
        let (id, command) = read(client)?;
        let name = command.keys().next().cloned().unwrap_or_default();
        let answer = match name.as_str() {
            "hello" | "isMaster" | "ismaster" => doc! {
                "isWritablePrimary": true, "ismaster": true, "helloOk": true, "maxBsonObjectSize": 16 << 20,
                "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "logicalSessionTimeoutMinutes": 30,
                "minWireVersion": 0, "maxWireVersion": 25, "ok": 1.0,
            },
            "buildInfo" => doc! {"version": version, "ok": 1.0},
            _ => script(&name, &command),
        };
        heard.lock().unwrap().push(command);
        let mut message = Vec::new();
        let body = answer.to_vec().unwrap();
        let length = i32::try_from(16 + 4 + 1 + body.len()).unwrap();
        for number in [length, 1, id, OP_MSG, 0] {
            message.extend(number.to_le_bytes());
        }
        message.push(0);
        message.extend(body);
        client.write_all(&message)?;
    }
}

/// A message: its id and its command, with the sequences of documents that stand behind it as arrays of it.
fn read(mut client: &TcpStream) -> io::Result<(i32, Document)> {
    let mut header = [0; 20];
    client.read_exact(&mut header)?;
    let number = |at: usize| i32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    assert_eq!(number(12), OP_MSG);
    let mut sections = vec![0; usize::try_from(number(0)).unwrap() - header.len()];
    client.read_exact(&mut sections)?;
    let mut rest = sections.as_slice();
    let (mut command, mut sequences) = (Document::new(), Document::new());
    while let Some((kind, behind)) = rest.split_first() {
        rest = behind;
        let length = usize::try_from(i32::from_le_bytes(rest[..4].try_into().unwrap())).unwrap();
        let (mut section, behind) = rest.split_at(length);
        rest = behind;
        if *kind == 0 {
            command = Document::from_reader(section).unwrap();
            continue;
        }
        section = &section[4..];
        let end = section.iter().position(|byte| *byte == 0).unwrap();
        let name = String::from_utf8(section[..end].to_vec()).unwrap();
        section = &section[end + 1..];
        let mut documents = Vec::new();
        while !section.is_empty() {
            documents.push(Bson::Document(Document::from_reader(&mut section).unwrap()));
        }
        sequences.insert(name, documents);
    }
    command.extend(sequences);
    Ok((number(4), command))
}
