//! Says what machine it finds itself on, and ends it.

#![no_std]
#![no_main]

use imds_x86::{Exit, Machine, println, stack, virtio};

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    let clock = &machine.clock;
    println!("hello, {} us after the start", clock.now());
    match machine.command_line {
        Ok(line) => println!("command line: {}", line.as_str()),
        Err(error) => println!("{error}"),
    }
    println!("clock: {} Hz, {:?}", clock.frequency(), clock.source());
    println!("seed: {:?}", machine.seed().source);
    match machine.nic() {
        Ok(found) => {
            println!(
                "nic: {:02x?} at {}, one of {}",
                found.nic.mac(),
                found.place,
                found.count
            );
        }
        Err(error) => println!("{error}"),
    }
    println!("stack: {} of {} bytes", stack::high_water(), stack::size());
    println!(
        "dma: {} of {} bytes",
        virtio::dma_high_water(),
        virtio::dma_size()
    );
    println!("bye, {} us after the start", clock.now());
    Exit::SUCCESS
}
