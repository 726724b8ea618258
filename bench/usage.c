/* usage.c: run a command, then append "NAME user_s sys_s peak_kb wall_s" to a file.
 *
 *   usage FILE NAME COMMAND ARGS...
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage used;
    int status = 0;
    if (argc < 4)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    FILE *out = fopen(argv[1], "a");
    if (!out)
        return 1;
    fprintf(out, "%s %.3f %.3f %ld %.2f\n", argv[2], seconds_of(used.ru_utime),
            seconds_of(used.ru_stime), used.ru_maxrss,
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
