/* Stands in for wireguard.dll and iphlpapi.dll on Linux: records every call and keeps a configuration as the driver would.
 * Errors go to errno, where .NET looks for them here as it looks at GetLastError on Windows. */
#include "declarations.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MORE_DATA = 234, INVALID_DATA = 13, FILE_NOT_FOUND = 2, MAX_PEERS = 64, MAX_IPS = 256 };
enum { PEER_PSK = 2, PEER_KEEPALIVE = 4, PEER_ENDPOINT = 8, PEER_REPLACE_IPS = 0x20, PEER_REMOVE = 0x40, PEER_UPDATE = 0x80 };
enum { IF_PUBLIC = 1, IF_PRIVATE = 2, IF_PORT = 4, IF_REPLACE = 8 };

typedef struct {
    NtPeer peer;
    NtAllowedIP ips[MAX_IPS];
} Kept;

typedef void (*Logger)(int level, uint64_t time, const uint16_t *message);

static char calls[1 << 16];
static char fail_name[64];
static int fail_code;
static NtInterface head;
static Kept kept[MAX_PEERS];
static uint32_t count;
static int state, exists;
static Logger logger;

static void note(const char *format, ...)
{
    va_list args;
    size_t used = strlen(calls);
    va_start(args, format);
    vsnprintf(calls + used, sizeof calls - used, format, args);
    va_end(args);
}

static int fails(const char *name)
{
    if (strcmp(name, fail_name))
        return 0;
    fail_name[0] = 0;
    errno = fail_code;
    return 1;
}

static const char *narrow(const uint16_t *wide, char *out)
{
    int i = 0;
    for (; wide[i] && i < 63; i++)
        out[i] = (char)wide[i];
    out[i] = 0;
    return out;
}

/* For the test. */
void StandInReset(void) { memset(calls, 0, sizeof calls); memset(&head, 0, sizeof head); memset(kept, 0, sizeof kept); count = 0; state = exists = 0; fail_name[0] = 0; }
const char *StandInCalls(void) { return calls; }
void StandInFail(const char *name, int code) { strcpy(fail_name, name); fail_code = code; }
void StandInHear(uint64_t when) { for (uint32_t i = 0; i < count; i++) { kept[i].peer.LastHandshake = when; kept[i].peer.RxBytes = 11; kept[i].peer.TxBytes = 22; } }

void *WireGuardCreateAdapter(const uint16_t *name, const uint16_t *type, const uint8_t *id)
{
    char a[64], b[64];
    if (fails("WireGuardCreateAdapter"))
        return NULL;
    note("create %s %s %s\n", narrow(name, a), narrow(type, b), id ? "with id" : "without id");
    exists = 1;
    return &head;
}

void *WireGuardOpenAdapter(const uint16_t *name)
{
    char a[64];
    note("open %s\n", narrow(name, a));
    if (!exists) {
        errno = FILE_NOT_FOUND;
        return NULL;
    }
    return &head;
}

void WireGuardCloseAdapter(void *adapter) { note("close %s\n", adapter == &head ? "it" : "another"); }
void WireGuardGetAdapterLUID(void *adapter, uint64_t *luid) { (void)adapter; *luid = 0x1122334455667788; }
uint32_t WireGuardGetRunningDriverVersion(void) { return exists ? 0x0000000A : (errno = FILE_NOT_FOUND, 0); }
void WireGuardSetLogger(Logger l) { note("logger %s\n", l ? "set" : "none"); logger = l; }

int WireGuardSetAdapterLogging(void *adapter, int log)
{
    static const uint16_t hello[] = { 'h', 'e', 'l', 'l', 'o', 0 };
    (void)adapter;
    note("logging %d\n", log);
    if (logger)
        logger(1, 0, hello);
    return 1;
}

int WireGuardGetAdapterState(void *adapter, int *out) { (void)adapter; *out = state; return 1; }

int WireGuardSetAdapterState(void *adapter, int to)
{
    (void)adapter;
    if (fails("WireGuardSetAdapterState"))
        return 0;
    note("state %d\n", to);
    state = to;
    if (to && !head.ListenPort)
        head.ListenPort = 40000;
    return 1;
}

static void take_ip(Kept *owner, const NtAllowedIP *ip)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < kept[i].peer.AllowedIPsCount; j++)
            if (!memcmp(&kept[i].ips[j], ip, 19))
                kept[i].ips[j--] = kept[i].ips[--kept[i].peer.AllowedIPsCount];
    owner->ips[owner->peer.AllowedIPsCount++] = *ip;
}

