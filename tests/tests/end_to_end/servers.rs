//! Jobs on real servers: Kafka, MongoDB's protocol and HDFS, as `tests/services` starts them.
//!
//! | module | shows |
//! |---|---|
//! | `pipeline` | that all sinks hold the answers of a batch, for any number of workers and processes |
//! | `files` | that training from HDFS and S3 gives the model of local files |
//! | `page` | that pages side by side bring each answer to who asked, whatever is away meanwhile |
//! | `replay` | that stored answers are computed again and compared, and dead letters asked again |
//! | `seed` | that a client of the seed's web tier works unchanged, with the names that it knows |

mod files;
mod page;
mod pipeline;
mod replay;
mod seed;
