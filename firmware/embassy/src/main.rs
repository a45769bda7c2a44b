//! The boot image over embassy: the same words, the same output and the same exit codes as
//! `imds-image`, by tasks of an executor.
#![no_std]
#![no_main]

mod network;

use embassy_executor::Executor;
use embassy_net::{Runner, Stack, StackResources};
use imds_core::{Cause, Config, Reply};
use imds_embassy::net::{Client, Resources};
use imds_image::machine::{LONGEST, Results, Start, VALUE, fail, finish, path};
use imds_image::options::{Job, MAX_LANES, Options};
use imds_x86::virtio::MachineNic;
use imds_x86::{Clock, Exit, Machine, exit, timers};
use static_cell::StaticCell;

/// Sockets: the lanes' and DHCP's.
static STACK: StaticCell<StackResources<{ MAX_LANES + 1 }>> = StaticCell::new();
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    match bring_up(&machine) {
        Ok((image, runner)) => EXECUTOR.init(Executor::new()).run(|spawner| {
            spawner.spawn(time().expect("spawned once"));
            spawner.spawn(network(runner).expect("spawned once"));
            spawner.spawn(work(image).expect("spawned once"));
        }),
        Err(code) => finish(code),
    }
}

/// What the tasks are made of.
struct Image {
    options: Options<'static>,
    config: Config,
    stack: Stack<'static>,
    clock: Clock,
}

/// The exit code, if it cannot even begin.
fn bring_up(machine: &Machine) -> Result<(Image, Runner<'static, MachineNic>), u8> {
    let Start {
        options,
        nic,
        clock,
        seed,
    } = Start::new(machine)?;
    let addresses =
        network::config(&options, nic.mac()).map_err(|error| fail(Cause::Usage, error))?;
    let config = options.config(seed, LONGEST);
    let resources = STACK.init(StackResources::new());
    let (stack, runner) = embassy_net::new(nic, addresses, resources, config.seed);
    let image = Image {
        options,
        config,
        stack,
        clock,
    };
    Ok((image, runner))
}

#[embassy_executor::task]
async fn time() -> ! {
    timers::run().await
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, MachineNic>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn work(image: Image) -> ! {
    let lanes = image.options.lanes;
    let (Ok(code) | Err(code)) = match lanes {
        1 => read::<1>(image).await,
        2 => read::<2>(image).await,
        3 => read::<3>(image).await,
        _ => read::<MAX_LANES>(image).await,
    };
    exit::end(finish(code))
}

/// Reads and prints everything, over so many connections.
async fn read<const LANES: usize>(image: Image) -> Result<u8, u8> {
    let Image {
        options,
        config,
        stack,
        clock,
    } = image;
    if options.dhcp {
        network::lease(stack)
            .await
            .map_err(|error| fail(Cause::Unreachable, error))?;
    }
    let mut resources = Resources::<LANES, 2048, 1024, 4096, 1024>::new();
    let mut client = Client::<LANES>::new(stack, &mut resources, config)
        .map_err(|misuse| fail(Cause::Usage, misuse))?;
    client.allow_link_local_source(options.link_local);

    let memory = VALUE.take();
    let mut results = Results::new(&options, clock);
    for job in &options.jobs {
        let path = path(job);
        match job {
            Job::Get(_) => match client.get(&path, memory).await {
                Ok(Some(value)) => results.value(&path, value),
                Ok(None) => results.ended(&path, Ok(Reply::Absent)),
                Err(error) => results.ended(&path, Err(error)),
            },
            Job::Walk(_) => match client.walk(&path, Default::default(), memory) {
                Ok(mut walk) => loop {
                    match walk.next().await {
                        Ok(Some(node)) => results.node(&path, &node),
                        Ok(None) => break,
                        Err(error) => break results.ended(&path, Err(error)),
                    }
                },
                Err(error) => results.ended(&path, Err(error)),
            },
        }
    }
    Ok(results.finish())
}
