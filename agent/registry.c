/* registry.c: the lists of parts; the only file that names them all. */
#include "agent.h"

const struct output *const all_outputs[] = {&kafka_output, &console_output, &file_output, NULL};

const struct monitor_type *const all_monitors[] = {&http_monitor, &tcp_monitor, &icmp_monitor,
                                                   NULL};

const struct parser *const all_parsers[] = {
    &multiline_parser,       &container_parser, &ndjson_parser, &syslog_parser,
    &include_message_parser, &nginx_parser,     &apache_parser, NULL};

const struct metricset *const all_metricsets[] = {
    &system_cpu_set,        &system_core_set,
    &system_load_set,       &system_memory_set,
    &system_network_set,    &system_diskio_set,
    &system_filesystem_set, &system_fsstat_set,
    &system_process_set,    &system_process_summary_set,
    &system_uptime_set,     &system_socket_summary_set,
    &container_cgroup_set,  &nginx_stubstatus_set,
    &apache_status_set,     NULL,
};
