/* Listen as systemd listens to its services: prints each datagram that comes to a socket, with "|" for its line ends.
 *
 *   notifyd -f SOCKET_PATH        until SIGTERM; the socket is there when it is ready
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[512];
    if (argc != 3 || strcmp(argv[1], "-f") != 0 || strlen(argv[2]) >= sizeof address.sun_path)
        return 2;
    memcpy(address.sun_path, argv[2], strlen(argv[2]));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(argv[2]);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (ssize_t n; (n = recv(fd, text, sizeof text - 1, 0)) >= 0;) {
        text[n] = '\0';
        for (char *at = text; (at = strchr(at, '\n'));)
            *at = '|';
        puts(text);
    }
    return 0;
}
