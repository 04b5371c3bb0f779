//! The system calls of fetches on their connections, made to fail. Only those of the library's own threads.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// With an error.
    Reset,
    /// As if the other side had hung up.
    HungUp,
}

/// How a call fails, and the calls until then.
static PLAN: Mutex<Option<(Broken, u64)>> = Mutex::new(None);

fn plan() -> MutexGuard<'static, Option<(Broken, u64)>> {
    PLAN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `k`-th call from now fails, once.
pub fn fail_at(broken: Broken, k: u64) {
    *plan() = Some((broken, k));
}

/// Ends what `fail_at` began; tells whether the call came.
pub fn failed() -> bool {
    plan().take().is_none()
}

fn fails() -> Option<Broken> {
    let mut plan = plan();
    let (broken, left) = plan.as_mut()?;
    let own = std::thread::current().name().is_some_and(|name| matches!(name, "cji-fetch" | "cji-lookup"));
    *left -= u64::from(own);
    if !own || *left > 0 {
        return None;
    }
    let broken = *broken;
    *plan = None;
    Some(broken)
}

/// The call, or its failure: an error, or what stands for a connection that was hung up.
fn called(error: c_int, hung_up: c_int, call: impl FnOnce() -> c_long) -> c_long {
    match fails() {
        None => call(),
        Some(Broken::HungUp) if hung_up == 0 => 0,
        Some(broken) => {
            let error = if broken == Broken::HungUp { hung_up } else { error };
            // SAFETY: this thread's own.
            unsafe { *libc::__errno_location() = error };
            -1
        }
    }
}

/// Exports functions under libc's names, that go to the kernel if it is not their turn to fail.
macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty, $error:ident, $hung_up:expr, $number:ident $(, $more:expr)*;)*) => {
        $(
            /// # Safety
            /// As libc's.
            #[unsafe(no_mangle)]
            #[expect(clippy::cast_possible_truncation, clippy::allow_attributes, reason = "results of calls are small")]
            #[allow(clippy::unnecessary_cast, reason = "some are as wide as the kernel's")]
            pub unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
                // SAFETY: the caller's arguments go on as they are.
                called(libc::$error, $hung_up, || unsafe { libc::syscall(libc::$number, $($argument),* $(, $more)*) }) as $result
            }
        )*
    };
}

calls! {
    socket(family: c_int, kind: c_int, protocol: c_int) -> c_int, EMFILE, libc::ENOBUFS, SYS_socket;
    connect(fd: c_int, address: *const c_void, length: u32) -> c_int, ECONNREFUSED, libc::ENETUNREACH, SYS_connect;
    setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, length: u32) -> c_int,
        ENOBUFS, libc::EINVAL, SYS_setsockopt;
    send(fd: c_int, from: *const c_void, count: usize, flags: c_int) -> isize,
        ECONNRESET, libc::EPIPE, SYS_sendto, std::ptr::null::<c_void>(), 0_usize;
    sendmsg(fd: c_int, message: *const c_void, flags: c_int) -> isize, ECONNRESET, libc::EPIPE, SYS_sendmsg;
    writev(fd: c_int, from: *const c_void, count: c_int) -> isize, ECONNRESET, libc::EPIPE, SYS_writev;
    recv(fd: c_int, to: *mut c_void, count: usize, flags: c_int) -> isize,
        ECONNRESET, 0, SYS_recvfrom, std::ptr::null::<c_void>(), std::ptr::null::<c_void>();
}

type Lookup = unsafe extern "C" fn(*const c_char, *const c_char, *const c_void, *mut *mut c_void) -> c_int;

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const c_void,
    found: *mut *mut c_void,
) -> c_int {
    match fails() {
        Some(Broken::Reset) => libc::EAI_AGAIN,
        Some(Broken::HungUp) => libc::EAI_FAIL,
        None => {
            // SAFETY: libc's own function of this name, with the caller's arguments.
            unsafe {
                let real = libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr());
                std::mem::transmute::<*mut c_void, Lookup>(real)(host, service, hints, found)
            }
        }
    }
}
