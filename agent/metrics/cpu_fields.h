/* cpu_fields.h: rows of the fields of system.cpu and system.core. */
#ifndef METRICS_CPU_FIELDS_H
#define METRICS_CPU_FIELDS_H

#define CPU_KIND_FIELDS(prefix, kind, spent)                                                       \
    {prefix kind ".pct", "float", "percent",                                                       \
     "CPU time " spent ", of one CPU: 2 CPUs make 200 %."},                                        \
        {prefix kind ".norm.pct", "float", "percent",                                              \
         "CPU time " spent ", of all CPUs together."},                                             \
        {prefix kind ".ticks", "long", "ticks of 10 ms", "CPU time " spent " since the boot."},

/* Which of them there are, cpu.metrics or core.metrics says. */
#define CPU_TIME_FIELDS(prefix)                                                                    \
    CPU_KIND_FIELDS(prefix, "user", "of programs, guests of virtual machines included")            \
    CPU_KIND_FIELDS(prefix, "nice", "of programs with low priority")                               \
    CPU_KIND_FIELDS(prefix, "system", "of the kernel")                                             \
    CPU_KIND_FIELDS(prefix, "idle", "of nobody")                                                   \
    CPU_KIND_FIELDS(prefix, "iowait", "of nobody while a disk was waited for")                     \
    CPU_KIND_FIELDS(prefix, "irq", "of hardware interrupts")                                       \
    CPU_KIND_FIELDS(prefix, "softirq", "of software interrupts")                                   \
    CPU_KIND_FIELDS(prefix, "steal", "that the hypervisor gave to others") {                       \
        prefix "total.pct", "float", "percent", "All but idle and iowait, of one CPU."},           \
        {prefix "total.norm.pct", "float", "percent",                                              \
         "All but idle and iowait, of all CPUs together."},

#endif
