/* test_parse_web.c: access and error logs of nginx and Apache: a line in, all of its event out. */
#include "parse_test.h"

static const struct parse_case rows[] = {
    {"nginx: {}",
     "203.0.113.9 - bob [10/Oct/2000:13:55:36 -0700] \"GET /a/b.html?x=1&y#f HTTP/1.1\" 200 2326 "
     "\"http://ref/\" \"UA \\x22q\\x22\"\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"203.0.113.9\",\"ip\":\"203.0.113.9\"},\"user\":{\"name\":\"bob\"},"
     "\"http\":{\"request\":{\"method\":\"GET\",\"referrer\":\"http://ref/"
     "\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":2326}}},"
     "\"url\":{\"original\":\"/a/b.html?x=1&y#f\",\"path\":\"/a/"
     "b.html\",\"extension\":\"html\",\"query\":\"x=1&y\",\"fragment\":\"f\"},\"user_agent\":{"
     "\"original\":\"UA "
     "\\\\x22q\\\\x22\"},\"related\":{\"ip\":[\"203.0.113.9\"],\"user\":[\"bob\"]},\"nginx\":{"
     "\"access\":{\"remote_ip_list\":[\"203.0.113.9\"]}}}\n"},
    {"nginx: {}", "::1 - - [10/Oct/2000:13:55:36 +0000] \"-\" 400 0 \"-\" \"-\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"failure\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"::1\",\"ip\":\"::1\"},\"http\":{\"response\":{\"status_code\":400,"
     "\"body\":{\"bytes\":0}}},\"related\":{\"ip\":[\"::1\"]},\"nginx\":{\"access\":{\"remote_ip_"
     "list\":[\"::1\"]}}}\n"},
    {"nginx: {}", "unix: - - [10/Oct/2000:13:55:36 +0000] \"\" 499 0 \"-\" \"-\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"failure\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"unix:\"},\"http\":{\"response\":{\"status_code\":499,\"body\":{"
     "\"bytes\":0}}}}\n"},
    {"nginx: {}",
     "10.1.1.1, 172.16.0.9, 8.8.4.4, 9.9.9.9 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/2.0\" "
     "301 0 \"-\" \"x\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"8.8.4.4\",\"ip\":\"8.8.4.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"2.0\",\"response\":{\"status_code\":301,\"body\":{\"bytes\":0}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"related\":{\"ip\":[\"8.8.4.4\"]},\"nginx\":{"
     "\"access\":{\"remote_ip_list\":[\"10.1.1.1\",\"172.16.0.9\",\"8.8.4.4\",\"9.9.9.9\"]}}}\n"},
    {"nginx: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\" \"7.7.7.7, "
     "1.1.1.1\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"network\":{\"forwarded_ip\":\"7.7.7.7\"},"
     "\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":[\"1.2.3.4\"]}}}"
     "\n"},
    {"nginx: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\" 0.005\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\","
     "\"duration\":5000000},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{"
     "\"access\":{\"remote_ip_list\":[\"1.2.3.4\"]}}}\n"},
    {"nginx: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\" 1.500 0.100, "
     "0.200 : 0.300\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\","
     "\"duration\":1500000000},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{"
     "\"access\":{\"remote_ip_list\":[\"1.2.3.4\"],\"upstream_response_time\":\"0.100, 0.200 : "
     "0.300\"}}}\n"},
    {"nginx: {}",
     "shop.example:8443 1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" "
     "\"x\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"destination\":{\"domain\":\"shop.example\","
     "\"port\":8443},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":["
     "\"1.2.3.4\"]}}}\n"},
    {"nginx: {}",
     "127.0.0.1 1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"destination\":{\"ip\":\"127.0.0.1\"},\"related\":{"
     "\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":[\"1.2.3.4\"]}}}\n"},
    {"nginx: {original: true}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"CONNECT h.example:443 HTTP/1.1\" 405 5 \"-\" "
     "\"\xff"
     "\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"failure\","
     "\"original\":\"1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \\\"CONNECT h.example:443 "
     "HTTP/1.1\\\" 405 5 \\\"-\\\" \\\"\xef"
     "\xbf"
     "\xbd"
     "\\\"\"},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"CONNECT\"},\"version\":\"1.1\",\"response\":{\"status_code\":405,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"h.example:443\"},\"user_agent\":{\"original\":\"\xef"
     "\xbf"
     "\xbd"
     "\"},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":[\"1.2.3."
     "4\"]}}}\n"},
    {"nginx: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 2000 5 \"-\" \"x\"\n",
     ",\"module\":\"nginx\",\"dataset\":\"nginx.access\"},\"message\":\"1.2.3.4 - - "
     "[10/Oct/2000:13:55:36 +0000] \\\"GET / HTTP/1.1\\\" 2000 5 \\\"-\\\" "
     "\\\"x\\\"\",\"error\":{\"message\":\"nginx.access: the line is of no format that is "
     "set\"},\"log\":{\"offset\":0 | }\n"},
    {"nginx: {}", "1.2.3.4 - - [32/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n",
     ",\"module\":\"nginx\",\"dataset\":\"nginx.access\"},\"message\":\"1.2.3.4 - - "
     "[32/Oct/2000:13:55:36 +0000] \\\"GET / HTTP/1.1\\\" 200 5 \\\"-\\\" "
     "\\\"x\\\"\",\"error\":{\"message\":\"nginx.access: the line is of no format that is "
     "set\"},\"log\":{\"offset\":0 | }\n"},
    {"nginx: {}", "\n",
     ",\"module\":\"nginx\",\"dataset\":\"nginx.access\"},\"message\":\"\",\"error\":{\"message\":"
     "\"nginx.access: the line is of no format that is set\"},\"log\":{\"offset\":0 | }\n"},
    {"nginx: {format: \"log_format timed escape=json "
     "'{\\\"t\\\":\\\"$time_iso8601\\\",\\\"ip\\\":\\\"$remote_addr\\\",' "
     "'\\\"r\\\":\\\"$request\\\",\\\"s\\\":$status,\\\"d\\\":$request_time,\\\"u\\\":\\\"$"
     "upstream_addr\\\"}';\"}",
     "{\"t\":\"2024-05-01T10:00:00+02:00\",\"ip\":\"1.2.3.4\",\"r\":\"GET /\\\"q\\\" "
     "HTTP/1.1\",\"s\":200,\"d\":0.25,\"u\":\"\"}\n",
     "2024-05-01T08:00:00.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\","
     "\"duration\":250000000},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.1\",\"response\":{\"status_code\":200}},\"url\":{\"original\":\"/"
     "\\\"q\\\"\",\"path\":\"/"
     "\\\"q\\\"\"},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":["
     "\"1.2.3.4\"]}}}\n"},
    {"nginx: {format: json}",
     "{\"remote_addr\":\"1.2.3.4\",\"msec\":\"1700000000.123\",\"request_method\":\"GET\",\"uri\":"
     "\"/i.php\",\"args\":\"a=b\",\"server_protocol\":\"HTTP/"
     "1.0\",\"status\":503,\"bytes_sent\":10,\"request_length\":20,\"request_id\":\"abc\",\"ssl_"
     "protocol\":\"TLSv1.3\",\"ssl_cipher\":\"X\",\"host\":\"h\",\"scheme\":\"https\",\"up\":[1]}"
     "\n",
     "2023-11-14T22:13:20.123Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"failure\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\",\"id\":\"abc\",\"bytes\":20},\"version\":\"1.0\",\"response\":{\"status_code\":503,"
     "\"bytes\":10}},\"url\":{\"path\":\"/"
     "i.php\",\"extension\":\"php\",\"query\":\"a=b\",\"scheme\":\"https\"},\"destination\":{"
     "\"domain\":\"h\"},\"tls\":{\"cipher\":\"X\",\"version\":\"1.3\",\"version_protocol\":\"tls\"}"
     ",\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":[\"1.2.3.4\"]}}"
     "}\n"},
    {"nginx: {format: json}", "{\"status\":\"many\"}\n",
     ",\"module\":\"nginx\",\"dataset\":\"nginx.access\"},\"message\":\"{\\\"status\\\":"
     "\\\"many\\\"}\",\"error\":{\"message\":\"nginx.access: the line is of no format that is "
     "set\"},\"log\":{\"offset\":0 | }\n"},
    {"nginx: {format: ['${remote_addr}|$msec|$request_uri', combined]}",
     "1.2.3.4|1700000000.5|/x?y\n",
     "2023-11-14T22:13:20.500Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"]},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"url\":{\"original\":\"/"
     "x?y\",\"path\":\"/"
     "x\",\"query\":\"y\"},\"related\":{\"ip\":[\"1.2.3.4\"]},\"nginx\":{\"access\":{\"remote_ip_"
     "list\":[\"1.2.3.4\"]}}}\n"},
    {"apache: {}",
     "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 2326\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":"
     "\"success\"},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"127.0.0.1\",\"ip\":\"127.0.0.1\"},\"user\":{\"name\":\"frank\"},"
     "\"http\":{\"request\":{\"method\":\"GET\"},\"version\":\"1.0\",\"response\":{\"status_code\":"
     "200,\"body\":{\"bytes\":2326}}},\"url\":{\"original\":\"/apache_pb.gif\",\"path\":\"/"
     "apache_pb.gif\",\"extension\":\"gif\"},\"related\":{\"ip\":[\"127.0.0.1\"],\"user\":["
     "\"frank\"]}}\n"},
    {"apache: {}",
     "h.example - - [10/Oct/2000:13:55:36 -0700] \"GET /a\\\"b HTTP/1.0\" 404 - \"-\" \"M "
     "\\\"q\\\" \\\\\"\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":"
     "\"failure\"},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"h.example\"},\"http\":{\"request\":{\"method\":\"GET\"},"
     "\"version\":\"1.0\",\"response\":{\"status_code\":404}},\"url\":{\"original\":\"/"
     "a\\\\\\\"b\",\"path\":\"/a\\\\\\\"b\"},\"user_agent\":{\"original\":\"M \\\\\\\"q\\\\\\\" "
     "\\\\\\\\\"}}\n"},
    {"apache: {}",
     "v.example:80 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1 \"-\" \"x\"\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":"
     "\"success\"},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.0\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":1}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"destination\":{\"domain\":\"v.example\",\"port\":"
     "80},\"related\":{\"ip\":[\"1.2.3.4\"]}}\n"},
    {"apache: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1 \"-\" \"x\" 1234567\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":"
     "\"success\",\"duration\":1234567000},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.0\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":1}}},"
     "\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"user_agent\":{\"original\":\"x\"},\"related\":{\"ip\":[\"1.2.3.4\"]}}\n"},
    {"apache: {}", "[10/Oct/2000:13:55:36 -0700] 1.2.3.4 TLSv1.2 ECDHE \"GET / HTTP/1.0\" 77\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"]},\"log\":{"
     "\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"GET\"},\"version\":\"1.0\",\"response\":{\"body\":{\"bytes\":77}}},\"url\":{\"original\":"
     "\"/\",\"path\":\"/"
     "\"},\"tls\":{\"cipher\":\"ECDHE\",\"version\":\"1.2\",\"version_protocol\":\"tls\"},"
     "\"related\":{\"ip\":[\"1.2.3.4\"]}}\n"},
    {"apache: {format: 'LogFormat \"%h %{ms}T %{X-Foo}i %>s %{%s}t\" mine'}",
     "1.2.3.4 25 bar 200 123\n",
     ",\"module\":\"apache\",\"dataset\":\"apache.access\",\"kind\":\"event\",\"category\":["
     "\"web\"],\"type\":[\"access\"],\"outcome\":\"success\",\"duration\":25000000},\"log\":{"
     "\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"response\":{\"status_"
     "code\":200}},\"related\":{\"ip\":[\"1.2.3.4\"]},\"apache\":{\"access\":{\"x_foo\":\"bar\",\"_"
     "s\":\"123\"}}}\n"},
    {"apache: {format: '{ \\\"time\\\":\\\"%{sec}t\\\", \\\"ip\\\":\\\"%a\\\", "
     "\\\"p\\\":\\\"%U\\\", \\\"q\\\":\\\"%q\\\" }'}",
     "{ \"time\":\"1700000000\", \"ip\":\"1.2.3.4\", \"p\":\"/x.y\", \"q\":\"?z\" }\n",
     "2023-11-14T22:13:20.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"]},\"log\":{"
     "\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"url\":{\"path\":\"/"
     "x.y\",\"extension\":\"y\",\"query\":\"z\"},\"related\":{\"ip\":[\"1.2.3.4\"]}}\n"},
    {"nginx: {dataset: error, timezone: '-03:30'}",
     "2016/10/25 14:49:34 [error] 54053#7: *1 open() \"/x\" failed\n",
     "2016-10-25T18:19:34.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"-03:30\",\"module\":\"nginx\","
     "\"dataset\":\"nginx.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"]},"
     "\"message\":\"open() \\\"/x\\\" failed\",\"log\":{\"offset\":0,\"level\":\"error\" | "
     ",\"process\":{\"pid\":54053,\"thread\":{\"id\":7}},\"nginx\":{\"error\":{\"connection_id\":1}"
     "}}\n"},
    {"nginx: {dataset: error, timezone: UTC, original: true}",
     "2016/10/25 14:49:34 [emerg] 1#0: bind() failed\n",
     "2016-10-25T14:49:34.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+00:00\",\"module\":\"nginx\","
     "\"dataset\":\"nginx.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"],"
     "\"original\":\"2016/10/25 14:49:34 [emerg] 1#0: bind() failed\"},\"message\":\"bind() "
     "failed\",\"log\":{\"offset\":0,\"level\":\"emerg\" | "
     ",\"process\":{\"pid\":1,\"thread\":{\"id\":0}}}\n"},
    {"nginx: {dataset: error}", "nginx: [emerg] bind() failed\n",
     ",\"module\":\"nginx\",\"dataset\":\"nginx.error\"},\"message\":\"nginx: [emerg] bind() "
     "failed\",\"error\":{\"message\":\"nginx.error: the line is not as in an error "
     "log\"},\"log\":{\"offset\":0 | }\n"},
    {"apache: {dataset: error, timezone: UTC}",
     "[Wed Oct 11 14:32:52.123456 2017] [core:error] [pid 35708:tid 4328636416] [client "
     "72.15.99.187:63] File does not exist: /x\n",
     "2017-10-11T14:32:52.123Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+00:00\",\"module\":\"apache\","
     "\"dataset\":\"apache.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"]},"
     "\"message\":\"File does not exist: /x\",\"log\":{\"offset\":0,\"level\":\"error\" | "
     ",\"process\":{\"pid\":35708,\"thread\":{\"id\":4328636416}},\"apache\":{\"error\":{"
     "\"module\":\"core\"}},\"source\":{\"address\":\"72.15.99.187\",\"ip\":\"72.15.99.187\","
     "\"port\":63}}\n"},
    {"apache: {dataset: error, timezone: UTC}",
     "[Mon Dec  6 16:22:08 2016] [error] [client 192.168.33.1] File [x]\n",
     "2016-12-06T16:22:08.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+00:00\",\"module\":\"apache\","
     "\"dataset\":\"apache.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"]},"
     "\"message\":\"File [x]\",\"log\":{\"offset\":0,\"level\":\"error\" | "
     ",\"source\":{\"address\":\"192.168.33.1\",\"ip\":\"192.168.33.1\"}}\n"},
    {"apache: {dataset: error, timezone: UTC}",
     "[Mon Dec 26 16:15:55.103786 2016] [mpm_event:notice] [pid 11379] AH00489: configured\n",
     "2016-12-26T16:15:55.103Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+00:00\",\"module\":\"apache\","
     "\"dataset\":\"apache.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"]},"
     "\"message\":\"AH00489: configured\",\"log\":{\"offset\":0,\"level\":\"notice\" | "
     ",\"process\":{\"pid\":11379},\"apache\":{\"error\":{\"module\":\"mpm_event\"}}}\n"},
    {"apache: {dataset: error, timezone: UTC}",
     "[Mon Dec 26 16:15:55 2016] [:error] [pid 1] [client ::1:99] text\n",
     "2016-12-26T16:15:55.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+00:00\",\"module\":\"apache\","
     "\"dataset\":\"apache.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"error\"]},"
     "\"message\":\"text\",\"log\":{\"offset\":0,\"level\":\"error\" | "
     ",\"process\":{\"pid\":1},\"source\":{\"address\":\"::1\",\"ip\":\"::1\",\"port\":99}}\n"},
    {"nginx: {}",
     "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"OPTIONS * HTTP/1.1\" 200 5 \"-\" \"x\"\n",
     "2000-10-10T13:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"nginx\",\"dataset\":\"nginx.access\","
     "\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":\"success\"},"
     "\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"http\":{\"request\":{\"method\":"
     "\"OPTIONS\"},\"version\":\"1.1\",\"response\":{\"status_code\":200,\"body\":{\"bytes\":5}}},"
     "\"url\":{\"original\":\"*\"},\"user_agent\":{\"original\":\"x\"},\"related\":{\"ip\":[\"1.2."
     "3.4\"]},\"nginx\":{\"access\":{\"remote_ip_list\":[\"1.2.3.4\"]}}}\n"},
    {"apache: {}", "1.2.3.4 ident bob [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1\n",
     "2000-10-10T20:55:36.000Z "
     ",\"created\":\"2026-09-21T14:13:20.000Z\",\"module\":\"apache\",\"dataset\":\"apache."
     "access\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":[\"access\"],\"outcome\":"
     "\"success\"},\"log\":{\"offset\":0 | "
     ",\"source\":{\"address\":\"1.2.3.4\",\"ip\":\"1.2.3.4\"},\"user\":{\"name\":\"bob\"},"
     "\"http\":{\"request\":{\"method\":\"GET\"},\"version\":\"1.0\",\"response\":{\"status_code\":"
     "200,\"body\":{\"bytes\":1}}},\"url\":{\"original\":\"/\",\"path\":\"/"
     "\"},\"related\":{\"ip\":[\"1.2.3.4\"],\"user\":[\"bob\"]}}\n"},
    {"apache: {dataset: error}", "AH00558: apache2: Could not\n",
     ",\"module\":\"apache\",\"dataset\":\"apache.error\"},\"message\":\"AH00558: apache2: Could "
     "not\",\"error\":{\"message\":\"apache.error: the line is not as in an error "
     "log\"},\"log\":{\"offset\":0 | }\n"},
};

