/* A web server as it should not be, on 127.0.0.1:PORT, until it is killed:
 *
 *   badweb PORT mute       takes connections and what comes, and never says a word
 *   badweb PORT close      takes connections and closes them when something comes
 *   badweb PORT reset      the same, with a reset
 *   badweb PORT garbage    answers with bytes that are no HTTP
 *   badweb PORT endless    a good beginning, and a body without end
 *   badweb PORT headers    headers without end
 *   badweb PORT truncated  promises 1000 bytes and stops after 10
 *   badweb PORT dribble    a byte of a good answer each 100 ms, without end
 *   badweb PORT hello      says "220 hello" at once, and repeats what it is told
 *   badweb PORT names      a name server (UDP) that never answers
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *mode;

static int is_mode(const char *name)
{
    return strcmp(mode, name) == 0;
}

static void die(const char *doing)
{
    fprintf(stderr, "badweb: %s: %s\n", doing, strerror(errno));
    exit(1);
}

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        exit(0);
}

static void say_for_ever(int fd, const char *text, unsigned pause_us)
{
    for (;;) {
        say(fd, text);
        if (pause_us)
            usleep(pause_us);
    }
}

static void reset(int fd)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void talk(int fd)
{
    static char block[65537], in[4096];
    memset(block, 'x', sizeof block - 1);
    if (is_mode("hello")) {
        say(fd, "220 hello\r\n");
        for (ssize_t n; (n = read(fd, in, sizeof in)) > 0;)
            if (write(fd, in, (size_t)n) < 0)
                return;
        return;
    }
    if (read(fd, in, sizeof in) <= 0)
        return;
    if (is_mode("mute"))
        pause();
    else if (is_mode("reset"))
        reset(fd);
    else if (is_mode("garbage"))
        say(fd, "\x01\x02\xff\xfe this is nothing\r\n\r\n");
    else if (is_mode("truncated"))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789");
    else if (is_mode("headers"))
        say(fd, "HTTP/1.1 200 OK\r\n"), say_for_ever(fd, "X-More: and more\r\n", 0);
    else if (is_mode("endless"))
        say(fd, "HTTP/1.1 200 OK\r\n\r\n"), say_for_ever(fd, block, 0);
    else if (is_mode("dribble"))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
            say_for_ever(fd, "x", 100000);
}

static int open_socket(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, is_names = is_mode("names");
    int fd = socket(AF_INET, (is_names ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || (!is_names && listen(fd, 128) < 0))
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: badweb PORT MODE\n", stderr);
        return 1;
    }
    mode = argv[2];
    int fd = open_socket(atoi(argv[1]));
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (is_mode("names"))
        for (;;)
            pause();
    for (;;) {
        int conn = accept(fd, NULL, NULL);
        if (conn < 0)
            continue;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            talk(conn);
            _exit(0);
        }
        close(conn);
    }
}
