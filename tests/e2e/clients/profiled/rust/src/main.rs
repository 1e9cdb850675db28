//! Writes a CPU profile of itself, not gzipped, into a folder; see ../../../README.md.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use pprof::ProfilerGuardBuilder;
use pprof::protos::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: profiled FOLDER")?;
    let guard = ProfilerGuardBuilder::default()
        .frequency(997)
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()?;
    burn_until(Instant::now() + Duration::from_millis(500));
    let profile = guard.report().build()?.pprof()?;
    let mut file = File::create(Path::new(&folder).join("cpu.pb"))?;
    profile.write_to_writer(&mut file)?;
    Ok(())
}

/// Spends CPU in a loop, in a function that is inlined into it, and in a recursion.
fn burn_until(end: Instant) {
    while Instant::now() < end {
        black_box(sum(20_000));
        black_box(fibonacci(18));
    }
}

#[inline(never)]
fn sum(times: u64) -> u64 {
    (0..times).fold(1, mix)
}

#[inline(always)]
fn mix(sum: u64, number: u64) -> u64 {
    sum.wrapping_mul(31) ^ (sum >> 7).wrapping_add(number % 7)
}

#[inline(never)]
fn fibonacci(number: u64) -> u64 {
    if number < 2 {
        return number;
    }
    fibonacci(number - 1) + fibonacci(number - 2)
}
