/* tsan_threads.c: linked into builds with the thread sanitizer only.
 *
 * librdkafka starts its threads by C11's thrd_create, which gcc's sanitizer does not see: such a thread dies at its first
 * malloc. Here thrd_create becomes pthread_create, which it knows.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t run;
    void *arg;
};

static void *trampoline(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)start.run(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start) {.run = run, .arg = arg};
    if (pthread_create(thread, NULL, trampoline, start) == 0)
        return thrd_success;
    free(start);
    return thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;
    if (pthread_join(thread, &value) != 0)
        return thrd_error;
    if (result)
        *result = (int)(intptr_t)value;
    return thrd_success;
}

int thrd_detach(thrd_t thread)
{
    return pthread_detach(thread) == 0 ? thrd_success : thrd_error;
}

/* Its locks and conditions too: in glibc they are the POSIX ones under another type. */

static int answer(int failed)
{
    return failed == 0           ? thrd_success
           : failed == EBUSY     ? thrd_busy
           : failed == ETIMEDOUT ? thrd_timedout
                                 : thrd_error;
}

int mtx_init(mtx_t *mtx, int type)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    return answer(pthread_mutex_init((pthread_mutex_t *)mtx, &attr));
}

int mtx_lock(mtx_t *mtx)
{
    return answer(pthread_mutex_lock((pthread_mutex_t *)mtx));
}

int mtx_trylock(mtx_t *mtx)
{
    return answer(pthread_mutex_trylock((pthread_mutex_t *)mtx));
}

int mtx_unlock(mtx_t *mtx)
{
    return answer(pthread_mutex_unlock((pthread_mutex_t *)mtx));
}

void mtx_destroy(mtx_t *mtx)
{
    pthread_mutex_destroy((pthread_mutex_t *)mtx);
}

int cnd_init(cnd_t *cnd)
{
    return answer(pthread_cond_init((pthread_cond_t *)cnd, NULL));
}

int cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
    return answer(pthread_cond_wait((pthread_cond_t *)cnd, (pthread_mutex_t *)mtx));
}

int cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *until)
{
    return answer(pthread_cond_timedwait((pthread_cond_t *)cnd, (pthread_mutex_t *)mtx, until));
}

int cnd_signal(cnd_t *cnd)
{
    return answer(pthread_cond_signal((pthread_cond_t *)cnd));
}

int cnd_broadcast(cnd_t *cnd)
{
    return answer(pthread_cond_broadcast((pthread_cond_t *)cnd));
}

void cnd_destroy(cnd_t *cnd)
{
    pthread_cond_destroy((pthread_cond_t *)cnd);
}
