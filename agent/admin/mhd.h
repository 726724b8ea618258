/* mhd.h: libmicrohttpd's functions, loaded when they are needed. For endpoint.c only. */
#ifndef ADMIN_MHD_H
#define ADMIN_MHD_H

#include <posta/err.h>

#include <microhttpd.h>

struct mhd_functions {
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_add_connection) *add_connection;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_lookup_connection_value) *lookup_connection_value;
    __typeof__(MHD_lookup_connection_value_n) *lookup_connection_value_n;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
};

/* The table, loaded at the first call; NULL and err if there is no libmicrohttpd that does. */
const struct mhd_functions *mhd_load(struct err *err);

#endif
