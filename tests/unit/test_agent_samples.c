/* test_agent_samples.c: samples beside log lines on one output: each has its spool and its share of it, and neither waits for the
 * other.
 */
#include "test_agent_sender.h"

struct beside {
    struct rig *rig;
    struct samples samples;
    struct agent_identity identity;
    int n_changed;
};

static char first_key[] = "posta.stats", second_key[] = "system.cpu", no_extra[] = "";
static const struct input_settings no_labels;
static struct sample_kind kinds[] = {
    {EVENTS_METRICS, first_key, "posta", "stats", &no_labels, no_extra, 0},
    {EVENTS_METRICS, second_key, "system", "cpu", &no_labels, no_extra, 0},
};

static void changed(void *arg, bool marks_moved)
{
    (void)marks_moved;
    ((struct beside *)arg)->n_changed++;
}

/* The log's sender and the samples'; the output takes n_room events. */
static void begin(struct beside *both, struct rig *rig, size_t n_room)
{
    struct err err;
    struct globals *g = &rig->settings.globals;
    *both = (struct beside) {.rig = rig, .identity = {.id = "0", .ephemeral_id = "1", .host = "h"}};
    g->spool_path = rig->spool_dir;
    g->spool_max_bytes = 1 << 20;
    g->spool_segment_bytes = 1 << 20;
    g->share[EVENTS_METRICS] = 5;
    rig->fake.n_room = n_room;
    rig->settings.kinds = kinds;
    rig->settings.n_kinds = 2;
    start(rig);
    both->samples.lane = (struct lane) {.loop = rig->loop, .changed = changed, .owner = both};
    const struct sender_config config = {
        .settings = &rig->settings, .identity = &both->identity, .beside = rig->sender};
    if (samples_open(&both->samples, &config, &err))
        fail_msg("%s", err.text);
}

static void end(struct beside *both)
{
    struct rig *rig = both->rig;
    sender_free(rig->sender);
    rig->sender = NULL;
    sender_free(both->samples.lane.sender);
    samples_close(&both->samples, INT64_MAX);
    char *path = mem_printf("%s/metrics", rig->spool_dir);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

static void sample_of(struct beside *both, unsigned kind, const char *name)
{
    struct buf event = BUF_INIT;
    buf_printf(&event, "{\"event\":{\"id\":\"%s\"},\"message\":\"%s\"}", name, name);
    samples_put(&both->samples, kind, &event);
    buf_free(&event);
}

static void sample(struct beside *both, const char *name)
{
    sample_of(both, 0, name);
}

static void assert_messages(const struct rig *rig, const char *words)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < rig->fake.n; i++)
        buf_printf(&text, "%s%s", i ? " " : "", rig->fake.offers[i].message);
    assert_string_equal(buf_str(&text), words);
    buf_free(&text);
}

static void a_verdict_goes_to_whose_event_it_is(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, SIZE_MAX);
    put(rig, "a\nb\n");
    turn(rig, 3);
    sample(&both, "s1");
    sample(&both, "s2");
    turn(rig, 3);
    assert_messages(rig, "a b s1 s2");
    assert_int_not_equal(rig->fake.offers[0].token, rig->fake.offers[2].token);
    delivered(rig, 2);
    delivered(rig, 3);
    turn(rig, 3);
    assert_true(lane_is_delivered(&both.samples.lane));
    assert_false(spool_is_drained(rig->spool));
    assert_int_equal(sender_stats(rig->sender)->lines_delivered, 0);
    assert_int_equal(sender_stats(both.samples.lane.sender)->lines_delivered, 2);
    delivered(rig, 1);
    delivered(rig, 0);
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
    end(&both);
}

/* Whenever the output has room, samples are asked first. */
static void a_backlog_of_lines_does_not_hold_samples_back(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, 3);
    put_numbers(rig, 0, 5000);
    turn(rig, 3);
    assert_messages(rig, "0 1 2");
    sample(&both, "s1");
    turn(rig, 3);
    rig->fake.n_room = 2;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 3);
    assert_messages(rig, "0 1 2 s1 3");
    end(&both);
}

