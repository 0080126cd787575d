//! What do a get and a put of 8 bytes cost in a blackboard of iceoryx2?
//!
//! usage: c_peers_iceoryx2 FOLDER N_NAMES
//!
//! As ../c_peers.c: for each line of stdin, the name of a call, one line of JSON.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use iceoryx2::port::reader::{EntryHandle, Reader};
use iceoryx2::port::writer::EntryHandleMut;
use iceoryx2::prelude::*;

const BLOCK: usize = 2000;

/// Who looks an entry up once and keeps its handle calls `get` and `put`; `look_up` finds it by its key each time.
struct Blackboard {
    reader: Reader<ipc::Service, u64>,
    handles: Vec<EntryHandle<ipc::Service, u64, u64>>,
    writable: Vec<EntryHandleMut<ipc::Service, u64, u64>>,
    order: Vec<usize>,
    number: u64,
}

impl Blackboard {
    fn get(&mut self, i: usize) {
        black_box(*self.handles[i].get());
    }

    fn look_up(&mut self, i: usize) {
        let entry = self.reader.entry::<u64>(&(i as u64)).expect("an entry");
        black_box(*entry.get());
    }

    fn put(&mut self, i: usize) {
        self.number += 1;
        self.writable[i].update_with_copy(black_box(self.number));
    }

    /// Twice through all entries; of the second time the ns of a call, for each block.
    fn measure(&mut self, call: impl Fn(&mut Self, usize)) -> Vec<f64> {
        let mut ns = Vec::new();
        let order = std::mem::take(&mut self.order);
        for is_timed in [false, true] {
            for block in order.chunks(BLOCK) {
                let began = Instant::now();
                for &i in block {
                    call(self, i);
                }
                if is_timed {
                    ns.push(began.elapsed().as_nanos() as f64 / block.len() as f64);
                }
            }
        }
        self.order = order;
        ns
    }
}

/// All entries at random, or the only one again and again: a block at least.
fn order_of(n_names: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n_names.max(BLOCK)).map(|k| k % n_names).collect();
    let mut seed: u64 = 1;
    for k in (1..order.len()).rev() {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        order.swap(k, ((seed >> 32) * (k as u64 + 1) >> 32) as usize);
    }
    order
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, n_names] = &arguments[..] else {
        return Err("usage: c_peers_iceoryx2 FOLDER N_NAMES".into());
    };
    let n_names: usize = n_names.parse()?;
    set_log_level(LogLevel::Error);

    // All that it leaves has the folder's name, or is in it: c_peers.py removes it.
    let name = folder.rsplit('/').next().expect("a name");
    let mut configuration = Config::default();
    configuration.global.prefix = FileName::new(name.as_bytes())?;
    configuration
        .global
        .set_root_path(&Path::new(folder.as_bytes())?);
    let node = NodeBuilder::new()
        .config(&configuration)
        .create::<ipc::Service>()?;
    let mut creator = node
        .service_builder(&name.try_into()?)
        .blackboard_creator::<u64>();
    for i in 0..n_names {
        creator = creator.add::<u64>(i as u64, 0);
    }
    let service = creator.create()?;
    let reader = service.reader_builder().create()?;
    let writer = service.writer_builder().create()?;
    let mut blackboard = Blackboard {
        handles: (0..n_names)
            .map(|i| reader.entry(&(i as u64)))
            .collect::<Result<_, _>>()?,
        writable: (0..n_names)
            .map(|i| writer.entry(&(i as u64)))
            .collect::<Result<_, _>>()?,
        reader,
        order: order_of(n_names),
        number: 0,
    };
    blackboard.put(n_names - 1);
    assert_eq!(*blackboard.handles[n_names - 1].get(), 1);

    for line in io::stdin().lock().lines() {
        let ns = match line?.as_str() {
            "iceoryx2_get" => blackboard.measure(Blackboard::get),
            "iceoryx2_look_up" => blackboard.measure(Blackboard::look_up),
            "iceoryx2_put" => blackboard.measure(Blackboard::put),
            what => return Err(format!("what is {what}?").into()),
        };
        println!("{ns:?}");
        io::stdout().flush()?;
    }
    Ok(())
}
