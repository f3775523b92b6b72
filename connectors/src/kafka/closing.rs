//! A client that is closed on a thread of its own: librdkafka waits for brokers when it closes, and nobody else should.

use std::ops::Deref;
use std::thread;

/// Something whose drop may take long.
#[derive(Debug)]
pub(super) struct Closing<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Closing<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self(Some(inner))
    }
}

impl<T: Send + 'static> Deref for Closing<T> {
    type Target = T;

    #[allow(clippy::expect_used)] // It is there from `new` until `drop`, after which nobody can ask.
    fn deref(&self) -> &T {
        self.0.as_ref().expect("only drop takes it")
    }
}

impl<T: Send + 'static> Drop for Closing<T> {
    fn drop(&mut self) {
        let inner = self.0.take();
        // Where no thread can be had, it is closed here.
        let _ = thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(inner));
    }
}
