/* test_heartbeat_runner.c: ticks, checks, attempts and what is told of them, with a monitor type whose answers the case gives, and
 * a clock that it turns.
 */
#include "posta_test.h"

#include "config/config.h"
#include "heartbeat/heartbeat.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

enum { MAX_BEATS = 256, MAX_OPEN = 64 };

static int64_t now_ns;

static int64_t fake_mono(void)
{
    return now_ns;
}

static int64_t fake_wall(void)
{
    return INT64_C(1700000000) * NS_PER_S + now_ns;
}

/* ---- the type ---- */

/* For each start: u, d = at once; h = it hangs, in open. The last one counts for all that follow. */
static const char *script;
static struct probe *open_probes[MAX_OPEN];
static size_t n_open, n_started;

static void fake_read(void *self, const struct node *node, struct str_list *urls,
                      struct problems *problems)
{
    const struct monitor_settings *own = self;
    (void)node, (void)problems;
    for (size_t i = 0; i < own->hosts.n; i++)
        urls_take(urls, mem_printf("fake://%s", own->hosts.at[i]));
}

static void end_open(size_t i, bool is_up)
{
    const struct probe_result up = {.type = NULL};
    const struct probe_result down = {.type = "io", .code = "FAKE", .message = "no"};
    struct probe *probe = open_probes[i];
    open_probes[i] = NULL;
    probe_end(probe, is_up ? &up : &down);
}

static void fake_start(struct probe *probe)
{
    char what = *script;
    if (script[1])
        script++;
    n_started++;
    assert_true(n_open < MAX_OPEN);
    open_probes[n_open++] = probe;
    probe->own = probe; /* there is something to cancel */
    if (what != 'h')
        end_open(n_open - 1, what == 'u');
}

static void fake_cancel(struct probe *probe)
{
    for (size_t i = 0; i < n_open; i++)
        if (open_probes[i] == probe)
            open_probes[i] = NULL;
    probe->own = NULL;
}

static const struct monitor_type fake_monitor = {.name = "fake",
                                                 .size = sizeof(struct monitor_settings),
                                                 .read = fake_read,
                                                 .start = fake_start,
                                                 .cancel = fake_cancel};
static const struct monitor_type *const types[] = {&fake_monitor, &tcp_monitor, NULL};

/* ---- the rig ---- */

struct rig {
    struct config *config;
    struct monitor monitors[8];
    size_t n;
    struct loop *loop;
    struct runner *runner;
    char *beats[MAX_BEATS];
    size_t n_beats;
};

static void keep_beat(void *arg, const struct heartbeat *beat)
{
    struct rig *rig = arg;
    assert_true(rig->n_beats < MAX_BEATS);
    rig->beats[rig->n_beats++] = mem_printf("{%.*s}", (int)beat->members->len, beat->members->data);
}

static void begin(struct rig *rig, const char *yaml, unsigned limit)
{
    struct problems problems = PROBLEMS_INIT;
    struct err err;
    *rig = (struct rig) {.config = config_new(NULL)};
    assert_int_equal(config_add_bytes(rig->config, "t.yml", yaml, strlen(yaml), &problems), 0);
    assert_int_equal(config_expand(rig->config, NULL, &problems), 0);
    const struct node *list = node_get(config_root(rig->config), "m");
    for (size_t i = 0; i < node_count(list); i++)
        if (monitor_read(&rig->monitors[rig->n], types, node_at(list, i), "m", true, &problems))
            rig->n++;
    if (problems_err(&problems, &err))
        fail_msg("%s", err.text);
    problems_free(&problems);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    const struct runner_config config = {.loop = rig->loop,
                                         .monitors = rig->monitors,
                                         .n_monitors = rig->n,
                                         .limit = limit,
                                         .give = keep_beat,
                                         .arg = rig};
    n_open = n_started = 0;
    if (runner_start(&rig->runner, &config, &err))
        fail_msg("%s", err.text);
}

static void end(struct rig *rig)
{
    runner_stop(rig->runner);
    for (size_t i = 0; i < n_open; i++)
        assert_null(open_probes[i]);
    for (size_t i = 0; i < rig->n_beats; i++)
        free(rig->beats[i]);
    for (size_t i = 0; i < rig->n; i++)
        monitor_free(&rig->monitors[i]);
    config_free(rig->config);
    loop_free(rig->loop);
}

static void turn(struct rig *rig)
{
    struct err err;
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
}

static void advance(struct rig *rig, int64_t ms)
{
    for (int64_t left = ms; left > 0; left -= 100) {
        now_ns += (left < 100 ? left : 100) * NS_PER_MS;
        turn(rig);
    }
}

static bool beat_has(const struct rig *rig, size_t i, const char *text)
{
    return i < rig->n_beats && strstr(rig->beats[i], text);
}

static void assert_beat(const struct rig *rig, size_t i, const char *text)
{
    if (!beat_has(rig, i, text))
        fail_msg("beat %zu of %zu: %s\n  is not in %s", i, rig->n_beats, text,
                 i < rig->n_beats ? rig->beats[i] : "nothing");
}

/* ---- ticks ---- */

