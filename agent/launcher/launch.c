// agent: the first program of the agent's tree, and the only one that depends on nothing. It starts the Node that lies
// beside it, in any image: with the loader and the libraries of the tree, whatever the image has or lacks, and without
// the environment variables of the image that would change how that Node runs.
//
//   agent ARGS…  →  DIR/lib/LOADER --inhibit-cache --library-path DIR/lib DIR/bin/node FLAGS… DIR/agent.cjs ARGS…
//
// A hidden variable keeps its value; the first letter of its name becomes that letter's control character (L → ^L),
// which no name has that Kubernetes accepts. agent/hidden-environment.ts undoes it, and holds the same list.
#include "syscall.h"

#if defined(__x86_64__)
#define LOADER "/lib/ld-linux-x86-64.so.2"
#else
#define LOADER "/lib/ld-linux-aarch64.so.1"
#endif

enum { auxiliary_end = 0, auxiliary_execfn = 31, path_bytes = 4096, longest_member = 32, not_executable = 126 };

// Prefixes: NODE_ also hides NODE_OPTIONS.
static const char *const hidden[] = {
    "LD_",     "NODE_",    "OPENSSL_",   "SSL_CERT_", "GLIBC_TUNABLES",   "MALLOC_",     "UV_",         "V8_",
    "ICU_",    "GCONV_PATH", "LOCPATH",  "NLSPATH",   "RESOLV_HOST_CONF", "RES_OPTIONS", "LOCALDOMAIN", "TMPDIR",
};

static const char *const flags[] = {
    "--max-old-space-size=24",        // MiB: Node would size its heap by the machine and be killed in a small container
    "--max-semi-space-size=1",        // MiB
    "--openssl-config=/dev/null",     // the image's own may be unreadable or malformed
};

#define count(array) (sizeof(array) / sizeof(*(array)))

static long length(const char *text) {
  long bytes = 0;
  while (text[bytes]) bytes++;
  return bytes;
}

static int starts_with(const char *text, const char *prefix) {
  while (*prefix && *text == *prefix) text++, prefix++;
  return !*prefix;
}

static void fail(const char *what, const char *path) {
  static const char before[] = "swap agent: ", end[] = "\n";
  system_call(sys_write, 2, (long)before, sizeof before - 1, 0);
  system_call(sys_write, 2, (long)what, length(what), 0);
  system_call(sys_write, 2, (long)path, length(path), 0);
  system_call(sys_write, 2, (long)end, 1, 0);
  system_call(sys_exit_group, not_executable, 0, 0, 0);
}

static void hide(char **environment) {
  for (; *environment; environment++)
    for (unsigned i = 0; i < count(hidden); i++)
      if (starts_with(*environment, hidden[i])) {
        (*environment)[0] &= 0x1f;
        break;
      }
}

// Length of the folder part of `path`, without its last slash; 0 for a file of the root.
static long folder_length(const char *path) {
  long last = -1;
  for (long i = 0; path[i]; i++)
    if (path[i] == '/') last = i;
  return last;
}

static const char *join(char *into, const char *folder, long bytes, const char *member) {
  for (long i = 0; i < bytes; i++) into[i] = folder[i];
  long i = 0;
  do into[bytes + i] = member[i];
  while (member[i++]);
  return into;
}

void start(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  char **end = environment;
  while (*end) end++;

  // What was passed to execve(2), also when argv[0] is something else.
  const char *self = argc > 0 ? argv[0] : "";
  for (long *auxiliary = (long *)(end + 1); *auxiliary != auxiliary_end; auxiliary += 2)
    if (*auxiliary == auxiliary_execfn) self = (const char *)auxiliary[1];
  if (length(self) + longest_member > path_bytes) fail("the path is too long: ", self);
  long bytes = folder_length(self);
  if (bytes < 0) self = ".", bytes = 1;

  char loader[path_bytes], libraries[path_bytes], node[path_bytes], program[path_bytes];
  const char *command[argc + 16];
  int n = 0;
  command[n++] = join(loader, self, bytes, LOADER);
  command[n++] = "--inhibit-cache"; // /etc/ld.so.cache is the image's
  command[n++] = "--library-path";
  command[n++] = join(libraries, self, bytes, "/lib");
  command[n++] = join(node, self, bytes, "/bin/node");
  for (unsigned i = 0; i < count(flags); i++) command[n++] = flags[i];
  command[n++] = join(program, self, bytes, "/agent.cjs");
  for (long i = 1; i < argc; i++) command[n++] = argv[i];
  command[n] = 0;

  hide(environment);
  system_call(sys_execve, (long)loader, (long)command, (long)environment, 0);
  fail("cannot execute ", loader);
}
