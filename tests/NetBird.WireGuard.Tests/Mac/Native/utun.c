/* Stands in for macOS' utun driver: the control socket is one end of a pair, and the test has the other. Structures are our
 * own declarations of sys/kern_control.h's and sys/sys_domain.h's. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

extern int socketpair(int, int, int, int *);

typedef struct { uint32_t id; char name[96]; } Information;
typedef struct { uint8_t length, family; uint16_t system; uint32_t id, unit, reserved[5]; } Address;
_Static_assert(sizeof(Information) == 100 && sizeof(Address) == 32 && offsetof(Address, id) == 4, "sizes");

/* Packets with an end: SOCK_SEQPACKET. */
enum { SEQUENCED = 5 };

static int far_end = -1, refuse;

/* For the test. */
int StandInUtunEnd(void) { return far_end; }
void StandInRefuseUtun(uint32_t error) { refuse = (int)error; }

int socket(int family, int type, int protocol)
{
    int ends[2];
    if (family != 32 || type != 2 || protocol != 2 || socketpair(1, SEQUENCED, 0, ends)) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    far_end = ends[1];
    return ends[0];
}

int ioctl(int file, unsigned long request, void *argument)
{
    Information *information = argument;
    (void)file;
    if (request != 0xC0644E03 || strcmp(information->name, "com.apple.net.utun_control")) {
        errno = EINVAL;
        return -1;
    }
    information->id = 7;
    return 0;
}

int connect(int file, const void *address, uint32_t bytes)
{
    const Address *a = address;
    (void)file;
    errno = refuse ? refuse : EINVAL;
    return !refuse && bytes == 32 && a->length == 32 && a->family == 32 && a->system == 2 && a->id == 7 && a->unit == 0 ? 0 : -1;
}

int getsockopt(int file, int level, int option, void *value, uint32_t *bytes)
{
    (void)file;
    if (level != 2 || option != 2 || *bytes < 6) {
        errno = EINVAL;
        return -1;
    }
    memcpy(value, "utun9", 6);
    *bytes = 6;
    return 0;
}
