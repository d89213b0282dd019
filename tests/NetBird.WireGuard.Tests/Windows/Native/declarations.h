/* Our own declarations of WireGuardNT's structures, from its documented interface (wireguard.h, version 0.10), with the
 * types of Windows spelled out so that any 64-bit C compiler can lay them out. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define EIGHT __attribute__((aligned(8)))

typedef union {
    struct {
        uint16_t family;
        uint16_t port;
        uint32_t address;
        char zero[8];
    } v4;
    struct {
        uint16_t family;
        uint16_t port;
        uint32_t flow;
        uint8_t address[16];
        uint32_t scope;
    } v6;
    uint16_t family;
} SocketAddressInet;

typedef struct EIGHT {
    union {
        uint32_t v4;
        uint8_t v6[16];
    } Address;
    uint16_t AddressFamily;
    uint8_t Cidr;
} NtAllowedIP;

typedef struct EIGHT {
    uint32_t Flags;
    uint32_t Reserved;
    uint8_t PublicKey[32];
    uint8_t PresharedKey[32];
    uint16_t PersistentKeepalive;
    SocketAddressInet Endpoint;
    uint64_t TxBytes;
    uint64_t RxBytes;
    uint64_t LastHandshake;
    uint32_t AllowedIPsCount;
} NtPeer;

typedef struct EIGHT {
    uint32_t Flags;
    uint16_t ListenPort;
    uint8_t PrivateKey[32];
    uint8_t PublicKey[32];
    uint32_t PeersCount;
} NtInterface;
