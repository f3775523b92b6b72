//! Callers that know the protocol and not the secret, callers of other lives, and callers that mean harm; and beside all of
//! them a mesh comes together.

use std::sync::PoisonError;

use super::super::super::visitors::CROWD;
use super::*;

/// Two processes that come together while somebody is at work on the first one's port; returns when both have. `before` gets
/// the address and the second process's identity, and its result lives until then.
fn comes_together_beside<T>(before: impl FnOnce(SocketAddr, Identity) -> T) {
    let mut processes = cluster(2);
    let first = address(&processes[0]);
    let second = processes.pop().unwrap();
    let joined = start(processes.pop().unwrap());
    let held = before(first, identity_of(&second.0));
    assert_whole(all(vec![joined, start(second)]));
    drop(held);
}

/// What process 1, changed so, says when the time is up; process 0 waits on, and the right one comes to it.
fn what_another_says(first: impl FnOnce(&mut ClusterPlan), second: impl FnOnce(&mut ClusterPlan)) -> String {
    let mut processes = cluster(2);
    let (mut right, listener) = processes.pop().unwrap();
    let (mut plan, its_listener) = processes.pop().unwrap();
    first(&mut plan);
    right.secret.clone_from(&plan.secret);
    let waiting = start((plan, its_listener));
    let mut wrong = right.clone();
    second(&mut wrong);
    let says = after_one_try(&wrong);
    assert_whole(all(vec![waiting, start((right, listener))]));
    says
}

#[test]
fn another_secret_ends_nobody_and_is_the_last_that_is_known_of_that_peer() {
    let another = Some(MeshSecret::from_bytes(b"the secret of another mesh"));
    let says = what_another_says(|_| {}, |plan| plan.secret = another);
    assert!(says.contains("last: it proves another secret; give all processes the same --secret-file"), "{says}");
}

#[test]
fn one_with_a_secret_and_one_without_are_told_what_differs() {
    let says = what_another_says(|_| {}, |plan| plan.secret = None);
    assert!(says.contains("it was started with --secret-file, this one with --insecure"), "{says}");
    let says = what_another_says(|plan| plan.secret = None, |plan| plan.secret = Some(secret()));
    assert!(says.contains("it was started with --insecure, this one with --secret-file"), "{says}");
}

#[test]
fn processes_without_a_secret_come_together_too() {
    let insecure = |(plan, listener): (ClusterPlan, TcpListener)| (ClusterPlan { secret: None, ..plan }, listener);
    assert_whole(all(cluster(2).into_iter().map(insecure).map(start).collect()));
}

