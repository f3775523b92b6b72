//! A served site for those who have no tasks of their own: it runs on its own threads until it is asked to end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::{Site, serve};

/// A site that is being served. Dropped, it is asked to end, and nobody waits for that.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    ask_to_end: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Serving {
    /// Serves a site on a port that is open already.
    ///
    /// # Errors
    /// The operating system gives no thread, or takes the port away.
    pub fn start(listener: TcpListener, site: Site) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_multi_thread().thread_name("web").enable_all().build()?;
        let (ask_to_end, asked_to_end) = oneshot::channel();
        let served = async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let shutdown = async {
                // An asker who is gone asks by that.
                let _ = asked_to_end.await;
            };
            serve(listener, site, shutdown).await
        };
        let thread = thread::Builder::new().name("page".to_owned()).spawn(move || runtime.block_on(served))?;
        Ok(Self { address, ask_to_end, thread })
    }

    /// Where it is served.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to end, and waits until it has: see [`serve`] for how long that may take.
    pub fn shutdown(self) {
        let Self { ask_to_end, thread, .. } = self;
        // Who has ended already can't be asked.
        let _ = ask_to_end.send(());
        join(thread);
    }

    /// Waits until it ends by itself.
    pub fn wait(self) {
        let Self { ask_to_end, thread, .. } = self;
        join(thread);
        drop(ask_to_end);
    }
}

fn join(thread: JoinHandle<io::Result<()>>) {
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the page ended with an error: {error}"),
        Err(_) => tracing::error!("the page ended with a panic"),
    }
}