static void lines_become_these_events(void **state)
{
    (void)state;
    run_parse_cases(rows, COUNT(rows));
}

/* Cut anywhere, a line matches no more or is another; never is a byte behind it read (parse_line gives it exactly). */
static void lines_cut_anywhere_are_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parse_rig rig;
        parse_open(&rig, rows[i].yaml);
        for (size_t len = 0; len < strlen(rows[i].text); len++)
            parse_line(&rig, rows[i].text, len);
        assert_int_equal(rig.n_events, strlen(rows[i].text));
        parse_close(&rig);
    }
}

static void bytes_changed_anywhere_are_safe(void **state)
{
    (void)state;
    random_begin("bytes_changed_anywhere_are_safe");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parse_rig rig;
        parse_open(&rig, rows[i].yaml);
        size_t len = strlen(rows[i].text);
        for (size_t n = 0; n < 300 && len > 0; n++) {
            char *line = mem_dup(rows[i].text);
            for (uint64_t k = 0; k <= random_below(3); k++)
                line[random_below(len)] = (char)random_next();
            parse_line(&rig, line, len);
            free(line);
        }
        parse_close(&rig);
    }
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_parser_refused("nginx: {format: main2}",
                          "t:1:8: parsers.nginx: format: 'main2' is no name of a format and has no "
                          "variable in it: write it as in nginx.conf");
    assert_parser_refused(
        "nginx: {format: '$a$b'}",
        "t:1:8: parsers.nginx: format: two fields with nothing between them: where "
        "the first ends cannot be known");
    assert_parser_refused("nginx: {format: '$ x'}",
                          "t:1:8: parsers.nginx: format: no name of a variable at '$ x'");
    assert_parser_refused("nginx: {format: 'log_format x ''$status'}",
                          "t:1:8: parsers.nginx: format: a quote is missing at the end");
    assert_parser_refused("apache: {format: 'x'}",
                          "t:1:9: parsers.apache: format: 'x' is no name of a format and has no "
                          "directive in it: write it as in httpd.conf");
    assert_parser_refused("apache: {format: '%{x'}",
                          "t:1:9: parsers.apache: format: no directive of Apache at '%{x'");
    assert_parser_refused(
        "apache: {dataset: acces}",
        "t:1:19: parsers.apache.dataset: expected access or error, found 'acces', did "
        "you mean 'access'?");
    assert_parser_refused("nginx: {forma: x}",
                          "t:1:9: unknown key 'parsers.nginx.forma', did you mean 'format'?");
}