static void again_offers_what_both_have_out(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, SIZE_MAX);
    put(rig, "a\nb\n");
    turn(rig, 3);
    sample(&both, "s1");
    sample(&both, "s2");
    turn(rig, 3);
    delivered(rig, 0);
    delivered(rig, 2);
    turn(rig, 3);
    rig->fake.n = 0;
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
    assert_messages(rig, "s2 b");
    end(&both);
}

/* Far more samples than their share: the oldest go, the log's spool has not lost a byte of room, and no line is dropped. */
static void a_storm_of_samples_takes_only_their_share(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    char name[32];
    begin(&both, rig, 0);
    uint64_t before = spool_stats(rig->spool)->disk_bytes;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "sample-%d", i);
        sample(&both, name);
        turn(rig, 1);
    }
    const struct spool_stats *stats = spool_stats(both.samples.lane.spool);
    assert_true(stats->disk_bytes <= samples_share(&rig->settings.globals, EVENTS_METRICS));
    assert_true(stats->dropped_lines > 0);
    assert_int_equal(spool_stats(rig->spool)->disk_bytes, before);
    uint64_t dropped = stats->dropped_lines;
    put(rig, "a\n");
    turn(rig, 3);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 20);
    assert_int_equal(rig->fake.n, 5001 - dropped);
    bool has_newest = false;
    for (size_t i = 0; i < rig->fake.n; i++)
        has_newest |= strcmp(rig->fake.offers[i].message, "sample-4999") == 0;
    assert_true(has_newest);
    end(&both);
}

static void samples_outlive_a_restart(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, 0);
    sample(&both, "s1");
    turn(rig, 3);
    sender_free(rig->sender);
    rig->sender = NULL;
    sender_free(both.samples.lane.sender);
    samples_close(&both.samples, INT64_MAX);
    begin(&both, rig, SIZE_MAX);
    sample(&both, "s2");
    turn(rig, 3);
    assert_messages(rig, "s1 s2");
    end(&both);
}

/* Its bytes go to the dead letter file, as those of lines do. */
static void a_refused_sample_is_buried(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, SIZE_MAX);
    sample(&both, "s1");
    turn(rig, 3);
    verdict(rig, 0, VERDICT_REFUSED);
    turn(rig, 3);
    assert_true(lane_is_delivered(&both.samples.lane));
    assert_int_equal(sender_stats(both.samples.lane.sender)->lines_dead, 1);
    char *letters = dead_letters(rig);
    assert_non_null(strstr(letters, "bad"));
    free(letters);
    end(&both);
}

/* Each kind is a route of its own: topics and fields may differ. One that is not configured any more goes the way of the first. */
static void kinds_have_routes(void **state)
{
    struct rig *rig = *state;
    struct beside both;
    begin(&both, rig, SIZE_MAX);
    sample_of(&both, 1, "s1");
    sample_of(&both, 0, "s2");
    turn(rig, 3);
    assert_messages(rig, "s1 s2");
    unsigned first = (unsigned)rig->settings.n_inputs;
    assert_int_equal(rig->fake.offers[0].route, first + 1);
    assert_int_equal(rig->fake.offers[1].route, first);
    assert_int_equal(rig->fake.env.n_routes, first + 2);
    struct buf known = BUF_INIT;
    rig->fake.env.known(rig->fake.env.arg, first + 1, &known);
    assert_non_null(
        strstr(buf_str(&known), "\"event\":{\"module\":\"system\",\"dataset\":\"system.cpu\"}"));
    assert_string_equal(rig->fake.env.text(rig->fake.env.arg, first + 1, "agent.type"),
                        "metricbeat");
    buf_free(&known);
    end(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_verdict_goes_to_whose_event_it_is),
        CASE(a_backlog_of_lines_does_not_hold_samples_back),
        CASE(again_offers_what_both_have_out),
        CASE(a_storm_of_samples_takes_only_their_share),
        CASE(samples_outlive_a_restart),
        CASE(a_refused_sample_is_buried),
        CASE(kinds_have_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
