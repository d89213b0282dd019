/* Stands in for macOS' list of TCP connections, with our own declarations of its records from their documented layout
 * (xnu: bsd/netinet/in_pcb.h, bsd/sys/socketvar.h), which any 64-bit C compiler lays out alike. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma pack(4)
typedef struct { uint32_t length, count; uint64_t generation, socket_generation; } Head;
typedef union { struct { uint32_t pad[3]; uint32_t v4; } in4; uint8_t v6[16]; } Address;
typedef struct {
    uint32_t length, kind;
    uint64_t self;
    uint16_t foreign_port, local_port;
    uint64_t per_protocol, generation;
    int32_t flags;
    uint32_t flow;
    uint8_t version, ttl, protocol;
    Address foreign, local;
    struct { uint8_t tos; } depend4;
    struct { uint8_t limit; int32_t checksum; uint16_t interface; int16_t hops; } depend6;
    uint32_t flow_hash, flags2;
} Connection;
typedef struct {
    uint32_t length, kind;
    uint64_t self;
    int16_t type;
    uint32_t options;
    int16_t linger, state;
    uint64_t block;
    int32_t protocol, family;
    int16_t queued, incomplete, limit, timeout;
    uint16_t error;
    int32_t group;
    uint32_t mark, uid;
    int32_t last_pid, effective_pid;
} Socket;
#pragma pack()

_Static_assert(offsetof(Connection, foreign_port) == 16 && offsetof(Connection, local_port) == 18, "ports");
_Static_assert(offsetof(Connection, version) == 44 && offsetof(Connection, foreign) == 48 && offsetof(Connection, local) == 64, "addresses");
_Static_assert(sizeof(Connection) == 104 && offsetof(Socket, uid) == 64 && sizeof(Head) == 24, "sizes");

static uint8_t list[1 << 16];
static size_t used, grown;

static void add(const void *record, size_t bytes)
{
    memcpy(list + used, record, bytes);
    used += (bytes + 7) & ~(size_t)7;
}

/* For the test. */
void StandInForgetConnections(void)
{
    Head head = { .length = sizeof head };
    memset(list, 0, sizeof list);
    used = grown = 0;
    add(&head, sizeof head);
}
/* The list has grown by that much when it is read, once. */
void StandInGrow(uint32_t bytes) { grown = bytes; }
void StandInSocket(int v6, const uint8_t *local, uint16_t local_port, const uint8_t *remote, uint16_t remote_port, uint32_t uid)
{
    Connection c = { .length = sizeof c, .kind = 0x10, .foreign_port = htons(remote_port), .local_port = htons(local_port), .version = v6 ? 2 : 1 };
    Socket s = { .length = sizeof s, .kind = 1, .uid = uid };
    struct { uint32_t length, kind, rest[5]; } buffer = { .length = sizeof buffer, .kind = 2 };
    memcpy(v6 ? (void *)c.foreign.v6 : &c.foreign.in4.v4, remote, v6 ? 16 : 4);
    memcpy(v6 ? (void *)c.local.v6 : &c.local.in4.v4, local, v6 ? 16 : 4);
    add(&c, sizeof c);
    add(&s, sizeof s);
    add(&buffer, sizeof buffer);
}

int sysctlbyname(const char *name, void *old, size_t *bytes, const void *value, size_t value_bytes)
{
    (void)value, (void)value_bytes;
    if (strcmp(name, "net.inet.tcp.pcblist_n")) {
        errno = ENOENT;
        return -1;
    }
    if (old && *bytes < used + grown) {
        grown = 0;
        errno = ENOMEM;
        return -1;
    }
    if (old)
        memcpy(old, list, used);
    *bytes = used;
    return 0;
}
