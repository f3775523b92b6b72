//! The control dataflow: a broadcast between all workers, in order for each sender. Its time stands still for the life of
//! the job, so a message waits for nobody.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::SyncActivator;
use timely::worker::Worker;

use super::Ending;
use super::message::Message;
use crate::named::broadcast_named;

/// How long a worker sleeps at most when nobody wakes it.
pub(super) const NAP: Duration = Duration::from_millis(20);

/// A worker's end of the bus.
pub(super) struct Bus {
    say: InputHandle<u64, CapacityContainerBuilder<Vec<Message>>>,
    heard: Rc<RefCell<VecDeque<Message>>>,
    wake: Vec<usize>,
}

impl Bus {
    /// Builds the control dataflow, on every worker as its first.
    pub(super) fn build(worker: &mut Worker) -> Self {
        let heard: Rc<RefCell<VecDeque<Message>>> = Rc::default();
        let ear = Rc::clone(&heard);
        let (say, wake) = worker.dataflow_named::<u64, _, _>("Control", |scope| {
            let (say, said) = scope.new_input::<Vec<Message>>();
            let mut wake = Vec::new();
            broadcast_named(said, ("TellAll", "Take")).sink(Pipeline, "Hear", move |(input, _frontier)| {
                input.for_each(|_time, messages| ear.borrow_mut().extend(messages.drain(..)));
            });
            wake.extend_from_slice(&scope.addr());
            (say, wake)
        });
        Self { say, heard, wake }
    }

    /// Wakes this worker from another thread.
    pub(super) fn waker(&self, worker: &Worker) -> SyncActivator {
        worker.sync_activator_for(self.wake.clone())
    }

    /// Tells all workers.
    pub(super) fn tell(&mut self, message: Message) {
        self.say.send(message);
        self.say.flush();
    }

    /// The next message, if one is there.
    pub(super) fn hear(&self) -> Option<Message> {
        self.heard.borrow_mut().pop_front()
    }

    /// Waits for the first message that `pick` takes. All others stay, in their order. Only before data flows.
    ///
    /// # Errors
    /// Somebody has failed.
    pub(super) fn first<T>(
        &self,
        worker: &mut Worker,
        mut pick: impl FnMut(&Message) -> Option<T>,
    ) -> Result<T, Ending> {
        let mut others = Vec::new();
        loop {
            while let Some(message) = self.hear() {
                if let Message::Failed(ending) = message {
                    return Err(ending);
                }
                let Some(picked) = pick(&message) else {
                    others.push(message);
                    continue;
                };
                let mut heard = self.heard.borrow_mut();
                others.into_iter().rev().for_each(|message| heard.push_front(message));
                return Ok(picked);
            }
            worker.step_or_park(Some(NAP));
        }
    }

    /// Waits for a message from each of `count` senders; `pick` says from whom one is that it takes.
    ///
    /// # Errors
    /// Somebody has failed.
    pub(super) fn one_of_each(
        &self,
        worker: &mut Worker,
        count: usize,
        mut pick: impl FnMut(&Message) -> Option<usize>,
    ) -> Result<(), Ending> {
        let mut missing: BTreeSet<usize> = (0..count).collect();
        while !missing.is_empty() {
            let sender = self.first(worker, &mut pick)?;
            missing.remove(&sender);
        }
        Ok(())
    }
}
