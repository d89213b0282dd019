/* Stands in for what Windows tells of connections, processes and their tokens: a table and a list that the test fills. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSUFFICIENT_BUFFER = 122, ACCESS_DENIED = 5, MAX_ROWS = 4096, MAX_PROCESSES = 16 };
enum { INET = 2, INET6 = 23, OWNER_PID_ALL = 5, QUERY_LIMITED = 0x1000, TOKEN_QUERY = 8, TOKEN_USER = 1, TOKEN_ELEVATION = 20 };

typedef struct { uint32_t family, state, pid; uint8_t local[16], remote[16]; uint16_t local_port, remote_port; } Row;
typedef struct { uint32_t pid, sid_bytes; int elevated, sealed; uint8_t sid[80]; } Process;

static Row rows[MAX_ROWS];
static Process processes[MAX_PROCESSES];
static uint32_t row_count, process_count, open_handles, next_pid;

/* For the test. */
void StandInForgetAccounts(void) { row_count = process_count = open_handles = next_pid = 0; }
uint32_t StandInOpenHandles(void) { return open_handles; }
/* Once a process is opened, its connections are another's: its number was given away meanwhile. */
void StandInPassOn(uint32_t to) { next_pid = to; }
void StandInConnection(uint32_t family, const uint8_t *local, uint16_t local_port, const uint8_t *remote, uint16_t remote_port, uint32_t pid, uint32_t state)
{
    Row *r = &rows[row_count++];
    r->family = family, r->state = state, r->pid = pid, r->local_port = local_port, r->remote_port = remote_port;
    memcpy(r->local, local, family == INET ? 4 : 16);
    memcpy(r->remote, remote, family == INET ? 4 : 16);
}
void StandInProcess(uint32_t pid, const uint8_t *sid, uint32_t bytes, int elevated, int sealed)
{
    Process *p = &processes[process_count++];
    p->pid = pid, p->sid_bytes = bytes, p->elevated = elevated, p->sealed = sealed;
    memcpy(p->sid, sid, bytes);
}

/* The upper half of a port's field may hold anything. */
static uint32_t port_field(uint16_t port) { return 0xABCD0000u | htons(port); }

uint32_t GetExtendedTcpTable(uint8_t *table, uint32_t *size, int order, uint32_t family, int class, uint32_t reserved)
{
    uint32_t count = 0, need, row_bytes = family == INET ? 24 : 56;
    uint8_t *at = table + 4;
    if (class != OWNER_PID_ALL || order || reserved || (family != INET && family != INET6))
        return 87;
    for (uint32_t i = 0; i < row_count; i++)
        count += rows[i].family == family;
    need = 4 + count * row_bytes;
    if (*size < need) {
        *size = need;
        return INSUFFICIENT_BUFFER;
    }
    memcpy(table, &count, 4);
    for (uint32_t i = 0; i < row_count; i++) {
        const Row *r = &rows[i];
        if (r->family != family)
            continue;
        if (family == INET) {
            uint32_t row[6] = { r->state, 0, port_field(r->local_port), 0, port_field(r->remote_port), r->pid };
            memcpy(&row[1], r->local, 4);
            memcpy(&row[3], r->remote, 4);
            memcpy(at, row, sizeof row);
        } else {
            uint32_t row[14] = { 0 };
            memcpy(&row[0], r->local, 16);
            row[5] = port_field(r->local_port);
            memcpy(&row[6], r->remote, 16);
            row[11] = port_field(r->remote_port);
            row[12] = r->state;
            row[13] = r->pid;
            memcpy(at, row, sizeof row);
        }
        at += row_bytes;
    }
    return 0;
}

void *OpenProcess(uint32_t access, int inherit, uint32_t pid)
{
    for (uint32_t i = 0; i < process_count; i++)
        if (processes[i].pid == pid && access == QUERY_LIMITED && !inherit) {
            for (uint32_t j = 0; next_pid && j < row_count; j++)
                rows[j].pid = rows[j].pid == pid ? next_pid : rows[j].pid;
            open_handles++;
            return &processes[i];
        }
    errno = ACCESS_DENIED;
    return NULL;
}

int OpenProcessToken(void *process, uint32_t access, void **token)
{
    *token = NULL;
    if (access != TOKEN_QUERY || ((Process *)process)->sealed) {
        errno = ACCESS_DENIED;
        return 0;
    }
    *token = process;
    open_handles++;
    return 1;
}

int GetTokenInformation(void *token, int kind, uint8_t *information, uint32_t length, uint32_t *needed)
{
    const Process *p = token;
    if (kind == TOKEN_ELEVATION && length >= 4) {
        *needed = 4;
        memcpy(information, &p->elevated, 4);
        return 1;
    }
    *needed = 16 + p->sid_bytes;
    if (kind != TOKEN_USER || length < *needed) {
        errno = INSUFFICIENT_BUFFER;
        return 0;
    }
    uint8_t *sid = information + 16;
    memset(information, 0, 16);
    memcpy(information, &sid, sizeof sid);
    memcpy(sid, p->sid, p->sid_bytes);
    return 1;
}

/* A pipe named served, one that is busy, and no other. */
int WaitNamedPipeW(const uint16_t *name, uint32_t milliseconds)
{
    char narrow[64];
    int i = 0;
    for (; name[i] && i < 63; i++)
        narrow[i] = (char)name[i];
    narrow[i] = 0;
    errno = milliseconds == 1 && !strcmp(narrow, "\\\\.\\pipe\\busy") ? 121 : 2;
    return milliseconds == 1 && !strcmp(narrow, "\\\\.\\pipe\\served");
}

int CloseHandle(void *handle) { (void)handle; open_handles--; return 1; }
