/* cgroup_fields.h: rows of the fields of a control group, for system.process and container.cgroup. */
#ifndef METRICS_CGROUP_FIELDS_H
#define METRICS_CGROUP_FIELDS_H

#define CGROUP_WHERE_FIELDS(p, of)                                                                 \
    {p "id", "keyword", NULL, "Last part of the path of the control group" of "."},                \
        {p "path", "keyword", NULL, "Path of the control group" of "."},

#define CGROUP_CPU_FIELDS(p)                                                                       \
    {p "cpu.cfs.period.us", "long", "us", "Period of the CPU quota."},                             \
        {p "cpu.cfs.quota.us", "long", "us", "CPU time in a period; 0 = no limit."},               \
        {p "cpu.cfs.shares", "long", NULL, "CPU share beside other groups (version 1)."},          \
        {p "cpu.cfs.weight", "long", NULL, "CPU weight beside other groups (version 2)."},         \
        {p "cpu.rt.period.us", "long", "us", "Period of the real-time quota (version 1)."},        \
        {p "cpu.rt.runtime.us", "long", "us", "Real time in a period (version 1)."},               \
        {p "cpu.stats.periods", "long", "periods", "Periods in which something ran."},             \
        {p "cpu.stats.throttled.periods", "long", "periods",                                       \
         "Of them, those with the quota used up."},                                                \
        {p "cpu.stats.throttled.us", "long", "us", "Time that was waited for the next period."},   \
        {p "cpu.stats.usage.ns", "long", "ns", "CPU time (version 2)."},                           \
        {p "cpu.stats.user.ns", "long", "ns", "CPU time of programs (version 2)."},                \
        {p "cpu.stats.system.ns", "long", "ns", "CPU time of the kernel (version 2)."},            \
        {p "cpuacct.total.ns", "long", "ns", "CPU time (version 1)."},                             \
        {p "cpuacct.stats.user.ns", "long", "ns", "CPU time of programs (version 1)."},            \
        {p "cpuacct.stats.system.ns", "long", "ns", "CPU time of the kernel (version 1)."},        \
        {p "cpuacct.percpu.*", "long", "ns", "CPU time on each CPU (version 1)."},

#define CGROUP_COUNTER_FIELDS(p, of)                                                               \
    {p "usage.bytes", "long", "bytes", "Memory" of " that is used."},                              \
        {p "usage.max.bytes", "long", "bytes", "Most that was used (version 1)."},                 \
        {p "limit.bytes", "long", "bytes", "Limit (version 1); near 2^63 = none."},                \
        {p "failures", "long", NULL, "How often the limit was met (version 1)."},

#define CGROUP_LIMIT_FIELDS(p)                                                                     \
    {p "high.bytes", "long", "bytes", "Slowed down beyond that (version 2); not there = never."},  \
        {p "max.bytes", "long", "bytes", "Limit (version 2); not there = none."},                  \
        {p "events.high", "long", NULL, "How often it was slowed down."},                          \
        {p "events.max", "long", NULL, "How often the limit was met."},

#define CGROUP_MEM_FIELDS(p)                                                                       \
    {p "low.bytes", "long", "bytes", "Protected so far as can be (version 2)."},                   \
        {p "events.low", "long", NULL, "How often protected memory was taken back all the same."}, \
        {p "events.oom", "long", NULL, "How often nothing could be taken back."},                  \
        {p "events.oom_kill", "long", "processes", "Killed for it."},

#define CGROUP_SWAP_FIELDS(p) {p "events.fail", "long", NULL, "How often swapping failed."},

#define CGROUP_STAT(p, name, doc)  {p "memory.stats." name ".bytes", "long", "bytes", doc},
#define CGROUP_COUNT(p, name, doc) {p "memory.stats." name, "long", NULL, doc},

