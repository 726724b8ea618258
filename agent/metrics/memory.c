/* memory.c: system.memory: what the machine has, what is used, swapping, huge pages.
 *
 * Failure modes: kernels before 3.14 do not tell what is available: free, buffers and page cache are taken for it. What
 * /proc/vmstat does not have is left out.
 */
#include "metrics.h"

#include <stddef.h>

struct meminfo {
    uint64_t total, free, available, buffers, cached, swap_total, swap_free;
    uint64_t huge_total, huge_free, huge_reserved, huge_surplus, huge_size;
    uint64_t zswap, zswapped;
};

struct vmstat {
    uint64_t swap_in, swap_out, readahead, readahead_hit, huge_out, huge_fallback;
    uint64_t scan_kswapd, scan_direct, steal_kswapd, steal_direct, freed;
};

#define KEY(key, type, field)                                                                      \
    {                                                                                              \
        key, offsetof(struct type, field)                                                          \
    }
static const struct text_key meminfo_keys[] = {
    KEY("MemTotal", meminfo, total),
    KEY("MemFree", meminfo, free),
    KEY("MemAvailable", meminfo, available),
    KEY("Buffers", meminfo, buffers),
    KEY("Cached", meminfo, cached),
    KEY("SwapTotal", meminfo, swap_total),
    KEY("SwapFree", meminfo, swap_free),
    KEY("HugePages_Total", meminfo, huge_total),
    KEY("HugePages_Free", meminfo, huge_free),
    KEY("HugePages_Rsvd", meminfo, huge_reserved),
    KEY("HugePages_Surp", meminfo, huge_surplus),
    KEY("Hugepagesize", meminfo, huge_size),
    KEY("Zswap", meminfo, zswap),
    KEY("Zswapped", meminfo, zswapped),
};
static const struct text_key vmstat_keys[] = {
    KEY("pswpin", vmstat, swap_in),
    KEY("pswpout", vmstat, swap_out),
    KEY("swap_ra", vmstat, readahead),
    KEY("swap_ra_hit", vmstat, readahead_hit),
    KEY("thp_swpout", vmstat, huge_out),
    KEY("thp_swpout_fallback", vmstat, huge_fallback),
    KEY("pgscan_kswapd", vmstat, scan_kswapd),
    KEY("pgscan_direct", vmstat, scan_direct),
    KEY("pgsteal_kswapd", vmstat, steal_kswapd),
    KEY("pgsteal_direct", vmstat, steal_direct),
    KEY("pgfree", vmstat, freed),
};

struct memory {
    struct metric_env env;
};

static uint64_t less(uint64_t all, uint64_t part)
{
    return all == NO_VALUE || part == NO_VALUE || part > all ? NO_VALUE : all - part;
}

static void put_share(struct members *event, const char *name, uint64_t part, uint64_t all)
{
    if (part != NO_VALUE && all != NO_VALUE)
        members_float(event, name, share(part, all));
}

static void put_ram(struct members *event, const struct meminfo *mem)
{
    uint64_t available = mem->available, used = less(mem->total, mem->free);
    if (available == NO_VALUE) {
        available = mem->free;
        available += mem->buffers == NO_VALUE ? 0 : mem->buffers;
        available += mem->cached == NO_VALUE ? 0 : mem->cached;
    }
    uint64_t actual = less(mem->total, available);
    members_u64(event, "total", mem->total);
    members_u64(event, "free", mem->free);
    members_u64(event, "cached", mem->cached);
    members_u64(event, "used.bytes", used);
    put_share(event, "used.pct", used, mem->total);
    members_u64(event, "actual.free", available);
    members_u64(event, "actual.used.bytes", actual);
    put_share(event, "actual.used.pct", actual, mem->total);
}

static void put_swap(struct members *event, const struct meminfo *mem, const struct vmstat *vm)
{
    uint64_t used = less(mem->swap_total, mem->swap_free);
    members_u64(event, "swap.total", mem->swap_total);
    members_u64(event, "swap.free", mem->swap_free);
    members_u64(event, "swap.used.bytes", used);
    put_share(event, "swap.used.pct", used, mem->swap_total);
    members_u64(event, "swap.in.pages", vm->swap_in);
    members_u64(event, "swap.out.pages", vm->swap_out);
    members_u64(event, "swap.readahead.pages", vm->readahead);
    members_u64(event, "swap.readahead.cached", vm->readahead_hit);
    members_u64(event, "zswap.compressed", mem->zswap);
    members_u64(event, "zswap.uncompressed", mem->zswapped);
}

/* Reserved ones are free, but promised. */
static void put_huge(struct members *event, const struct meminfo *mem, const struct vmstat *vm)
{
    uint64_t used = less(mem->huge_total, mem->huge_free);
    if (used != NO_VALUE && mem->huge_reserved != NO_VALUE)
        used += mem->huge_reserved;
    members_u64(event, "hugepages.total", mem->huge_total);
    members_u64(event, "hugepages.free", mem->huge_free);
    members_u64(event, "hugepages.reserved", mem->huge_reserved);
    members_u64(event, "hugepages.surplus", mem->huge_surplus);
    members_u64(event, "hugepages.default_size", mem->huge_size);
    if (used != NO_VALUE && mem->huge_size != NO_VALUE)
        members_u64(event, "hugepages.used.bytes", used * mem->huge_size);
    put_share(event, "hugepages.used.pct", used, mem->huge_total);
    members_u64(event, "hugepages.swap.out.pages", vm->huge_out);
    members_u64(event, "hugepages.swap.out.fallback", vm->huge_fallback);
}

