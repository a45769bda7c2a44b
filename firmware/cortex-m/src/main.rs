//! The boot image: comes up, gets an address, reads what the command line asks for, prints it to
//! the first serial port, and ends the machine.
#![no_std]
#![no_main]

mod network;

use core::fmt::{self, Write as _};

use embassy_executor::Spawner;
use imds_core::{Cause, Reply, walk};
use imds_cortex_m::{Console, Machine, exit, stack};
use imds_embassy::{Client, EmbassyTimer};
use imds_image::options::{Job, Options, absolute};
use imds_image::output::Printer;
use static_cell::ConstStaticCell;

/// The longest value that can be read: EC2 takes user-data of 16 KiB, and nothing there is longer.
const LONGEST: u32 = 16 * 1024;
static VALUE: ConstStaticCell<[u8; LONGEST as usize]> = ConstStaticCell::new([0; LONGEST as usize]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let machine = Machine::take();
    let (Ok(code) | Err(code)) = run(machine, spawner).await;
    defmt::info!(
        "stack: {=usize} of {=usize} bytes",
        stack::high_water(),
        stack::size()
    );
    defmt::info!("exit {=u8}", code);
    exit(code)
}

/// The exit code, either way.
async fn run(machine: Machine, spawner: Spawner) -> Result<u8, u8> {
    let line = machine
        .command_line
        .ok_or_else(|| fail(Cause::Usage, "no command line, or it is not text, or too long"))?;
    let words = line.split_ascii_whitespace();
    let words = words.map(|word| word.split_once('=').unwrap_or((word, "")));
    let options = Options::parse(words).map_err(|bad| fail(Cause::Usage, bad))?;
    let config = network::config(&options, machine.seed, LONGEST)
        .map_err(|why| fail(Cause::Usage, why))?;
    let address = network::address(&options, machine.ethernet.mac())
        .map_err(|why| fail(Cause::Usage, why))?;
    let stack = network::bring_up(spawner, machine.ethernet, address, config.seed)
        .await
        .map_err(|why| fail(Cause::Unreachable, why))?;

    let tcp = network::tcp(stack);
    let mut client = Client::<_, _, 2048, 1024>::new(&tcp, EmbassyTimer, config)
        .map_err(|misuse| fail(Cause::Usage, misuse))?;
    let memory = VALUE.take();
    let mut printer = Printer::new(Console, options.format);
    for job in &options.jobs {
        let (Job::Get(typed) | Job::Walk(typed)) = job;
        let path = absolute(typed).expect("the command line was checked");
        let ended = match job {
            Job::Get(_) => match client.get(&path, memory).await {
                Ok(Some(value)) => {
                    printer.value(&path, value);
                    Ok(Reply::Found)
                }
                Ok(None) => Ok(Reply::Absent),
                Err(error) => Err(error),
            },
            Job::Walk(_) => {
                let options = walk::Options::default();
                match client.walk(&path, options, memory) {
                    Ok(mut walk) => loop {
                        match walk.next().await {
                            Ok(Some(node)) => printer.node(&path, &node),
                            Ok(None) => break Ok(Reply::Found),
                            Err(error) => break Err(error),
                        }
                    },
                    Err(error) => Err(error),
                }
            }
        };
        printer.ended(&path, ended);
    }
    Ok(printer.finish())
}

/// Ends before there is anything to print but this.
fn fail(cause: Cause, why: impl fmt::Display) -> u8 {
    let (code, name) = (cause.exit_code(), cause.name());
    let _ = write!(Console, "error: {why}\nexit={code} cause={name}\n");
    code
}
