// One POST over and over at a fixed rate, whatever the answers take: an open loop. Each request is due at a moment fixed beforehand, and
// its time counts from then, not from when a connection was free, so that a stall is felt by all that were due meanwhile (wrk, a closed
// loop, sends fewer instead). One thread, epoll, timerfd.
//   pace ADDRESS PORT REQUEST-FILE RATE CONNECTIONS SECONDS
// REQUEST-FILE: the whole request, head and body. Prints: completed failed late p50 p99 p999 max, times in microseconds; "late" is how
// many were due before a connection was free. The first tenth of the time is not counted.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum state { HEAD, LENGTH, SIZE, DATA, TRAILER };

struct connection {
    int fd, busy, writing, status;
    enum state state;
    size_t sent, remaining, line;
    long long due;
    char head[16384];
    size_t have;
};

static struct sockaddr_in target;
static struct connection *connections;
static char *request;
static size_t requestBytes;
static int poller;
static long long *due, *times;
static size_t waitingFrom, waitingTo, completed, failed, late;
static long long countFrom;

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(struct connection *c, int operation, unsigned events)
{
    struct epoll_event event = { .events = events, .data.ptr = c };
    if (epoll_ctl(poller, operation, c->fd, &event)) die("epoll_ctl");
}

static void dial(struct connection *c)
{
    int one = 1;
    if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&target, sizeof target)) die("connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->busy = c->writing = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void end(struct connection *c, int whole);

static void push(struct connection *c)
{
    while (c->sent < requestBytes) {
        ssize_t n = write(c->fd, request + c->sent, requestBytes - c->sent);
        if (n < 0 && errno == EAGAIN) {
            if (!c->writing) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            c->writing = 1;
            return;
        }
        if (n < 0) {
            end(c, 0);
            return;
        }
        c->sent += (size_t)n;
    }
    if (c->writing) watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->writing = 0;
}

static void begin(struct connection *c, long long at)
{
    c->busy = 1;
    c->state = HEAD;
    c->sent = c->have = c->line = 0;
    c->due = at;
    push(c);
}

static void end(struct connection *c, int whole)
{
    if (c->due >= countFrom) {
        if (whole && c->status >= 200 && c->status < 300) times[completed++] = now() - c->due;
        else failed++;
    }
    c->busy = 0;
    if (!whole || c->sent < requestBytes) { // answered before it was asked whole: the rest must not begin the next
        close(c->fd);
        dial(c);
    }
    if (waitingFrom < waitingTo) begin(c, due[waitingFrom++]);
}

// Reads a head once it is whole; returns how many bytes of text belong to it, 0 while it is not.
static size_t readHead(struct connection *c, const char *text, size_t n)
{
    size_t before = c->have, take = n < sizeof c->head - 1 - c->have ? n : sizeof c->head - 1 - c->have;
    memcpy(c->head + c->have, text, take);
    c->head[c->have += take] = 0;
    char *stop = strstr(c->head, "\r\n\r\n");
    if (!stop) return 0;
    c->status = atoi(c->head + 9);
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->state = length && length < stop ? LENGTH : SIZE;
    c->remaining = c->state == LENGTH ? strtoul(length + 17, 0, 10) : 0;
    return (size_t)(stop + 4 - c->head) - before;
}

// Returns whether the answer is whole.
static int take(struct connection *c, const char *text, size_t n)
{
    if (c->state == HEAD) {
        size_t used = readHead(c, text, n);
        if (!used) return 0;
        text += used;
        n -= used;
        c->have = 0;
    }
    if (c->state == LENGTH) {
        c->remaining -= n < c->remaining ? n : c->remaining;
        return c->remaining == 0;
    }
    for (size_t i = 0; i < n;) {
        if (c->state == DATA) { // with the CRLF behind it
            size_t step = n - i < c->remaining ? n - i : c->remaining;
            i += step;
            if ((c->remaining -= step) == 0) c->state = SIZE;
        } else if (text[i++] == '\n') {
            c->head[c->have] = 0;
            size_t size = strtoul(c->head, 0, 16), empty = c->have == 0;
            c->have = 0;
            if (c->state == TRAILER) {
                if (empty) return 1;
            } else if (size == 0) {
                c->state = TRAILER;
            } else {
                c->state = DATA;
                c->remaining = size + 2;
            }
        } else if (text[i - 1] != '\r' && c->have < 64) {
            c->head[c->have++] = text[i - 1];
        }
    }
    return 0;
}

static int ascending(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static double share(double of)
{
    return completed ? times[(size_t)(of * (double)(completed - 1))] / 1000.0 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 7) return fprintf(stderr, "pace ADDRESS PORT REQUEST-FILE RATE CONNECTIONS SECONDS\n"), 2;
    double rate = atof(argv[4]), seconds = atof(argv[6]);
    size_t count = (size_t)atol(argv[5]), total = (size_t)(rate * seconds), next = 0;
    target = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2])) };
    inet_pton(AF_INET, argv[1], &target.sin_addr);

    FILE *file = fopen(argv[3], "rb");
    if (!file) die(argv[3]);
    fseek(file, 0, SEEK_END);
    requestBytes = (size_t)ftell(file);
    rewind(file);
    request = malloc(requestBytes);
    if (fread(request, 1, requestBytes, file) != requestBytes) die("read");

    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(count, sizeof *connections);
    times = malloc((total + 1) * sizeof *times);
    due = malloc((total + 1) * sizeof *due);
    for (size_t i = 0; i < count; i++) dial(&connections[i]);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = 0 }, ready[128];
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
    long long start = now() + 10000000;
    for (size_t i = 0; i < total; i++) due[i] = start + (long long)((double)i * 1e9 / rate);
    countFrom = start + (long long)(seconds * 1e8);
    long long giveUp = start + (long long)(seconds * 1e9) + 10000000000LL;
    static char buffer[262144];

    while (1) {
        for (long long at = now(); next < total && due[next] <= at; next++) {
            waitingTo = next + 1;
            size_t i = 0;
            while (i < count && connections[i].busy) i++;
            if (i < count) begin(&connections[i], due[waitingFrom++]);
            else late++;
        }
        size_t busy = 0;
        for (size_t i = 0; i < count; i++) busy += connections[i].busy != 0;
        if ((next == total && busy == 0 && waitingFrom == waitingTo) || now() > giveUp) break;
        long long wake = next < total ? due[next] : now() + 100000000;
        struct itimerspec when = { .it_value = { wake / 1000000000LL, wake % 1000000000LL } };
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
        int n = epoll_wait(poller, ready, 128, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (!c) {
                unsigned long long ticks;
                if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) die("timerfd");
                continue;
            }
            if (ready[i].events & EPOLLOUT && c->busy) push(c);
            if (!(ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            ssize_t got = read(c->fd, buffer, sizeof buffer);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                if (c->busy) end(c, 0);
                else close(c->fd), dial(c);
            } else if (c->busy && take(c, buffer, (size_t)got)) {
                end(c, 1);
            }
        }
    }

    failed += total - waitingFrom;
    for (size_t i = 0; i < count; i++) failed += connections[i].busy != 0;
    qsort(times, completed, sizeof *times, ascending);
    printf("%zu %zu %zu %.1f %.1f %.1f %.1f\n", completed, failed, late, share(0.5), share(0.99), share(0.999), share(1));
    return 0;
}