static void put_reclaim(struct members *event, const struct vmstat *vm)
{
    members_u64(event, "page_stats.pgscan_kswapd.pages", vm->scan_kswapd);
    members_u64(event, "page_stats.pgscan_direct.pages", vm->scan_direct);
    members_u64(event, "page_stats.pgsteal_kswapd.pages", vm->steal_kswapd);
    members_u64(event, "page_stats.pgsteal_direct.pages", vm->steal_direct);
    members_u64(event, "page_stats.pgfree.pages", vm->freed);
    if (vm->scan_kswapd)
        put_share(event, "page_stats.kswapd_efficiency.pct", vm->steal_kswapd, vm->scan_kswapd);
    if (vm->scan_direct)
        put_share(event, "page_stats.direct_efficiency.pct", vm->steal_direct, vm->scan_direct);
}

static void read_vmstat(struct memory *memory, struct vmstat *vm)
{
    struct err err;
    if (kernel_read(&memory->env, "/proc/vmstat", memory->env.text, &err))
        buf_clear(memory->env.text);
    text_read_keys(text_of(memory->env.text), vmstat_keys, sizeof vmstat_keys / sizeof *vmstat_keys,
                   vm);
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct memory *memory = self;
    struct meminfo mem;
    struct vmstat vm;
    if (kernel_read(&memory->env, "/proc/meminfo", memory->env.text, err))
        return -1;
    text_read_keys(text_of(memory->env.text), meminfo_keys,
                   sizeof meminfo_keys / sizeof *meminfo_keys, &mem);
    if (mem.total == NO_VALUE || mem.free == NO_VALUE)
        return err_set(err, ERR_CORRUPT, "/proc/meminfo: no MemTotal and MemFree in it");
    read_vmstat(memory, &vm);
    sink->event->prefix = "system.memory";
    put_ram(sink->event, &mem);
    put_swap(sink->event, &mem, &vm);
    put_huge(sink->event, &mem, &vm);
    put_reclaim(sink->event, &vm);
    sink->give(sink->arg);
    return 0;
}

#define M "system.memory."
static const struct metric_field fields[] = {
    {M "total", "long", "bytes", "Memory of the machine."},
    {M "free", "long", "bytes", "Memory that is used for nothing, not even as cache."},
    {M "cached", "long", "bytes", "Page cache."},
    {M "used.bytes", "long", "bytes", "All that is not free, caches included."},
    {M "used.pct", "float", "percent", "The same, of total."},
    {M "actual.free", "long", "bytes", "What programs can have without swapping."},
    {M "actual.used.bytes", "long", "bytes", "What they cannot have."},
    {M "actual.used.pct", "float", "percent", "The same, of total."},
    {M "swap.total", "long", "bytes", "Swap space."},
    {M "swap.free", "long", "bytes", "Swap space that is free."},
    {M "swap.used.bytes", "long", "bytes", "Swap space that is used."},
    {M "swap.used.pct", "float", "percent", "The same, of swap.total."},
    {M "swap.in.pages", "long", "pages", "Read from swap since the boot."},
    {M "swap.out.pages", "long", "pages", "Written to swap since the boot."},
    {M "swap.readahead.pages", "long", "pages", "Read from swap ahead of need."},
    {M "swap.readahead.cached", "long", "pages", "Of them, needed later."},
    {M "zswap.compressed", "long", "bytes", "Memory that compressed swap takes."},
    {M "zswap.uncompressed", "long", "bytes", "What is in it."},
    {M "hugepages.total", "long", "pages", "Huge pages in the pool."},
    {M "hugepages.free", "long", "pages", "Of them, not used."},
    {M "hugepages.reserved", "long", "pages", "Of the free ones, promised."},
    {M "hugepages.surplus", "long", "pages", "Beyond the pool's size."},
    {M "hugepages.default_size", "long", "bytes", "Size of a huge page."},
    {M "hugepages.used.bytes", "long", "bytes", "Used and promised."},
    {M "hugepages.used.pct", "float", "percent", "The same, of the pool."},
    {M "hugepages.swap.out.pages", "long", "pages", "Huge pages written to swap whole."},
    {M "hugepages.swap.out.fallback", "long", "pages", "Huge pages split for it."},
    {M "page_stats.pgscan_kswapd.pages", "long", "pages", "Looked at by kswapd, to free them."},
    {M "page_stats.pgscan_direct.pages", "long", "pages", "The same by programs that had to."},
    {M "page_stats.pgsteal_kswapd.pages", "long", "pages", "Taken back by kswapd."},
    {M "page_stats.pgsteal_direct.pages", "long", "pages", "Taken back by programs that had to."},
    {M "page_stats.pgfree.pages", "long", "pages", "Freed since the boot."},
    {M "page_stats.kswapd_efficiency.pct", "float", "percent", "Taken back, of those looked at."},
    {M "page_stats.direct_efficiency.pct", "float", "percent", "Taken back, of those looked at."},
    {0},
};

const struct metricset system_memory_set = {
    .module = "system",
    .name = "memory",
    .doc = "Memory of the machine: what there is, what is used, swapping, huge pages.",
    .is_default = true,
    .size = sizeof(struct memory),
    .fields = fields,
    .sample = sample,
};
