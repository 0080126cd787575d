//! model.h by loom, in the place of model.c.
//!
//! loom has no seq_cst accesses, but has such fences: between two seq_cst accesses of a thread one is
//! put, and the accesses are of acquire and release. A race on data that is not atomic in C is as
//! wrong as what `is_so` asks for.
#![allow(clippy::missing_safety_doc)]

use loom::cell::UnsafeCell;
use loom::sync::atomic::{fence, AtomicU32, Ordering};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const LOCATIONS: usize = 8;
const THREADS: usize = 4;
const OUTS: usize = 8;

type Outs = [[u32; OUTS]; THREADS];
type Judge = extern "C-unwind" fn(*const [u32; OUTS]) -> bool;

#[repr(C)]
#[derive(Clone, Copy, PartialEq, PartialOrd)]
#[allow(dead_code)] // said in C
pub enum Order {
    None,
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    Seq,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Program {
    n_threads: i32,
    threads: [Option<extern "C-unwind" fn(&mut Thread)>; THREADS],
    init: [u32; LOCATIONS],
    plain: u32,
    own: u32,
}

struct Memory {
    atomics: [AtomicU32; LOCATIONS],
    plain: [UnsafeCell<u32>; LOCATIONS],
    fences: AtomicU32, // stored to beside each fence, and never loaded
}

unsafe impl Sync for Memory {} // loom looks for races in it
unsafe impl Send for Memory {}

pub struct Thread {
    memory: Arc<Memory>,
    program: Program,
    out: [u32; OUTS],
    seq_before: bool, // a seq_cst access, and no such fence since
}

struct LeftOut;
struct Found;

static N_TRIED: AtomicU64 = AtomicU64::new(0);

/// To loom a fence is no step; a store in front of it, which orders nothing, makes it one.
fn fence_as_step(thread: &Thread, order: Ordering) {
    thread.memory.fences.store(0, Ordering::Relaxed);
    fence(order);
}

/// `weaker` is what there is of seq_cst without the order of all.
fn access(thread: &mut Thread, location: i32, order: Order, weaker: Ordering) -> Ordering {
    match order {
        Order::None | Order::Relaxed => Ordering::Relaxed,
        Order::Acquire => Ordering::Acquire,
        Order::Release => Ordering::Release,
        Order::AcqRel => Ordering::AcqRel,
        Order::Seq => {
            if thread.program.own >> location & 1 == 0 {
                if thread.seq_before {
                    fence_as_step(thread, Ordering::SeqCst);
                }
                thread.seq_before = true;
            }
            weaker
        }
    }
}

fn is_plain(thread: &Thread, location: i32) -> bool {
    thread.program.plain >> location & 1 != 0
}

#[no_mangle]
pub extern "C-unwind" fn lm_load(thread: &mut Thread, location: i32, order: Order) -> u32 {
    if is_plain(thread, location) {
        return thread.memory.plain[location as usize].with(|value| unsafe { *value });
    }
    let order = access(thread, location, order, Ordering::Acquire);
    thread.memory.atomics[location as usize].load(order)
}

#[no_mangle]
pub extern "C-unwind" fn lm_store(thread: &mut Thread, location: i32, value: u32, order: Order) {
    if is_plain(thread, location) {
        thread.memory.plain[location as usize].with_mut(|to| unsafe { *to = value });
        return;
    }
    let order = access(thread, location, order, Ordering::Release);
    thread.memory.atomics[location as usize].store(value, order);
}

#[no_mangle]
pub extern "C-unwind" fn lm_add(thread: &mut Thread, location: i32, value: u32, order: Order) -> u32 {
    let order = access(thread, location, order, Ordering::AcqRel);
    thread.memory.atomics[location as usize].fetch_add(value, order)
}

#[no_mangle]
pub extern "C-unwind" fn lm_or(thread: &mut Thread, location: i32, value: u32, order: Order) -> u32 {
    let order = access(thread, location, order, Ordering::AcqRel);
    thread.memory.atomics[location as usize].fetch_or(value, order)
}

#[no_mangle]
pub extern "C-unwind" fn lm_cas(
    thread: &mut Thread,
    location: i32,
    expected: u32,
    value: u32,
    order: Order,
) -> bool {
    let order = access(thread, location, order, Ordering::AcqRel);
    let failed = match order {
        Ordering::Acquire | Ordering::AcqRel => Ordering::Acquire,
        _ => Ordering::Relaxed,
    };
    thread.memory.atomics[location as usize]
        .compare_exchange(expected, value, order, failed)
        .is_ok()
}

#[no_mangle]
pub extern "C-unwind" fn lm_fence(thread: &mut Thread, order: Order) {
    match order {
        Order::None | Order::Relaxed => {}
        Order::Acquire => fence_as_step(thread, Ordering::Acquire),
        Order::Release => fence_as_step(thread, Ordering::Release),
        Order::AcqRel => fence_as_step(thread, Ordering::AcqRel),
        Order::Seq => {
            fence_as_step(thread, Ordering::SeqCst);
            thread.seq_before = false;
        }
    }
}

#[no_mangle]
pub extern "C-unwind" fn lm_assume(_thread: &mut Thread, holds: bool) {
    if !holds {
        resume_unwind(Box::new(LeftOut));
    }
}

#[no_mangle]
pub extern "C-unwind" fn lm_out(thread: &mut Thread, i: i32, value: u32) {
    thread.out[i as usize] = value;
}

/// What thread `i` says; nothing where its execution is left out.
fn run_thread(memory: Arc<Memory>, program: Program, i: usize) -> Option<[u32; OUTS]> {
    let mut thread = Thread { memory, program, out: [0; OUTS], seq_before: false };
    let function = program.threads[i].expect("as many as n_threads says");
    match catch_unwind(AssertUnwindSafe(|| function(&mut thread))) {
        Ok(()) => Some(thread.out),
        Err(reason) if reason.is::<LeftOut>() => None,
        Err(reason) => resume_unwind(reason),
    }
}

fn one_execution(program: Program, is_so: Judge) {
    N_TRIED.fetch_add(1, SeqCst);
    let memory = Arc::new(Memory {
        atomics: std::array::from_fn(|l| AtomicU32::new(program.init[l])),
        plain: std::array::from_fn(|l| UnsafeCell::new(program.init[l])),
        fences: AtomicU32::new(0),
    });
    let out = Arc::new(Mutex::new([Some([0; OUTS]); THREADS]));
    let threads: Vec<_> = (0..program.n_threads as usize)
        .map(|i| {
            let (memory, out) = (memory.clone(), out.clone());
            loom::thread::spawn(move || {
                let said = run_thread(memory, program, i);
                out.lock().unwrap()[i] = said;
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let said: Option<Vec<_>> = out.lock().unwrap().iter().copied().collect();
    if let Some(said) = said {
        let said: Outs = said.try_into().unwrap();
        if is_so(said.as_ptr()) {
            resume_unwind(Box::new(Found));
        }
    }
}

#[no_mangle]
pub extern "C" fn lm_allows(program: &Program, is_so: Judge) -> bool {
    N_TRIED.store(0, SeqCst);
    let program = *program;
    let is_race = Arc::new(AtomicBool::new(false));
    let seen = is_race.clone();
    std::panic::set_hook(Box::new(move |info| {
        if info.to_string().contains("Causality violation") {
            seen.store(true, SeqCst); // all else it says is how loom ends its threads
        }
    }));
    let search = catch_unwind(|| loom::model::Builder::new().check(move || one_execution(program, is_so)));
    match search {
        Ok(()) => false,
        Err(reason) if reason.is::<Found>() || is_race.load(SeqCst) => true,
        Err(reason) => {
            eprintln!("loom failed: {:?}", reason.downcast_ref::<String>());
            std::process::exit(2)
        }
    }
}

#[no_mangle]
pub extern "C" fn lm_n_tried() -> u64 {
    N_TRIED.load(SeqCst)
}
