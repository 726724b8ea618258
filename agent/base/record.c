/* record.c: events in the making and what is kept of them; see record.h. */
#include <posta/record.h>

void members_add(struct buf *run, const char *members, size_t len)
{
    if (len == 0)
        return;
    if (run->len)
        buf_putc(run, ',');
    buf_append(run, members, len);
}

void fields_clear(struct fields *fields)
{
    buf_clear(&fields->event);
    buf_clear(&fields->log);
    buf_clear(&fields->root);
    buf_clear(&fields->error);
    buf_clear(&fields->json);
    buf_clear(&fields->id);
    fields->error_type = NULL;
}

void fields_free(struct fields *fields)
{
    buf_free(&fields->event);
    buf_free(&fields->log);
    buf_free(&fields->root);
    buf_free(&fields->error);
    buf_free(&fields->json);
    buf_free(&fields->id);
}

void fields_error(struct fields *fields, const char *type, const char *text)
{
    if (fields->error.len)
        buf_puts(&fields->error, "; ");
    buf_puts(&fields->error, text);
    if (type)
        fields->error_type = type;
}

static void copy(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    buf_append(to, from->data, from->len);
}

void record_hold(struct held *held, const struct record *rec)
{
    held->rec = *rec;
    buf_clear(&held->text);
    buf_append(&held->text, rec->text, rec->len);
    copy(&held->fields.event, &rec->fields->event);
    copy(&held->fields.log, &rec->fields->log);
    copy(&held->fields.root, &rec->fields->root);
    copy(&held->fields.error, &rec->fields->error);
    copy(&held->fields.json, &rec->fields->json);
    copy(&held->fields.id, &rec->fields->id);
    held->fields.error_type = rec->fields->error_type;
    held->is_held = true;
}

struct record *held_record(struct held *held)
{
    held->rec.text = held->text.data ? held->text.data : "";
    held->rec.len = held->text.len;
    held->rec.fields = &held->fields;
    return &held->rec;
}

void held_clear(struct held *held)
{
    held->is_held = false;
}

void held_free(struct held *held)
{
    buf_free(&held->text);
    fields_free(&held->fields);
    held->is_held = false;
}
