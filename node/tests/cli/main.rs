//! Tests of the program from outside: its command line, its output and its exit codes.

#![forbid(unsafe_code)]

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod chain;
mod demo;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod heal;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod pruned;
#[cfg(test)]
mod put_files;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod repair;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod run;
#[cfg(test)]
mod service_manager;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod unwritable;
