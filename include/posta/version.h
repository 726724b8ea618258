/* version.h: posta's version; agent.version and @metadata.version of its events. */
#ifndef POSTA_VERSION_H
#define POSTA_VERSION_H

#define POSTA_VERSION "0.1.0"

#endif
