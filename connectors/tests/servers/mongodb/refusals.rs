//! What is refused, and what is waited for.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use flightline_connectors::client::{ClientError, CollectionClient};
use flightline_connectors::mongodb::{MongoCollection, MongoOptions, MongoServer, MongoSink};
use flightline_engine::contract::{Fault, Selects, Sink, SinkName};
use flightline_engine::log::Partition;

use super::{ferretdb, fresh, in_memory};
use crate::addresses::address;

fn with_password(password: &str) -> MongoServer {
    let options = MongoOptions {
        user: Some(address("MONGODB_AUTH_USER")),
        password: Some(password.to_owned()),
        ..MongoOptions::new(address("MONGODB_AUTH_URL"))
    };
    MongoServer::new(options).unwrap()
}

fn sink(server: MongoServer) -> MongoSink {
    MongoSink::new(SinkName("answers".into()), server, fresh("answers"), Selects::Answers)
}

#[test]
fn the_right_password_lets_in_and_a_wrong_one_is_not_tried_for_ever() {
    let password = fs::read_to_string(address("MONGODB_AUTH_PASSWORD_FILE")).unwrap();
    sink(with_password(password.trim())).survey(&[Partition(0)]).unwrap();
    let fault = sink(with_password("wrong-and-secret")).survey(&[Partition(0)]).unwrap_err();
    let said = fault.to_string();
    assert!(matches!(fault, Fault::Permanent(_)), "{said}");
    assert!(said.contains("check the user, the password") && !said.contains("wrong-and-secret"), "{said}");
    assert!(said.contains(with_password("x").shown()), "{said}");
}

#[test]
fn a_server_that_asks_for_a_user_refuses_who_is_none() {
    let server = MongoServer::new(MongoOptions::new(address("MONGODB_AUTH_URL"))).unwrap();
    let fault = sink(server).survey(&[Partition(0)]).unwrap_err();
    assert!(matches!(fault, Fault::Permanent(_)), "{fault}");
}

#[test]
fn nobody_there_is_waited_for_and_named() {
    // A port that nobody listens at: it was just given back.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let options = MongoOptions {
        selection_timeout: Duration::from_millis(300),
        ..MongoOptions::new(format!("mongodb://{host}"))
    };
    let server = MongoServer::new(options).unwrap();
    let fault = sink(server.clone()).survey(&[Partition(0)]).unwrap_err();
    assert!(matches!(fault, Fault::Transient(_)) && fault.to_string().contains(&host), "{fault}");
    let error = MongoCollection::new(server, fresh("answers")).get("x").unwrap_err();
    assert!(matches!(error, ClientError::Server { .. }) && error.is_transient(), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = MongoOptions {
        connect_timeout: Duration::from_millis(200),
        selection_timeout: Duration::from_millis(300),
        command_timeout: Duration::from_millis(200),
        ..MongoOptions::new(format!("mongodb://{}", listener.local_addr().unwrap()))
    };
    let fault = sink(MongoServer::new(options).unwrap()).survey(&[Partition(0)]).unwrap_err();
    assert!(matches!(fault, Fault::Transient(_)), "{fault}");
}

#[test]
fn each_server_is_known_for_what_it_can_do() {
    let said = |url: String| MongoServer::new(MongoOptions::new(url)).unwrap().abilities().unwrap().to_string();
    let ferret = said(ferretdb());
    assert!(
        ferret.starts_with("FerretDB") && ferret.ends_with("batches of inserts, no change streams, knows no majority")
    );
    let other = said(in_memory());
    assert!(other.ends_with("batches of updates, no change streams, waits for a majority"), "{other}");
}
