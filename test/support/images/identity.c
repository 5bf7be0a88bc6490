// A workload of the kind that is hardest to swap: answers HTTP/1.1 with who it is, and exits at once on SIGTERM without
// finishing anything. Listens on $PORT (8080). GET / → {"from":"original","pod":HOSTNAME,"path":PATH,"port":PORT}.
// One source for all test images: glibc or musl, dynamic or static.
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { largest_head = 16384 };

static char pod[256];
static int port;

static void exit_at_once(int signal) {
  (void)signal;
  _exit(0);
}

// Copies the request's path up to its query, without the bytes that JSON would need escaped.
static void path_of(const char *head, char *path, size_t bytes) {
  const char *from = strchr(head, ' ');
  size_t n = 0;
  if (from)
    for (from++; n + 1 < bytes && *from > ' ' && *from != '?'; from++)
      if (*from != '"' && *from != '\\') path[n++] = *from;
  path[n] = 0;
}

static long content_length(const char *head) {
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, "content-length:", 15)) return atol(line + 17);
  return 0;
}

static int wants_close(const char *head) {
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, "connection: close", 17)) return 1;
  return 0;
}

static int answer(int client, const char *head) {
  char path[1024], body[2048], reply[4096];
  path_of(head, path, sizeof path);
  int length = snprintf(body, sizeof body, "{\"from\":\"original\",\"pod\":\"%s\",\"path\":\"%s\",\"port\":%d}\n", pod, path, port);
  int bytes = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                       length, body);
  return send(client, reply, bytes, MSG_NOSIGNAL) == bytes;
}

static void *serve(void *argument) {
  int client = (int)(long)argument;
  char head[largest_head + 1];
  size_t have = 0;
  for (;;) {
    head[have] = 0;
    char *end = strstr(head, "\r\n\r\n");
    if (!end) {
      if (have == largest_head) break;
      ssize_t got = recv(client, head + have, largest_head - have, 0);
      if (got <= 0) break;
      have += got;
      continue;
    }
    end[2] = 0;
    size_t used = end + 4 - head;
    long body = content_length(head);
    int last = wants_close(head);
    if (!answer(client, head) || last) break;
    while (body > 0) { // the request's body: what came with the head, then the rest
      size_t left = have - used, take = left < (size_t)body ? left : (size_t)body;
      used += take;
      body -= take;
      if (body == 0) break;
      ssize_t got = recv(client, head, largest_head, 0);
      if (got <= 0) goto out;
      have = got;
      used = 0;
    }
    memmove(head, head + used, have - used);
    have -= used;
  }
out:
  shutdown(client, SHUT_WR);
  close(client);
  return 0;
}

int main(void) {
  signal(SIGTERM, exit_at_once);
  signal(SIGINT, exit_at_once);
  gethostname(pod, sizeof pod - 1);
  port = atoi(getenv("PORT") ? getenv("PORT") : "8080");
  int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, off = 0;
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 1024)) {
    perror("identity: cannot listen");
    return 1;
  }
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int client = accept(listener, 0, 0);
    pthread_t thread;
    if (client >= 0 && pthread_create(&thread, &small, serve, (void *)(long)client)) close(client);
  }
}
