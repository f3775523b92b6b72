//! A proxy that breaks a connection at a write: before the server has it, or when only its answer is missing.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flightline_engine::conformance::sink::Trouble;

/// A proxy. It ends with the test program.
#[derive(Debug)]
pub(crate) struct Cutting {
    pub(crate) url: String,
    order: Arc<Mutex<Option<Trouble>>>,
}

impl Cutting {
    /// A proxy of the server at `host:port`.
    pub(crate) fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mongodb://{}/?directConnection=true", listener.local_addr().unwrap());
        let (order, upstream) = (Arc::<Mutex<Option<Trouble>>>::default(), upstream.to_owned());
        let orders = Arc::clone(&order);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (orders, upstream) = (Arc::clone(&orders), upstream.clone());
                thread::spawn(move || {
                    let Ok(server) = TcpStream::connect(upstream) else { return };
                    // Whatever breaks, both ends are told.
                    let _ = pass(&client, &server, &orders);
                    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
                });
            }
        });
        Self { url, order }
    }

    /// Breaks the connection at the next write; `None` takes that back.
    pub(crate) fn cut(&self, trouble: Option<Trouble>) {
        *self.order.lock().unwrap() = trouble;
    }
}

/// Passes questions and answers on, one after the other, as clients of this protocol do.
fn pass(mut client: &TcpStream, mut server: &TcpStream, order: &Mutex<Option<Trouble>>) -> io::Result<()> {
    loop {
        let question = message(client)?;
        let trouble = if is_write(&question) { order.lock().unwrap().take() } else { None };
        if trouble == Some(Trouble::BeforeEffect) {
            return Ok(());
        }
        server.write_all(&question)?;
        let answer = message(server)?;
        if trouble == Some(Trouble::AfterEffect) {
            return Ok(());
        }
        client.write_all(&answer)?;
    }
}

/// A message: its length, as a number of four bytes, counts itself.
fn message(mut from: &TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message)?;
    let length = u32::from_le_bytes([message[0], message[1], message[2], message[3]]);
    message.resize(length as usize, 0);
    from.read_exact(&mut message[4..])?;
    Ok(message)
}

/// Whether the command is a write: its name is the first field of the document behind header, flags and kind.
fn is_write(message: &[u8]) -> bool {
    let name = message.get(26..).unwrap_or_default().split(|byte| *byte == 0).next();
    name.is_some_and(|name| [b"insert".as_slice(), b"update", b"delete"].contains(&name))
}