static void the_first_check_is_at_the_start_then_each_period(void **state)
{
    struct rig rig;
    (void)state;
    script = "u";
    begin(&rig, "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '@every 10s'}]", 9);
    turn(&rig);
    assert_int_equal(rig.n_beats, 1);
    assert_beat(&rig, 0,
                "\"monitor\":{\"id\":\"a\",\"name\":\"\",\"type\":\"fake\",\"status\":\"up\"");
    assert_beat(&rig, 0, "\"ip\":\"127.0.0.1\"");
    assert_beat(&rig, 0, "\"url\":{\"full\":\"fake://127.0.0.1\"");
    assert_beat(&rig, 0, "\"summary\":{\"status\":\"up\",\"up\":1,\"down\":0,\"attempt\":1,");
    advance(&rig, 9900);
    assert_int_equal(rig.n_beats, 1);
    advance(&rig, 200);
    assert_int_equal(rig.n_beats, 2);
    advance(&rig, 100000);
    assert_int_equal(rig.n_beats, 12);
    end(&rig);
}

static void a_cron_line_waits_for_its_second(void **state)
{
    struct rig rig;
    (void)state;
    script = "u";
    now_ns = 0; /* 22:13:20 */
    begin(&rig, "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '*/30 * * * * * *'}]", 9);
    advance(&rig, 9900);
    assert_int_equal(rig.n_beats, 0);
    advance(&rig, 200);
    assert_int_equal(rig.n_beats, 1);
    advance(&rig, 60000);
    assert_int_equal(rig.n_beats, 3);
    end(&rig);
}

static void a_tick_while_the_check_runs_is_skipped(void **state)
{
    struct rig rig;
    (void)state;
    script = "hu";
    begin(&rig, "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '@every 1s'}]", 9);
    advance(&rig, 3500);
    assert_int_equal(n_started, 1);
    assert_int_equal(runner_stats(rig.runner)->skipped, 3);
    end_open(0, true);
    turn(&rig);
    assert_int_equal(rig.n_beats, 1);
    assert_int_equal(n_started, 1); /* it is not made up for */
    advance(&rig, 1000);
    assert_int_equal(n_started, 2);
    end(&rig);
}

static void a_hanging_host_delays_no_other(void **state)
{
    struct rig rig;
    (void)state;
    script = "hu";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '@every 1h'},"
          "{type: fake, id: b, hosts: 127.0.0.2, schedule: '@every 1s'}]",
          9);
    advance(&rig, 5050);
    assert_int_equal(rig.n_beats, 6);
    for (size_t i = 0; i < 6; i++)
        assert_beat(&rig, i, "\"id\":\"b\"");
    end(&rig);
}

static void no_more_at_once_than_the_limit(void **state)
{
    struct rig rig;
    (void)state;
    script = "h";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: [127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4],"
          " schedule: '@every 1h'}]",
          3);
    advance(&rig, 1000);
    assert_int_equal(n_started, 3);
    end_open(1, true);
    advance(&rig, 100);
    assert_int_equal(n_started, 4);
    end(&rig);
}

/* ---- attempts, states ---- */

static void down_is_tried_again_after_a_second(void **state)
{
    struct rig rig;
    (void)state;
    script = "du";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '@every 1h', max_attempts: 2}]", 9);
    turn(&rig);
    assert_int_equal(rig.n_beats, 1);
    assert_beat(&rig, 0, "\"error\":{\"type\":\"io\",\"code\":\"FAKE\",\"message\":\"no\"}");
    assert_beat(&rig, 0, "\"attempt\":1,\"max_attempts\":2,\"final_attempt\":false");
    advance(&rig, 900);
    assert_int_equal(rig.n_beats, 1);
    advance(&rig, 200);
    assert_int_equal(rig.n_beats, 2);
    assert_beat(&rig, 1, "\"attempt\":2,\"max_attempts\":2,\"final_attempt\":true");
    assert_beat(&rig, 1, "-2\",\"ip\"");
    advance(&rig, 10000);
    assert_int_equal(rig.n_beats, 2);
    end(&rig);
}

static void after_the_last_attempt_it_is_down(void **state)
{
    struct rig rig;
    (void)state;
    script = "uuud";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: 127.0.0.1, schedule: '@every 10s', max_attempts: 3}]", 9);
    advance(&rig, 39900);
    assert_int_equal(rig.n_beats, 6);
    assert_beat(&rig, 4, "\"final_attempt\":false");
    assert_beat(&rig, 4, "\"status\":\"up\",\"checks\":5");
    assert_beat(&rig, 5, "\"final_attempt\":true");
    assert_beat(&rig, 5, "\"status\":\"down\",\"checks\":1,\"up\":0,\"down\":1");
    assert_beat(&rig, 5, "\"ends\":{\"id\":\"a-default-");
    end(&rig);
}

