// The process that holds a pod's namespaces: waits, reaps what is orphaned to it, ends on SIGTERM and SIGINT.
#include "syscall.h"

enum { sigint = 2, sigterm = 15, sigchld = 17, block = 0, without_hanging = 1, sigset_bytes = 8 };

static long bit(int signal) { return 1L << (signal - 1); }

void start(long *stack) {
  (void)stack;
  // Blocked signals wait in the queue instead of running a handler, even those whose default is to be ignored.
  long signals = bit(sigint) | bit(sigterm) | bit(sigchld);
  system_call(sys_rt_sigprocmask, block, (long)&signals, 0, sigset_bytes);
  for (;;) {
    long signal = system_call(sys_rt_sigtimedwait, (long)&signals, 0, 0, sigset_bytes);
    if (signal == sigint || signal == sigterm) system_call(sys_exit_group, 0, 0, 0, 0);
    while (system_call(sys_wait4, -1, 0, without_hanging, 0) > 0) {
    }
  }
}
