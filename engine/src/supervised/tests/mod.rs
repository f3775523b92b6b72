mod board;
mod cord;
mod cost;
mod graph;
mod line;
mod recorder;
mod some;
