//! Servers that ask who comes, and that show who they are.

use flightline_engine::contract::Guarantee;
use flightline_tests::job::{Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::Servers;

use super::pipeline::{answered_as_by_a_batch, ask};

/// Requests of each life of the job.
const OF_A_LIFE: usize = 700;

/// One job, whose lives come to the same brokers on three ways, and to a server of collections that asks for a password.
#[test]
fn the_pipeline_works_with_passwords_and_over_tls() {
    let servers = Servers::shared();
    let world = World::behind_a_password(servers, Guarantee::ExactlyOnce);
    let (kafka, user) = (servers.secret("KAFKA_SASL_PASSWORD_FILE"), servers.address("MONGODB_AUTH_USER"));
    let mongodb = servers.secret("MONGODB_AUTH_PASSWORD_FILE");
    let password_file = format!("file:{}", servers.address("KAFKA_SASL_PASSWORD_FILE"));
    let ca = format!("kafka.properties.ssl.ca.location={}", servers.address("KAFKA_CA"));
    let lives = [
        with_password(way(servers, "KAFKA_SASL_BROKERS", "SASL_PLAINTEXT"), servers, &password_file),
        // The other server's password by another way.
        way(servers, "KAFKA_TLS_BROKERS", "SSL")
            .set(ca.clone())
            .set("mongodb.credentials=env:MONGODB_LOGIN")
            .env("MONGODB_LOGIN", format!("{user}:{mongodb}")),
        with_password(way(servers, "KAFKA_SASL_TLS_BROKERS", "SASL_SSL"), servers, "env:KAFKA_PASSWORD")
            .set(ca)
            .env("KAFKA_PASSWORD", &kafka),
    ];
    let lines: Vec<String> =
        bundled().iter().cycle().zip(0..).map(|(row, n)| request(row, n)).take(OF_A_LIFE * lives.len()).collect();
    for (life, some) in lives.into_iter().zip(lines.chunks(OF_A_LIFE)) {
        let dumped = dump(&world, &life);
        let job = world.start(&life.env("FLIGHTLINE_LOG", "debug"));
        job.wait_until_running();
        ask(&*job.requests(), some);
        job.wait_until_done();
        let said: String = job.end().into_iter().map(|ended| ended.stdout + &ended.stderr).collect();
        for secret in [&kafka, &mongodb] {
            assert!(!said.contains(secret.as_str()), "a password is in what the job said");
            assert!(!dumped.contains(secret.as_str()), "a password is in {dumped}");
        }
    }
    answered_as_by_a_batch(&world, &lines);
}

/// A way to the brokers.
fn way(servers: &Servers, brokers: &str, protocol: &str) -> Shape {
    Shape::of(1, 2)
        .set(format!("kafka.brokers={}", servers.address(brokers)))
        .set(format!("kafka.properties.security.protocol={protocol}"))
}

fn with_password(shape: Shape, servers: &Servers, password: &str) -> Shape {
    shape
        .set("kafka.properties.sasl.mechanism=SCRAM-SHA-512")
        .set(format!("kafka.properties.sasl.username={}", servers.address("KAFKA_SASL_USER")))
        .set(format!("kafka.properties.sasl.password={password}"))
}

/// The configuration in force of such a life.
fn dump(world: &World, life: &Shape) -> String {
    let dump = life.set.iter().fold(world.command("predict --dump-config"), |dump, set| dump.args(["--set", &**set]));
    life.env.iter().fold(dump, |dump, (name, value)| dump.env(name, value)).succeed().stdout
}