#define CGROUP_STATS_FIELDS(p)                                                                     \
    CGROUP_STAT(p, "active_anon", "Memory of programs, used lately.")                              \
    CGROUP_STAT(p, "inactive_anon", "Memory of programs, not used lately.")                        \
    CGROUP_STAT(p, "active_file", "Page cache, used lately.")                                      \
    CGROUP_STAT(p, "inactive_file", "Page cache, not used lately.")                                \
    CGROUP_STAT(p, "unevictable", "Memory that cannot be taken back.")                             \
    CGROUP_STAT(p, "cache", "Page cache (version 1).")                                             \
    CGROUP_STAT(p, "hierarchical_memory_limit", "Smallest limit on the way up (version 1).")       \
    CGROUP_STAT(p, "hierarchical_memsw_limit", "The same with swap (version 1).")                  \
    CGROUP_STAT(p, "mapped_file", "Files in memory maps (version 1).")                             \
    CGROUP_STAT(p, "rss", "Memory of programs (version 1).")                                       \
    CGROUP_STAT(p, "rss_huge", "Of it, in huge pages (version 1).")                                \
    CGROUP_STAT(p, "swap", "On swap (version 1).")                                                 \
    CGROUP_STAT(p, "anon", "Memory of programs.")                                                  \
    CGROUP_STAT(p, "file", "Page cache.")                                                          \
    CGROUP_STAT(p, "kernel_stack", "Stacks of the kernel.")                                        \
    CGROUP_STAT(p, "page_tables", "Page tables.")                                                  \
    CGROUP_STAT(p, "per_cpu", "The kernel's data for each CPU.")                                   \
    CGROUP_STAT(p, "sock", "Buffers of sockets.")                                                  \
    CGROUP_STAT(p, "shmem", "tmpfs and shared memory.")                                            \
    CGROUP_STAT(p, "file_mapped", "Files in memory maps.")                                         \
    CGROUP_STAT(p, "file_dirty", "Page cache that is to be written.")                              \
    CGROUP_STAT(p, "file_writeback", "Page cache that is being written.")                          \
    CGROUP_STAT(p, "swap_cached", "Swap that is in memory too.")                                   \
    CGROUP_STAT(p, "anon_thp", "Memory of programs in huge pages.")                                \
    CGROUP_STAT(p, "file_thp", "Page cache in huge pages.")                                        \
    CGROUP_STAT(p, "shmem_thp", "tmpfs in huge pages.")                                            \
    CGROUP_STAT(p, "slab_reclaimable", "The kernel's data that can be taken back.")                \
    CGROUP_STAT(p, "slab_unreclaimable", "The kernel's data that cannot.")                         \
    CGROUP_STAT(p, "slab", "Both.")                                                                \
    CGROUP_COUNT(p, "page_faults", "Page faults.")                                                 \
    CGROUP_COUNT(p, "major_page_faults", "Page faults that had to read.")                          \
    CGROUP_COUNT(p, "pages_in", "Pages charged (version 1).")                                      \
    CGROUP_COUNT(p, "pages_out", "Pages uncharged (version 1).")                                   \
    CGROUP_COUNT(p, "workingset_refault_anon", "Taken back too early: programs.")                  \
    CGROUP_COUNT(p, "workingset_refault_file", "Taken back too early: page cache.")                \
    CGROUP_COUNT(p, "workingset_activate_anon", "Of them, in use at once.")                        \
    CGROUP_COUNT(p, "workingset_activate_file", "Of them, in use at once.")                        \
    CGROUP_COUNT(p, "workingset_restore_anon", "Of them, known to be in use.")                     \
    CGROUP_COUNT(p, "workingset_restore_file", "Of them, known to be in use.")                     \
    CGROUP_COUNT(p, "workingset_node_reclaim", "Nodes of that bookkeeping taken back.")            \
    CGROUP_COUNT(p, "page_refill", "Pages looked at, of those in use.")                            \
    CGROUP_COUNT(p, "page_scan", "Pages looked at, of those not in use.")                          \
    CGROUP_COUNT(p, "page_steal", "Pages taken back.")                                             \
    CGROUP_COUNT(p, "page_activate", "Pages that came into use.")                                  \
    CGROUP_COUNT(p, "page_deactivate", "Pages that went out of use.")                              \
    CGROUP_COUNT(p, "page_lazy_free", "Pages to be freed when needed.")                            \
    CGROUP_COUNT(p, "page_lazy_freed", "Pages freed so.")                                          \
    CGROUP_COUNT(p, "thp_fault_alloc", "Huge pages made for page faults.")                         \
    CGROUP_COUNT(p, "htp_collapse_alloc", "Huge pages made of small ones; named as in Beats.")

