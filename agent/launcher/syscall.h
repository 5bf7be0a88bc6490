// System calls without a C library: what a static program of a few hundred bytes needs to run in any image, empty ones
// included. Numbers are of Linux's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
// A program defines `void start(long *stack)`: argc, argv, NULL, environment, NULL, auxiliary vector (System V ABI).

#if defined(__x86_64__)

enum { sys_write = 1, sys_rt_sigprocmask = 14, sys_execve = 59, sys_wait4 = 61, sys_rt_sigtimedwait = 128, sys_exit_group = 231 };

static long system_call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}

__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");

#elif defined(__aarch64__)

enum { sys_write = 64, sys_exit_group = 94, sys_rt_sigprocmask = 135, sys_rt_sigtimedwait = 137, sys_execve = 221, sys_wait4 = 260 };

static long system_call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}

__asm__(".globl _start\n_start:\n mov x29, #0\n mov x0, sp\n bl start\n");

#else
#error "swap's static programs are written for x86_64 and aarch64"
#endif
