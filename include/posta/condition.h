/* condition.h: Beats' conditions (`when`): equals, contains, regexp, range, network, has_fields, or, and, not. */
#ifndef POSTA_CONDITION_H
#define POSTA_CONDITION_H

#include <posta/config_node.h>
#include <posta/lookup.h>

struct condition;

/* Read the mapping below `when`; what is wrong is added to problems, with its place. NULL then. Caller frees. */
struct condition *condition_read(const struct node *when, struct problems *problems);
void condition_free(struct condition *condition); /* NULL is fine */

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_OPEN /* only the event knows */ };
/* Never OPEN of a whole event. Not for two threads at once (regular expressions). */
enum truth condition_check(const struct condition *condition, struct lookup *lookup);

#endif