#define CGROUP_PRESSURE_KIND(p, kind, who)                                                         \
    {p ".pressure." kind ".10.pct", "float", "percent of 100",                                     \
     "Time in which " who " had to wait, of the last 10 s."},                                      \
        {p ".pressure." kind ".60.pct", "float", "percent of 100", "The same of 60 s."},           \
        {p ".pressure." kind ".300.pct", "float", "percent of 100", "The same of 300 s."},         \
        {p ".pressure." kind ".total", "long", "us", "The same since the start."},
#define CGROUP_PRESSURE_FIELDS(p)                                                                  \
    CGROUP_PRESSURE_KIND(p, "some", "somebody") CGROUP_PRESSURE_KIND(p, "full", "everybody")

#define CGROUP_DISK_FIELDS(p)                                                                      \
    {p "blkio.total.bytes", "long", "bytes", "Read and written (version 1)."},                     \
        {p "blkio.total.ios", "long", "requests", "Reads and writes (version 1)."},                \
        {p "blkio.reads.bytes", "long", "bytes", "Read (version 1)."},                             \
        {p "blkio.reads.ios", "long", "requests", "Reads (version 1)."},                           \
        {p "blkio.writes.bytes", "long", "bytes", "Written (version 1)."},                         \
        {p "blkio.writes.ios", "long", "requests", "Writes (version 1)."},                         \
        {p "io.stats.*.read.bytes", "long", "bytes", "Read, by device (version 2)."},              \
        {p "io.stats.*.read.ios", "long", "requests", "Reads (version 2)."},                       \
        {p "io.stats.*.write.bytes", "long", "bytes", "Written (version 2)."},                     \
        {p "io.stats.*.write.ios", "long", "requests", "Writes (version 2)."},                     \
        {p "io.stats.*.discarded.bytes", "long", "bytes", "Discarded (version 2)."},               \
        {p "io.stats.*.discarded.ios", "long", "requests", "Discards (version 2)."},

#define CGROUP_FIELDS(p)                                                                           \
    CGROUP_WHERE_FIELDS(p, "")                                                                     \
    CGROUP_WHERE_FIELDS(p "cpu.", " of the CPU controller (version 1)")                            \
    CGROUP_WHERE_FIELDS(p "cpuacct.", " of CPU accounting (version 1)")                            \
    CGROUP_WHERE_FIELDS(p "memory.", " of the memory controller (version 1)")                      \
    CGROUP_WHERE_FIELDS(p "blkio.", " of the disk controller (version 1)")                         \
    CGROUP_CPU_FIELDS(p)                                                                           \
    CGROUP_PRESSURE_FIELDS(p "cpu")                                                                \
    CGROUP_COUNTER_FIELDS(p "memory.mem.", "")                                                     \
    CGROUP_COUNTER_FIELDS(p "memory.memsw.", " and swap")                                          \
    CGROUP_COUNTER_FIELDS(p "memory.kmem.", " of the kernel")                                      \
    CGROUP_COUNTER_FIELDS(p "memory.kmem_tcp.", " of TCP buffers")                                 \
    CGROUP_LIMIT_FIELDS(p "memory.mem.")                                                           \
    CGROUP_MEM_FIELDS(p "memory.mem.")                                                             \
    CGROUP_LIMIT_FIELDS(p "memory.memsw.")                                                         \
    CGROUP_SWAP_FIELDS(p "memory.memsw.")                                                          \
    CGROUP_STATS_FIELDS(p)                                                                         \
    CGROUP_PRESSURE_FIELDS(p "memory")                                                             \
    CGROUP_DISK_FIELDS(p)                                                                          \
    CGROUP_PRESSURE_FIELDS(p "io")

#endif