static void local_times_follow_the_clocks_of_the_zone(void **state)
{
    (void)state;
    static const struct parse_case local[] = {
        {"nginx: {dataset: error}",
         "2024/01/10 12:00:00 [error] 1#0: winter\n2024/07/10 12:00:00 [error] 1#0: summer\n",
         "2024-01-10T11:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+01:00\",\"module\":\"nginx\","
         "\"dataset\":\"nginx.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":["
         "\"error\"]},\"message\":\"winter\","
         "\"log\":{\"offset\":0,\"level\":\"error\" | "
         ",\"process\":{\"pid\":1,\"thread\":{\"id\":0}}}\n"
         "2024-07-10T10:00:00.000Z "
         ",\"created\":\"2026-09-21T14:13:20.000Z\",\"timezone\":\"+02:00\",\"module\":\"nginx\","
         "\"dataset\":\"nginx.error\",\"kind\":\"event\",\"category\":[\"web\"],\"type\":["
         "\"error\"]},\"message\":\"summer\","
         "\"log\":{\"offset\":40,\"level\":\"error\" | "
         ",\"process\":{\"pid\":1,\"thread\":{\"id\":0}}}\n"},
    };
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    run_parse_cases(local, COUNT(local));
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_these_events),
        cmocka_unit_test(lines_cut_anywhere_are_safe),
        cmocka_unit_test(bytes_changed_anywhere_are_safe),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(local_times_follow_the_clocks_of_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
