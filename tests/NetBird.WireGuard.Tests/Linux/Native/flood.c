// Sends prepared datagrams to a UDP port at a steady rate, from many sources, and counts what is answered. Each datagram is a
// packet of its own to the kernel, as it would be from a network, so the receiver gets no help from segmentation offload; in C
// and by sendmmsg(2), so that the flood costs the machine little more than the network would.
//
//   flood TARGET PORT FILE SIZE RATE SECONDS FIRST-SOURCE SOURCES
//
// FILE holds datagrams of SIZE bytes back to back. Prints "SENT ANSWERED" when the seconds are over or on SIGTERM.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define MOST_SOURCES 1024

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 9)
        return 2;
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    struct sockaddr_in source = {.sin_family = AF_INET};
    inet_pton(AF_INET, argv[1], &target.sin_addr);
    inet_pton(AF_INET, argv[7], &source.sin_addr);
    size_t size = strtoul(argv[4], 0, 10);
    double rate = atof(argv[5]), seconds = atof(argv[6]);
    int sources = atoi(argv[8]);
    if (size == 0 || sources < 1 || sources > MOST_SOURCES)
        return 2;

    int file = open(argv[3], O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        return fail(argv[3]);
    char *packets = malloc(status.st_size);
    if (read(file, packets, status.st_size) != status.st_size)
        return fail(argv[3]);
    size_t count = status.st_size / size;

    static int sockets[MOST_SOURCES];
    for (int i = 0; i < sources; i++)
    {
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int one = 1;
        setsockopt(sockets[i], IPPROTO_IP, IP_FREEBIND, &one, sizeof one);
        struct sockaddr_in from = source;
        from.sin_addr.s_addr = htonl(ntohl(source.sin_addr.s_addr) + i);
        if (bind(sockets[i], (struct sockaddr *)&from, sizeof from) < 0 || connect(sockets[i], (struct sockaddr *)&target, sizeof target) < 0)
            return fail("bind or connect");
    }

    struct mmsghdr out[BATCH], in[BATCH];
    struct iovec parts[BATCH], rooms[BATCH];
    static char room[BATCH][256];
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (int i = 0; i < BATCH; i++)
    {
        parts[i].iov_len = size;
        rooms[i] = (struct iovec){room[i], sizeof room[i]};
        out[i].msg_hdr.msg_iov = &parts[i];
        in[i].msg_hdr.msg_iov = &rooms[i];
        out[i].msg_hdr.msg_iovlen = in[i].msg_hdr.msg_iovlen = 1;
    }

    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    struct timespec began, due;
    clock_gettime(CLOCK_MONOTONIC, &began);
    unsigned long long sent = 0, answered = 0, packet = 0;
    for (unsigned long long turn = 0; !stopped; turn++)
    {
        int to = sockets[turn % sources];
        for (int i = 0; i < BATCH; i++)
            parts[i].iov_base = packets + (packet++ % count) * size;
        int taken = sendmmsg(to, out, BATCH, 0);
        sent += taken > 0 ? taken : 0;
        int heard = recvmmsg(to, in, BATCH, MSG_DONTWAIT, 0);
        answered += heard > 0 ? heard : 0;

        double at = (turn + 1) * BATCH / rate;
        if (at > seconds)
            break;
        long long ns = began.tv_nsec + (long long)(at * 1e9);
        due.tv_sec = began.tv_sec + ns / 1000000000;
        due.tv_nsec = ns % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, 0);
    }

    usleep(100000);
    for (int i = 0; i < sources; i++)
    {
        int heard;
        while ((heard = recvmmsg(sockets[i], in, BATCH, MSG_DONTWAIT, 0)) > 0)
            answered += heard;
    }

    printf("%llu %llu\n", sent, answered);
    return 0;
}
