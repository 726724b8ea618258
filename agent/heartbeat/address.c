/* address.c: addresses of hosts, as text and for sockets. */
#include "heartbeat.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool address_read(struct address *address, const char *text)
{
    struct address found = {.len = 0};
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(text, NULL, &hints, &list))
        return false;
    memcpy(&found.at, list->ai_addr, list->ai_addrlen);
    found.len = list->ai_addrlen;
    snprintf(found.text, sizeof found.text, "%s", text);
    freeaddrinfo(list);
    *address = found;
    return true;
}

void address_set_port(struct address *address, unsigned port)
{
    if (address->at.ss_family == AF_INET)
        ((struct sockaddr_in *)&address->at)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)&address->at)->sin6_port = htons((uint16_t)port);
}
