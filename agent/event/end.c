/* end.c: the event of a generation's end: for who verifies that nothing is missing, dataset posta.end.
 *
 * {"@timestamp","@metadata","event":{"id":K+offset+"-end","kind":"event","dataset":"posta.end"},
 *  "posta":{"end":{"proof","lost_bytes","left_out_bytes"}},"log":{"offset","file":{..}}, and the rest as in a line's event}
 */
#include "event.h"

enum { OFFSET_DIGITS = 12 };

void encoder_end(const struct encoder *enc, const struct event_end *end, struct buf *out)
{
    char id[SOURCE_KEY_LEN + OFFSET_DIGITS + 1] = "";
    size_t first = enc->id_at[0] - SOURCE_KEY_LEN, second = enc->id_at[1] - SOURCE_KEY_LEN;
    size_t between = enc->id_at[0] + OFFSET_DIGITS;
    encoder_id(enc, end->offset, id);
    buf_clear(out);
    buf_append(out, enc->head.data, first);
    buf_printf(out, "%s-end", id);
    buf_append(out, enc->head.data + between, second - between);
    buf_printf(out, "%s-end\",\"kind\":\"event\",\"dataset\":\"posta.end\"}", id);
    buf_printf(
        out, ",\"posta\":{\"end\":{\"proof\":\"%s\",\"lost_bytes\":%llu,\"left_out_bytes\":%llu}}",
        end->proof, (unsigned long long)end->lost_bytes, (unsigned long long)end->left_out_bytes);
    buf_printf(out, ",\"log\":{\"offset\":%llu", (unsigned long long)end->offset);
    buf_append(out, enc->tail.data, enc->tail.len);
}