static void several_hosts_have_ids_and_states_of_their_own(void **state)
{
    struct rig rig;
    (void)state;
    script = "ud";
    begin(&rig, "m: [{type: fake, id: a, hosts: [127.0.0.1, 127.0.0.2], schedule: '@every 1h'}]",
          9);
    advance(&rig, 300);
    assert_int_equal(rig.n_beats, 2);
    assert_beat(&rig, 0, "\"monitor\":{\"id\":\"a-");
    assert_beat(&rig, 1, "\"monitor\":{\"id\":\"a-");
    assert_true(strncmp(strstr(rig.beats[0], "\"id\":"), strstr(rig.beats[1], "\"id\":"), 20) != 0);
    assert_beat(&rig, 0, "\"checks\":1,\"up\":1,\"down\":0");
    assert_beat(&rig, 1, "\"checks\":1,\"up\":0,\"down\":1");
    end(&rig);
}

/* ---- names: real threads, real time ---- */

static void run_until(struct rig *rig, size_t n_beats)
{
    struct err err;
    while (rig->n_beats < n_beats)
        assert_int_equal(loop_turn(rig->loop, 100 * NS_PER_MS, &err), 0);
}

static void a_name_that_does_not_resolve_is_down(void **state)
{
    struct rig rig;
    (void)state;
    clock_set(NULL);
    script = "u";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: nobody.invalid, schedule: '@every 1h'},"
          "{type: fake, id: b, hosts: localhost, schedule: '@every 1h', ipv6: false}]",
          9);
    run_until(&rig, 2);
    size_t a = beat_has(&rig, 0, "\"id\":\"a\"") ? 0 : 1;
    assert_beat(&rig, a,
                "\"error\":{\"type\":\"io\",\"code\":\"DNS_LOOKUP_FAILED\",\"message\":\"DNS "
                "lookup failure \\\"nobody.invalid\\\": ");
    assert_false(beat_has(&rig, a, "\"ip\""));
    assert_beat(&rig, 1 - a, "\"resolve\":{\"ip\":\"127.0.0.1\",\"rtt\":{\"us\":");
    end(&rig);
}

static void it_may_end_while_names_are_resolved(void **state)
{
    struct rig rig;
    (void)state;
    clock_set(NULL);
    script = "u";
    begin(&rig,
          "m: [{type: fake, id: a, hosts: [localhost, nobody.invalid], schedule: '@every 1h'}]", 9);
    turn(&rig);
    end(&rig);
}

/* A listening socket whose backlog nobody empties, and one that is closed. */
static int listen_somewhere(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void ports_that_answer_refuse_and_say_nothing(void **state)
{
    struct rig rig;
    char yaml[1024];
    int open_port, closed_port, open_fd = listen_somewhere(&open_port);
    (void)state;
    close(listen_somewhere(&closed_port));
    clock_set(NULL);
    snprintf(
        yaml, sizeof yaml,
        "m: [{type: tcp, id: open, hosts: '127.0.0.1:%d', schedule: '@every 1h'},"
        "{type: tcp, id: closed, hosts: '127.0.0.1:%d', schedule: '@every 1h'},"
        "{type: tcp, id: mute, hosts: '127.0.0.1:%d', schedule: '@every 1h', check.receive: hi,"
        " timeout: 300ms},"
        "{type: tcp, id: tls, hosts: 'tls://127.0.0.1:%d', schedule: '@every 1h', timeout: "
        "300ms}]",
        open_port, closed_port, open_port, open_port);
    begin(&rig, yaml, 9);
    run_until(&rig, 4);
    for (size_t i = 0; i < 4; i++) {
        if (beat_has(&rig, i, "\"id\":\"open\""))
            assert_beat(&rig, i, "\"tcp\":{\"rtt\":{\"connect\":{\"us\":");
        else if (beat_has(&rig, i, "\"id\":\"closed\""))
            assert_beat(&rig, i, "with error: connect: Connection refused");
        else if (beat_has(&rig, i, "\"id\":\"mute\""))
            assert_beat(&rig, i,
                        "\"error\":{\"type\":\"io\",\"message\":\"read: no answer in time\"}");
        else
            assert_beat(
                &rig, i,
                "\"error\":{\"type\":\"io\",\"message\":\"TLS handshake: no answer in time\"}");
    }
    end(&rig);
    close(open_fd);
}

static int fake_time(void **state)
{
    static const struct clock_ops ops = {fake_mono, fake_wall};
    (void)state;
    clock_set(&ops);
    return 0;
}

static int real_time(void **state)
{
    (void)state;
    clock_set(NULL);
    return 0;
}

#define IN_TIME(name) cmocka_unit_test_setup_teardown(name, fake_time, real_time)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TIME(the_first_check_is_at_the_start_then_each_period),
        IN_TIME(a_cron_line_waits_for_its_second),
        IN_TIME(a_tick_while_the_check_runs_is_skipped),
        IN_TIME(a_hanging_host_delays_no_other),
        IN_TIME(no_more_at_once_than_the_limit),
        IN_TIME(down_is_tried_again_after_a_second),
        IN_TIME(after_the_last_attempt_it_is_down),
        IN_TIME(several_hosts_have_ids_and_states_of_their_own),
        IN_TIME(a_name_that_does_not_resolve_is_down),
        IN_TIME(it_may_end_while_names_are_resolved),
        IN_TIME(ports_that_answer_refuse_and_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