static void take_peer(const NtPeer *p, const NtAllowedIP *ips)
{
    Kept *found = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (!memcmp(kept[i].peer.PublicKey, p->PublicKey, 32))
            found = &kept[i];
    if (p->Flags & PEER_REMOVE) {
        if (found)
            *found = kept[--count];
        return;
    }
    if (!found) {
        if (p->Flags & PEER_UPDATE)
            return;
        found = &kept[count++];
        memset(found, 0, sizeof *found);
        memcpy(found->peer.PublicKey, p->PublicKey, 32);
        found->peer.Flags = 1;
    }
    if (p->Flags & PEER_PSK) {
        memcpy(found->peer.PresharedKey, p->PresharedKey, 32);
        found->peer.Flags |= PEER_PSK;
    }
    if (p->Flags & PEER_KEEPALIVE)
        found->peer.PersistentKeepalive = p->PersistentKeepalive;
    if (p->Flags & PEER_ENDPOINT) {
        found->peer.Endpoint = p->Endpoint;
        found->peer.Flags |= PEER_ENDPOINT;
    }
    if (p->Flags & PEER_REPLACE_IPS)
        found->peer.AllowedIPsCount = 0;
    for (uint32_t i = 0; i < p->AllowedIPsCount; i++)
        take_ip(found, &ips[i]);
}

int WireGuardSetConfiguration(void *adapter, const uint8_t *config, uint32_t bytes)
{
    const NtInterface *in = (const void *)config;
    const uint8_t *at = config + sizeof *in, *end = config + bytes;
    (void)adapter;
    if (fails("WireGuardSetConfiguration"))
        return 0;
    note("set %u peers, flags %u\n", in->PeersCount, in->Flags);
    if (in->Flags & IF_PRIVATE)
        memcpy(head.PrivateKey, in->PrivateKey, 32);
    if (in->Flags & IF_PORT)
        head.ListenPort = in->ListenPort;
    head.Flags = IF_PRIVATE | IF_PORT;
    if (in->Flags & IF_REPLACE)
        count = 0;
    for (uint32_t i = 0; i < in->PeersCount; i++) {
        const NtPeer *p = (const void *)at;
        const NtAllowedIP *ips = (const void *)(at + sizeof *p);
        at += sizeof *p + p->AllowedIPsCount * sizeof *ips;
        if (at > end) {
            errno = INVALID_DATA;
            return 0;
        }
        take_peer(p, ips);
    }
    if (at != end) {
        errno = INVALID_DATA;
        return 0;
    }
    return 1;
}

int WireGuardGetConfiguration(void *adapter, uint8_t *config, uint32_t *bytes)
{
    uint32_t need = sizeof head;
    (void)adapter;
    for (uint32_t i = 0; i < count; i++)
        need += sizeof(NtPeer) + kept[i].peer.AllowedIPsCount * sizeof(NtAllowedIP);
    if (*bytes < need) {
        note("more data\n");
        *bytes = need;
        errno = MORE_DATA;
        return 0;
    }
    *bytes = need;
    head.PeersCount = count;
    memcpy(config, &head, sizeof head);
    config += sizeof head;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t ips = kept[i].peer.AllowedIPsCount * sizeof(NtAllowedIP);
        memcpy(config, &kept[i].peer, sizeof(NtPeer));
        memcpy(config + sizeof(NtPeer), kept[i].ips, ips);
        config += sizeof(NtPeer) + ips;
    }
    return 1;
}

/* iphlpapi.dll; rows as bytes, at the offsets of netioapi.h. */
static uint64_t u64(const uint8_t *row, int at) { uint64_t v; memcpy(&v, row + at, 8); return v; }
static uint32_t u32(const uint8_t *row, int at) { uint32_t v; memcpy(&v, row + at, 4); return v; }

void InitializeUnicastIpAddressEntry(uint8_t *row) { memset(row, 0, 80); }
void InitializeIpForwardEntry(uint8_t *row) { memset(row, 0, 104); memset(row + 84, 0xFF, 4); }
uint32_t CreateUnicastIpAddressEntry(const uint8_t *row)
{
    if (fails("CreateUnicastIpAddressEntry"))
        return fail_code;
    note("address family %u, %u.%u.%u.%u/%u on %llx, dad %u\n", row[0], row[4], row[5], row[6], row[7], row[60], (unsigned long long)u64(row, 32), u32(row, 64));
    return 0;
}
uint32_t CreateIpForwardEntry2(const uint8_t *row)
{
    note("route family %u, %u.%u.%u.%u/%u on %llx, hop family %u, metric %u\n", row[12], row[16], row[17], row[18], row[19], row[40], (unsigned long long)u64(row, 0), row[44], u32(row, 84));
    return 0;
}
uint32_t GetIpInterfaceEntry(uint8_t *row) { row[144] = 64; row[152] = 1; return 0; }
uint32_t SetIpInterfaceEntry(const uint8_t *row)
{
    note("mtu %u, family %u on %llx, site prefix %u\n", u32(row, 152), row[0], (unsigned long long)u64(row, 8), u32(row, 144));
    return 0;
}
