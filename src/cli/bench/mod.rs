//! `nevel bench`: how fast this machine runs what users do, and how close that comes to what the machine can do.

pub mod cpu;
pub mod gpu;