#[test]
fn the_lower_generation_ends_and_names_both_numbers() {
    for older in [0, 1] {
        let mut processes = cluster(2);
        let change = |index: usize, (plan, listener): (ClusterPlan, TcpListener)| {
            let generation = (index != older).then_some(Generation(4)).or(Some(Generation(3)));
            (ClusterPlan { generation, ..plan }, listener)
        };
        // The one that is too old ends, and one of the right generation takes its place.
        let (right, listener) = (processes[older].0.clone(), processes[older].1.try_clone().unwrap());
        let mut started: Vec<_> =
            processes.drain(..).enumerate().map(|(index, process)| start(change(index, process))).collect();
        let error = started.remove(older).join().unwrap().unwrap_err();
        assert_eq!(error.exit(), crate::process::Exit::Superseded);
        assert!(matches!(error, ClusterError::Superseded { later: Generation(4), .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("generation 4 of this job") && text.contains("this one of generation 3"), "{text}");
        let mut sides = vec![started.remove(0), start((right, listener))];
        if older == 0 {
            sides.reverse();
        }
        assert_whole(all(sides));
    }
}

#[test]
fn what_a_process_said_before_gets_nobody_in() {
    let mut processes = cluster(3);
    let first = address(&processes[0]);
    let third = processes.pop().unwrap();
    let second = processes.pop().unwrap();
    let joined = start(processes.pop().unwrap());
    // A first life of process 1 comes and ends; somebody has listened to all that it said.
    let us = identity_of(&second.0);
    let secret = secret();
    let (mut calling, call) = Calling::begin(&us, ProcessIndex::new(0), &secret, Nonce([9; NONCE_LENGTH]));
    let mut life = TcpStream::connect(first).unwrap();
    life.write_all(&call).unwrap();
    let mut challenge = [0; hello::CHALLENGE_LENGTH];
    life.read_exact(&mut challenge).unwrap();
    let Ok(Move::Say(proof)) = calling.hear(&challenge) else { panic!("an honest challenge") };
    life.write_all(&proof).unwrap();
    let mut verdict = [0; hello::VERDICT_LENGTH];
    life.read_exact(&mut verdict).unwrap();
    assert!(matches!(calling.hear(&verdict), Ok(Move::Done(Verdict::In))));
    drop(life);

    for _ in 0..3 {
        let mut replayed = TcpStream::connect(first).unwrap();
        replayed.write_all(&[call.clone(), proof.clone()].concat()).unwrap();
        assert_dropped(replayed, "a replayed handshake");
    }
    assert_whole(all(vec![joined, start(second), start(third)]));
}

#[test]
fn an_unproven_refusal_ends_no_caller() {
    let mut processes = cluster(2);
    let (plan, listener) = processes.pop().unwrap();
    let (first, its_listener) = processes.pop().unwrap();
    // Somebody takes the port first, and refuses whoever comes.
    let impostor = its_listener.try_clone().unwrap();
    let waiting = start((plan, listener));
    for _ in 0..3 {
        let (mut caller, _) = impostor.accept().unwrap();
        caller.read_exact(&mut [0; hello::CALL_LENGTH]).unwrap();
        let mut refusal = hello::Ruling::Refusal(Refusal::Taken).encode();
        refusal.extend([0; 32]);
        caller.write_all(&refusal).unwrap();
        let _ = caller.read_to_end(&mut Vec::new());
    }
    assert_whole(all(vec![start((first, its_listener)), waiting]));
}

#[test]
fn half_a_handshake_holds_up_nobody() {
    comes_together_beside(|first, us| {
        let words = first_words(us, 0);
        let half = |length: usize| {
            let mut stream = TcpStream::connect(first).unwrap();
            stream.write_all(&words[..length]).unwrap();
            stream
        };
        // The last of them has all of its call heard, and says nothing to the challenge.
        let mut open: Vec<TcpStream> = [1, 8, 16, 40, 83, 84].map(half).into();
        open[5].read_exact(&mut [0; hello::CHALLENGE_LENGTH]).unwrap();
        open
    });
}

#[test]
fn a_wrong_proof_is_dropped_without_a_word() {
    comes_together_beside(|first, us| {
        let mut stream = TcpStream::connect(first).unwrap();
        stream.write_all(&first_words(us, 0)).unwrap();
        stream.read_exact(&mut [0; hello::CHALLENGE_LENGTH]).unwrap();
        let mut proof = hello::proof_head().to_vec();
        proof.extend([7; 32]);
        stream.write_all(&proof).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        assert_eq!(heard, b"");
    });
}

#[test]
fn who_speaks_byte_by_byte_is_understood() {
    let mut processes = cluster(2);
    let first = address(&processes[0]);
    let second = processes.pop().unwrap();
    let joined = start(processes.pop().unwrap());
    let us = identity_of(&second.0);
    let secret = secret();
    let nonce = SystemNonces.fresh().unwrap();
    let (mut calling, call) = Calling::begin(&us, ProcessIndex::new(0), &secret, nonce);
    let mut slow = TcpStream::connect(first).unwrap();
    slow.set_nodelay(true).unwrap();
    let say = |mut slow: &TcpStream, words: &[u8]| words.iter().for_each(|byte| slow.write_all(&[*byte]).unwrap());
    say(&slow, &call);
    let mut challenge = [0; hello::CHALLENGE_LENGTH];
    slow.read_exact(&mut challenge).unwrap();
    let Ok(Move::Say(proof)) = calling.hear(&challenge) else { panic!("an honest challenge") };
    // What comes right behind the handshake is not the handshake's: it waits to be read.
    say(&slow, &[&proof[..], b"timely"].concat());
    let mut verdict = [0; hello::VERDICT_LENGTH];
    slow.read_exact(&mut verdict).unwrap();
    assert!(matches!(calling.hear(&verdict), Ok(Move::Done(Verdict::In))));
    let mut sockets = joined.join().unwrap().unwrap();
    let mut first_words = [0; 6];
    sockets[1].as_mut().unwrap().read_exact(&mut first_words).unwrap();
    assert_eq!(&first_words, b"timely");
}

/// More of them than may wait.
#[test]
fn idle_connections_by_the_hundred_hold_up_nobody() {
    let _turn = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    comes_together_beside(|first, _| (0..MOST + 50).map(|_| TcpStream::connect(first).unwrap()).collect::<Vec<_>>());
}

#[test]
fn callers_by_the_hundred_that_never_prove_themselves_hold_up_nobody() {
    let _turn = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    comes_together_beside(|first, us| {
        let words = first_words(us, 0);
        let one = |_| {
            let mut stream = TcpStream::connect(first).unwrap();
            stream.write_all(&words).unwrap();
            stream
        };
        (0..MOST + 50).map(one).collect::<Vec<_>>()
    });
}
