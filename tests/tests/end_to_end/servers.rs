//! Jobs on real servers: Kafka, MongoDB's protocol and HDFS, as `tests/services` starts them.
//!
//! | module | shows |
//! |---|---|
//! | `files` | that training from HDFS and S3 gives the model of local files |
//! | `grown` | that a request topic may get partitions while the job runs |
//! | `hdfs_files` | that Hadoop's own tools read what a job has written |
//! | `lost_host` | that a supervised stream goes on elsewhere when its host is lost or paused, and nothing is lost or doubled |
//! | `matrix` | that a job lives through each trouble of a server or of the wire to it |
//! | `models` | that models in HDFS and S3 are those of a folder, for training, batches, streams and `replay` |
//! | `outage` | that answers go on while HDFS is away, and come to it later |
//! | `page` | that pages side by side bring each answer to who asked, whatever is away meanwhile |
//! | `pipeline` | that all sinks hold the answers of a batch, for any number of workers and processes |
//! | `refusals` | that what somebody must mend ends the job, and is said |
//! | `replay` | that stored answers are computed again and compared, and dead letters asked again |
//! | `secured` | that the pipeline works with passwords and over TLS |
//! | `seed` | that a client of the seed's web tier works unchanged, with the names that it knows |
//! | `storm` | that kills at random moments and at each step of a commit lose and double nothing, and no old life that wakes up |
//! | `unreachable` | that a server that is away, at the start or later, is named and waited for |
//! | `upgrade` | that a stream under load is upgraded, and no answer is lost or doubled |

mod files;
mod grown;
mod hdfs_files;
mod lost_host;
mod matrix;
mod models;
mod outage;
mod page;
mod pipeline;
mod refusals;
mod replay;
mod secured;
mod seed;
mod storm;
mod unreachable;
mod upgrade;
