/* process_stat.c: /proc/PID/stat. The name may hold anything, blanks and brackets too: it ends with the last bracket. */
#include "process.h"

bool process_is_pid(const char *name, uint64_t *pid)
{
    return text_to_u64((struct text) {name, name + strlen(name)}, pid) && *pid > 0 &&
           *pid <= INT32_MAX;
}

static bool read_numbers(struct text rest, struct process *p)
{
    struct text word;
    uint64_t n[24]; /* field 4 of proc(5) is n[0] */
    for (int i = 0; i < 21; i++) {
        if (!text_word(&rest, &word))
            return false;
        if (!text_to_u64(word, &n[i]))
            n[i] = 0; /* negative: tty, priorities */
    }
    p->ppid = n[0];
    p->pgid = n[1];
    p->user_ticks = n[10];
    p->system_ticks = n[11];
    p->n_threads = n[16];
    p->start_ticks = n[18];
    p->size = n[19];
    p->rss_pages = n[20];
    return true;
}

bool process_read(struct text stat, struct process *p)
{
    struct text word;
    const char *open = memchr(stat.at, '(', text_len(stat));
    const char *close = memrchr(stat.at, ')', text_len(stat));
    if (!open || !close || close < open)
        return false;
    struct text pid = {stat.at, open}, rest = {close + 1, stat.end};
    if (!text_u64(&pid, &p->pid) || p->pid == 0)
        return false;
    size_t len = (size_t)(close - open - 1);
    len = len < sizeof p->name ? len : sizeof p->name - 1;
    memcpy(p->name, open + 1, len);
    p->name[len] = '\0';
    if (!text_word(&rest, &word) || text_len(word) != 1)
        return false;
    p->state = *word.at;
    p->is_chosen = p->is_top = false;
    p->pct = -1;
    return read_numbers(rest, p);
}

const char *process_state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "disk_sleep";
    case 'I':
        return "idle";
    case 'T':
    case 't': /* by a debugger */
        return "stopped";
    case 'Z':
        return "zombie";
    case 'X':
    case 'x':
        return "dead";
    case 'K':
        return "wakekill";
    case 'W':
        return "waking";
    case 'P':
        return "parked";
    default:
        return "unknown";
    }
}
